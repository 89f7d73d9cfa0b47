"""Recorded answers come with an exported model, from whoever made it: what is damaged in them is told, and no more
memory is asked for than they have."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.receipts.tiny_export import tiny_export
from workbench.cancellation import Cancellation
from workbench.engine.loading import load_model
from workbench.engine.request import ModelChoice
from workbench.engine.verification import verify
from workbench.errors import ModelError
from workbench.recorded_samples import read_recorded
from workbench.tasks.base import Pipeline

GOOD = {"input": "a text", "outputs": {"logits": "0/logits"}}
TOKENS = {"token_ids": [1, 2], "next_tokens": [2, 3], "log_likelihoods": [-0.5]}


def written(folder: Path, document: Any) -> Path:
    (folder / "samples.json").write_text(document if isinstance(document, str) else json.dumps(document), "utf-8")
    return folder


def test_what_is_whole(tmp_path: Path) -> None:
    rows = [
        GOOD,
        {**GOOD, "index": 7, "answer": TOKENS},
        {"input": {"image": "media/a.png"}, **{"outputs": {"a": "b"}}},
    ]
    found = read_recorded(written(tmp_path, {"schema": 1, "samples": rows})).samples
    assert [sample.index for sample in found] == [0, 7, 2]
    assert found[1].answer["next_tokens"] == [2, 3]
    assert found[2].input == {"image": str(tmp_path / "media" / "a.png")}


@pytest.mark.parametrize(
    "document",
    [
        "",
        "{",
        "[" * 100_000,
        "[]",
        "null",
        {},
        {"samples": [GOOD]},
        {"schema": 0, "samples": [GOOD]},
        {"schema": "1", "samples": [GOOD]},
        {"schema": 1},
        {"schema": 1, "samples": None},
        {"schema": 1, "samples": ["x"]},
        {"schema": 1, "samples": [None]},
        *(
            {"schema": 1, "samples": [{**GOOD, **more}]}
            for more in (
                {"outputs": None},
                {"outputs": {}},
                {"outputs": ["x"]},
                {"outputs": {"logits": 1}},
                {"index": -1},
                {"index": "x"},
                {"index": 1.5},
                {"input": "media/../../secret.png"},
                {"answer": "x"},
                {"answer": {"text": 1}},
                {"answer": {**TOKENS, "token_ids": ["x"]}},
                {"answer": {**TOKENS, "token_ids": [-1, 2]}},
                {"answer": {**TOKENS, "token_ids": [1 << 40, 2]}},
                {"answer": {**TOKENS, "token_ids": [1]}},
                {"answer": {**TOKENS, "token_ids": []}},
                {"answer": {**TOKENS, "next_tokens": [1, 2, 3]}},
                {"answer": {**TOKENS, "log_likelihoods": [None]}},
                {"answer": {**TOKENS, "log_likelihoods": []}},
                {"answer": {"next_tokens": [1]}},
            )
        ),
    ],
)
def test_what_is_damaged(tmp_path: Path, document: Any) -> None:
    with pytest.raises(ModelError) as caught:
        read_recorded(written(tmp_path, document))
    assert caught.value.code == "reference-unreadable"


def test_a_newer_workbench(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"version 2.*up to version 1; update") as caught:
        read_recorded(written(tmp_path, {"schema": 2, "samples": "in another way"}))
    assert caught.value.code == "reference-newer"


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        read_recorded(tmp_path)
    assert caught.value.code == "reference-unreadable"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[Pipeline, Path]:
    """The tiny classifier and the folder of its answers."""
    folder = tiny_export(tmp_path_factory.mktemp("recorded")).folder
    graphs = {"model": str(folder / "onnx" / "model.onnx")}
    choice = ModelChoice("tiny", str(folder), graphs, "text-classification", "cpu")
    return load_model(choice).pipeline, folder / "reference"


def header(shape: str, descr: str = "<f4") -> bytes:
    text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


def array(value: Any) -> Callable[[Path], None]:
    return lambda path: np.savez(path, **{"0/logits": np.array(value)})  # type: ignore[arg-type]


def member(data: bytes) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("0/logits.npy", data)

    return write


def compressed(path: Path) -> None:
    np.savez_compressed(path, **{"0/logits": np.zeros((1, 2), np.float32)})


@pytest.mark.parametrize(
    "write",
    [
        array([["a", "b"]]),
        array([[1j, 2j]]),
        array(np.array([["2020-01-01", "2020-01-02"]], "M8[D]")),
        array(np.zeros((1, 2), [("a", "f4")])),
        member(b""),
        member(b"nonsense"),
        member(header("(1, 2)")),
        member(header("(9**9,, ")),
        member(header("(-1, 2)") + b"\0" * 8),
        member(header("(1000000000000, 2)") + b"\0" * 8),
        member(header("(20000000000,)")),
        compressed,
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"PK\x03\x04nonsense"),
        lambda path: path.write_bytes(header("(1, 2)") + b"\0" * 8),
    ],
)
def test_arrays_that_are_damaged(tiny: tuple[Pipeline, Path], write: Callable[[Path], None]) -> None:
    pipeline, folder = tiny
    write(folder / "answers.npz")
    with pytest.raises(ModelError) as caught:
        list(verify(pipeline, str(folder), {}, Cancellation(), lambda kind, body: None))
    assert caught.value.code == "reference-unreadable"


def test_an_output_that_was_not_recorded(tiny: tuple[Pipeline, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline, folder = tiny
    np.savez(folder / "answers.npz", **{"0/other": np.zeros((1, 2), np.float32)})  # type: ignore[arg-type]
    row = {"input": "good", "outputs": {"other": "0/other"}}
    written(folder, {"schema": 1, "samples": [row]})
    forward = type(pipeline).forward
    monkeypatch.setattr(
        type(pipeline),
        "forward",
        lambda *words: {**(got := forward(*words)), "other": got["logits"]},
    )
    with pytest.raises(ModelError, match="lacks the output 'logits'"):
        list(verify(pipeline, str(folder), {}, Cancellation(), lambda kind, body: None))
