"""Speech models with a CTC head against transformers' pipeline: text, times of words and characters, chunks."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.parity.records import record
from workbench.results import Transcript
from workbench.runtime.ctc import Letters
from workbench.runtime.session import Session, SessionOptions
from workbench.tasks.automatic_speech_recognition import PIPELINE
from workbench.tasks.base import ModelFiles, Run

pytestmark = pytest.mark.toolchain

RATE = 16_000
MODELS = ("wav2vec2", "hubert", "wavlm", "sew", "wav2vec2-bert")


@pytest.fixture(scope="session")
def made(run_toolchain_script: Callable[..., Path]) -> Path:
    return run_toolchain_script("ctc")


@pytest.fixture(scope="session")
def heard(made: Path) -> Mapping[str, Any]:
    with np.load(made / "sounds.npz") as archive:
        return {name: archive[name] for name in archive.files}


def files_of(folder: Path) -> ModelFiles:
    return ModelFiles(folder, {"model": folder / "onnx" / "model.onnx"})


@pytest.mark.parametrize("name", MODELS)
def test_steps_are_read_as_the_tokenizer_reads_them(made: Path, name: str) -> None:
    rows = json.loads((made / "tokens.json").read_text("utf-8"))[name]
    letters = Letters.of_model(files_of(made / name))
    assert len(rows) == 24
    for row in rows:
        found = letters.letters(np.array(row["ids"], np.int64))
        assert letters.text(found) == row["text"]
        assert [[item.text, item.start, item.end] for item in found] == row["letters"]
        assert [[item.text, item.start, item.end] for item in letters.words(found)] == row["words"]


@pytest.mark.parametrize("name", MODELS)
def test_sounds_are_written_down_as_by_the_pipeline(made: Path, heard: Mapping[str, Any], name: str) -> None:
    cases = [case for case in json.loads((made / "cases.json").read_text("utf-8")) if case["model"] == name]
    assert len(cases) == 24
    files = files_of(made / name)
    pipeline = PIPELINE(files, {"model": Session(files.graphs["model"], SessionOptions("cpu"))})
    letters = 0
    for case in cases:
        got = pipeline({"array": heard[case["sound"]], "sampling_rate": RATE}, case["params"], Run())
        assert isinstance(got, Transcript)
        wanted = case["answer"]
        where = f"{case['sound']} {case['params']}"
        assert got.text == wanted["text"], where
        assert got.to_json()["chunks"] == wanted.get("chunks", []), where
        letters += len(got.text)
    assert letters > 500  # they do say something
    record(
        "automatic-speech-recognition",
        f"{name} (CTC)",
        len(cases),
        "text identical, times of words and characters identical, also in chunks",
        "exported by torch: Optimum does not know it" if name == "wav2vec2-bert" else "",
    )
