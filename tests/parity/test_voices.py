"""Voices against transformers' VitsModel: exactly without noise, by length and level with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.parity.records import record
from tests.parity.verifying import verified
from workbench.results import Audio
from workbench.runtime.session import Session, SessionOptions
from workbench.runtime.voice_text import VoiceText
from workbench.tasks.agreement import cosine
from workbench.tasks.base import ModelFiles, Run
from workbench.tasks.text_to_speech import PIPELINE, TextToSpeech

pytestmark = pytest.mark.toolchain

VOICES = ("letters", "regular", "exact")
LONG = "Good morning, the train to the coast leaves in ten minutes."
SILENT = {"noise_scale": 0.0, "noise_scale_duration": 0.0}


@pytest.fixture(scope="session")
def made(run_toolchain_script: Callable[..., Path]) -> Path:
    return run_toolchain_script("voices")


def load(folder: Path, suffix: str = "") -> TextToSpeech:
    files = ModelFiles(folder, {"model": folder / "onnx" / f"model{suffix}.onnx"})
    return PIPELINE(files, {"model": Session(files.graphs["model"], SessionOptions("cpu"))})


@pytest.mark.parametrize("name", VOICES)
def test_letters_are_those_of_the_tokenizer(made: Path, name: str) -> None:
    cases = json.loads((made / "cases.json").read_text("utf-8"))[name]
    voice = VoiceText.of_model(ModelFiles(made / name, {}))
    assert len(cases) == 7
    for text, ids in cases.items():
        assert voice.encode(voice.readable(text)) == ids, text


@pytest.mark.parametrize("name", VOICES)
def test_without_noise_the_samples_are_those_of_torch(made: Path, name: str) -> None:
    voice, lengths, worst, count = load(made / name), set(), 1.0, 0
    silent = {key: value for key, value in SILENT.items() if name != "regular" or key == "noise_scale"}
    with np.load(made / "waves.npz") as archive:
        keys = [key for key in archive.files if key.startswith(f"{name}/")]
        for key in keys:
            text, fast = key.split("/")[1], key.endswith("/fast")
            got = voice(text, silent | ({"speaking_rate": 2.0} if fast else {}), Run())
            assert isinstance(got, Audio)
            assert got.samples.shape == archive[key].shape, key
            agreement = cosine(got.samples, archive[key])
            assert agreement > 0.9999, key
            worst, count = min(worst, agreement), count + 1
            lengths.add(len(got.samples))
    assert count >= 12
    assert len(lengths) > 6
    note = "the noise is drawn inside the graph, by another generator than torch's: compared without noise"
    record("text-to-speech", f"vits ({name})", count, f"samples: cosine at least {worst:.6f}", note)


@pytest.mark.parametrize("name", VOICES)
def test_with_noise_length_and_level_are_alike(made: Path, name: str) -> None:
    length, level = json.loads((made / "noisy.json").read_text("utf-8"))[name]
    voice, waves = load(made / name), []
    for _ in range(8):
        got = voice(LONG, {}, Run())
        assert isinstance(got, Audio)
        waves.append(got.samples)
    # A mean over some hundred draws on either side; the lengths of single letters vary by more than themselves.
    assert 0.6 < float(np.mean([len(wave) for wave in waves])) / length < 1.6
    assert 0.7 < float(np.mean([np.sqrt(np.mean(wave**2)) for wave in waves])) / level < 1.4


@pytest.mark.parametrize("suffix", ["", "_fp16"])
@pytest.mark.parametrize("name", VOICES)
def test_an_export_verifies(made: Path, name: str, suffix: str) -> None:
    measured = verified(load(made / name, suffix), made / name)
    assert measured["samples"] == 2
    assert measured["agreement"]["metric"] == "spectrum and length"
    assert measured["agreement"]["worst"] > (0.9999 if not suffix else 0.97)
    assert measured["outputs"]["spectrum"]["cosine"] > (0.9999 if not suffix else 0.999)
