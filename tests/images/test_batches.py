"""Pictures of one size go through a graph together, where that changes no answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.images.files import model_files
from workbench.engine.answering import Answered, answer_all
from workbench.errors import EngineError, InputError
from workbench.tasks.base import Array, Outputs, Run
from workbench.tasks.image_classification import PIPELINE

CONFIG = {"id2label": {"0": "dark", "1": "bright"}}


def own(pixels: Array) -> Array:
    """Logits of each picture by its own brightness."""
    bright = pixels.mean(axis=(1, 2, 3))
    return np.stack([1 - bright, bright], axis=1).astype(np.float32)


def mixed(pixels: Array) -> Array:
    """As a graph that scales by all that goes through together."""
    return np.asarray(own(pixels) / np.abs(pixels).max(), np.float32)


def single(pixels: Array) -> Array:
    """As a graph that was traced for one picture."""
    if len(pixels) > 1:
        raise EngineError("graph-failed", file="model.onnx", reason="reshape")
    return own(pixels)


class Graph:
    """A session around a function; remembers how many pictures went through at once."""

    def __init__(self, answer: Callable[[Array], Array], batch: int | str = "batch") -> None:
        self.input_names = ("pixel_values",)
        self.output_names = ("logits",)
        self.input_dtypes = {"pixel_values": np.dtype(np.float32)}
        self.input_shapes = {"pixel_values": (batch, 3, "height", "width")}
        self.answer = answer
        self.sizes: list[int] = []

    def run(self, feeds: Mapping[str, Array], run: Run, outputs: tuple[str, ...] | None = None) -> Outputs:
        self.sizes.append(len(feeds["pixel_values"]))
        return {"logits": self.answer(feeds["pixel_values"])}


@pytest.fixture
def pictures(tmp_path: Path) -> list[str]:
    """Twenty pictures of growing brightness and two sizes, and one that is none."""
    paths = []
    for number in range(20):
        size = (64, 64) if number % 4 else (64, 128)
        path = tmp_path / f"{number:02}.png"
        Image.new("RGB", size, (12 * number,) * 3).save(path)
        paths.append(str(path))
    (tmp_path / "none.png").write_text("no picture", "utf-8")
    return [*paths[:7], str(tmp_path / "none.png"), *paths[7:]]


def answers(folder: Path, graph: Graph, inputs: list[str]) -> list[Answered]:
    settings: dict[str, Any] = {"image_processor_type": "ViTImageProcessor", "size": {"height": 32, "width": 32}}
    pipeline = PIPELINE(model_files(folder / "model", settings, CONFIG), {"model": graph})
    found: list[Answered] = []
    for _ in answer_all(pipeline, inputs, {}, lambda index: Run(), found.append):
        pass
    return found


def scores(found: list[Answered]) -> list[Any]:
    return [item.result.to_json() if item.result else type(item.error) for item in found]


def test_together_or_alone_the_answers_are_the_same(tmp_path: Path, pictures: list[str]) -> None:
    graph, alone = Graph(own), Graph(own, batch=1)
    together = answers(tmp_path, graph, pictures)
    assert [item.index for item in together] == list(range(21))
    assert scores(together) == scores(answers(tmp_path, alone, pictures))
    assert scores(together)[7] is InputError
    assert max(graph.sizes) == 8
    assert set(alone.sizes) == {1}


@pytest.mark.parametrize("answer", [mixed, single])
def test_a_graph_that_cannot_gets_one_at_a_time(
    tmp_path: Path, pictures: list[str], answer: Callable[[Array], Array]
) -> None:
    graph, alone = Graph(answer), Graph(answer, batch=1)
    assert scores(answers(tmp_path, graph, pictures)) == scores(answers(tmp_path, alone, pictures))
    assert sum(size > 1 for size in graph.sizes) == 1  # the one time that it was tried
