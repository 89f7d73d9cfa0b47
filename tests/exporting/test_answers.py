"""The checkpoint's own answers to a user's samples, and the receipt that an export ends with."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.exporting.conftest import Export, spec_of
from workbench.cancellation import Cancellation
from workbench.errors import Cancelled, ExportError
from workbench.exporting.answers import Checkpoint, torch_answers
from workbench.exporting.spec import STAGING
from workbench.exporting.toolchains import Toolchain

pytestmark = pytest.mark.toolchain


@dataclass(frozen=True)
class Ask:
    """Asks a checkpoint, with folders of this test."""

    toolchain: Path
    place: Path

    def __call__(self, checkpoint: Checkpoint, samples: list[Any], cancellation: Cancellation | None = None) -> Any:
        return torch_answers(
            checkpoint,
            samples,
            toolchain=Toolchain("optimum", self.toolchain, managed=False),
            artifacts_dir=self.place / "artifacts",
            data_dir=self.place / "data",
            cancellation=cancellation,
        )


@pytest.fixture
def ask(warm_toolchain: Path, tmp_path: Path) -> Ask:
    return Ask(warm_toolchain, tmp_path)


def left(place: Path) -> list[str]:
    return [path.name for path in (place / "artifacts" / STAGING).iterdir() if path.is_dir()]


def test_it_answers_as_it_does_for_an_export(
    checkpoint: Callable[[str], Path], export: Export, ask: Ask, tmp_path: Path
) -> None:
    source = checkpoint("bert")
    texts = ["the cat sat on a mat", "two red birds in rain"]
    task = {"task": "text-classification", "export_task": "text-classification"}
    made = export(spec_of(source, "fp32", samples=tuple(texts), **task)).folder / "reference"
    with ask(Checkpoint(source, **task), [texts[1], 7, texts[0]]) as (folder, skipped):
        rows = json.loads((folder / "samples.json").read_text("utf-8"))["samples"]
        assert [(row["index"], row["input"]) for row in rows] == [(0, texts[1]), (2, texts[0])]
        assert [number for number, _ in skipped] == [1]
        with np.load(folder / "answers.npz") as ours, np.load(made / "answers.npz") as theirs:
            assert np.allclose(ours["0/logits"], theirs["1/logits"], atol=1e-6)
            assert np.allclose(ours["2/logits"], theirs["0/logits"], atol=1e-6)
        assert left(tmp_path) == ["answers-0"]
    assert left(tmp_path) == []


def test_where_nothing_can_be_answered(checkpoint: Callable[[str], Path], ask: Ask, tmp_path: Path) -> None:
    asked = Checkpoint(checkpoint("bert"), "text-classification", "text-classification")
    with pytest.raises(ExportError) as caught, ask(asked, [7]):
        pass
    assert caught.value.code == "export-sample"
    assert left(tmp_path) == []


def test_it_can_be_cancelled(checkpoint: Callable[[str], Path], ask: Ask, tmp_path: Path) -> None:
    asked = Checkpoint(checkpoint("bert"), "text-classification", "text-classification")
    cancellation = Cancellation()
    cancellation.cancel()
    with pytest.raises(Cancelled), ask(asked, ["a text"], cancellation):
        pass
    assert left(tmp_path) == []
