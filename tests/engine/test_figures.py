"""What is told of many samples: intervals, the worst, further figures, next tokens of language models."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.parity.verifying import verified
from workbench.engine.figures import Compared, Figures, interval
from workbench.engine.verification import log_likelihoods
from workbench.errors import InputError, ModelError
from workbench.results import Box, Boxes, Rank, Ranking, Result, Text, Transcript
from workbench.tasks.agreement import further_figures, rank_correlation
from workbench.tasks.base import ModelFiles, Outputs, Pipeline, Run
from workbench.tasks.short_answers import MAX_CHARACTERS, short_answer, short_input


def test_the_interval_of_a_share() -> None:
    values = np.array([1.0] * 90 + [0.0] * 10)
    low, high = interval(values)
    # The normal approximation: 0.9 ± 1.96 · sqrt(0.09 / 100).
    assert low == pytest.approx(0.9 - 0.0588, abs=0.015)
    assert high == pytest.approx(0.9 + 0.0588, abs=0.015)
    assert interval(values) == (low, high)
    assert interval(np.array([0.5])) == (0.5, 0.5)


def told(*values: float, metric: str = "same label") -> dict[str, Any]:
    figures = Figures()
    for index, value in enumerate(values):
        figures.add(index, Compared(metric, value, f"input {index}", "got", "wanted"))
    return figures.tell()


def test_the_worst_samples_come_first_and_equal_ones_in_their_order() -> None:
    agreed = told(1.0, 0.2, 0.9, 0.2, 0.1, 0.5, 0.6, 0.7)["agreed"]
    assert [item["index"] for item in agreed["worst"]] == [4, 1, 3, 5, 6]
    assert (agreed["samples"], agreed["differing"]) == (8, 7)
    assert told(1.0, 1.0)["agreed"]["worst"] == []


def test_numbers_differ_only_where_it_can_be_told() -> None:
    assert told(0.995, 0.985, 1.0, metric="cosine")["agreed"]["differing"] == 1
    assert told(0.995, 0.985, 1.0, metric="span F1")["agreed"]["differing"] == 2


def test_the_order_of_likeness() -> None:
    chance = np.random.default_rng(1)
    vectors = chance.normal(size=(6, 8))
    figures = Figures()
    for index, vector in enumerate(vectors):
        figures.add(index, Compared("cosine", 1.0, vectors=(3 * vector, vector)))
    assert figures.tell()["agreed"]["extra"]["rank_correlation"] == pytest.approx(1)


def test_rank_correlation() -> None:
    # Spearman's, ties sharing their ranks, worked out by hand.
    assert rank_correlation(np.array([1, 2, 3, 4]), np.array([10, 20, 30, 40])) == pytest.approx(1)
    assert rank_correlation(np.array([1, 2, 3, 4]), np.array([4, 3, 2, 1])) == pytest.approx(-1)
    assert rank_correlation(np.array([1, 2, 3, 4]), np.array([1, 3, 2, 4])) == pytest.approx(0.8)
    assert rank_correlation(np.array([1, 1, 2]), np.array([1, 2, 3])) == pytest.approx(math.sqrt(0.75))


def box(xmax: float) -> Boxes:
    return Boxes(100, 100, (Box("cat", 0.9, 0, 0, xmax, 10), Box("dog", 0.8, 50, 50, 60, 60)))


@pytest.mark.parametrize(
    ("got", "wanted", "figures"),
    [
        (Text("a b c", 3, "stop"), Text("a b d", 3, "stop"), {"word_error_rate": (1 / 3, 3)}),
        (Transcript("one two", ()), Transcript("one", ()), {"word_error_rate": (1.0, 1)}),
        (box(8), box(10), {"box_iou": (0.9, 2)}),
        (
            Ranking("", (Rank(1, "", 0.9), Rank(0, "", 0.1))),
            Ranking("", (Rank(1, "", 5.0), Rank(0, "", 4.0))),
            {"rank_correlation": (1.0, 1)},
        ),
    ],
)
def test_further_figures(got: Result, wanted: Result, figures: dict[str, tuple[float, float]]) -> None:
    found = further_figures(got, wanted)
    assert found.keys() == figures.keys()
    for name, pair in figures.items():
        assert found[name] == pytest.approx(pair)


def test_inputs_in_a_few_words() -> None:
    assert short_input("/home/somebody/pictures/cat.jpg") == "cat.jpg"
    assert short_input("media/cat.jpg") == "cat.jpg"
    assert short_input({"image": "/home/somebody/page.png", "question": "How\nmuch?"}) == "page.png | How much?"
    assert short_input("/ is a slash.\nAnd more") == "/ is a slash. And more"
    assert len(short_input("word " * 100)) == MAX_CHARACTERS
    assert short_answer(box(10)) == "cat at 0, 0, dog at 50, 50"


class Says(Pipeline):
    """A language model of five tokens, which thinks of each place what ``logits`` says."""

    def __init__(self, logits: np.ndarray[Any, Any]) -> None:
        super().__init__(ModelFiles(Path(), {}), {})
        self._logits = logits

    def preprocess(self, item: Any, params: Mapping[str, Any], run: Run) -> Any:
        if item == "unreadable":
            raise InputError("text-no-tokens", text=item)
        return item

    def forward(self, prepared: Any, params: Mapping[str, Any], run: Run) -> Outputs:
        return {"logits": self._logits[None]}

    def postprocess(self, outputs: Outputs, prepared: Any, params: Mapping[str, Any], run: Run) -> Result:
        raise AssertionError("its recorded tokens are compared")


IDS = [1, 2, 3, 4]
THEIRS = np.eye(5, dtype=np.float32)[[2, 3, 4, 0]] * 4
OURS = np.eye(5, dtype=np.float32)[[2, 1, 4, 0]] * 4


def recorded(folder: Path, rows: int, *, more: bool, inputs: tuple[str, ...] = ("a text",)) -> Path:
    """What was recorded of THEIRS: logits of the first rows, and with ``more`` figures of all; ``folder``."""
    place = folder / "reference"
    place.mkdir(exist_ok=True)
    answer: dict[str, Any] = {"token_ids": IDS}
    if more:
        answer |= {"next_tokens": [2, 3, 4, 0], "log_likelihoods": log_likelihoods(THEIRS, IDS).tolist()}
    samples = [{"input": text, "outputs": {"logits": "0/logits"}, "answer": answer} for text in inputs]
    (place / "samples.json").write_text(json.dumps({"schema": 1, "samples": samples}), "utf-8")
    np.savez(place / "answers.npz", **{"0/logits": THEIRS[None, :rows]})
    return folder


@pytest.mark.parametrize(("rows", "more"), [(4, False), (4, True), (2, True)])
def test_next_tokens_and_perplexity(tmp_path: Path, rows: int, more: bool) -> None:
    found = verified(Says(OURS), recorded(tmp_path, rows, more=more))
    assert found["agreement"]["metric"] == "same next token"
    assert found["agreement"]["mean"] == 0.75
    right = 4 - math.log(math.exp(4) + 4)
    wrong = -math.log(math.exp(4) + 4)
    extra = found["agreed"]["extra"]
    assert extra["reference_perplexity"] == pytest.approx(math.exp(-right))
    assert extra["perplexity"] == pytest.approx(math.exp(-(2 * right + wrong) / 3))
    assert found["outputs"]["logits"]["max_abs_diff"] == 4
    (worst,) = found["agreed"]["worst"]
    assert (worst["got"], worst["wanted"]) == ("…1 2 ▸ “1”", "…1 2 ▸ “3”")


def test_what_cannot_be_read_is_passed_over_where_that_is_asked_for(tmp_path: Path) -> None:
    folder = recorded(tmp_path, 4, more=True, inputs=("unreadable", "a text"))
    found = verified(Says(THEIRS), folder, skip_unreadable=True)
    assert found["samples"] == 1
    assert [(item["index"], item["input"]) for item in found["skipped"]] == [(0, "unreadable")]
    with pytest.raises(InputError):
        verified(Says(THEIRS), folder)
    with pytest.raises(InputError):
        verified(Says(THEIRS), recorded(tmp_path, 4, more=True, inputs=("unreadable",)), skip_unreadable=True)


def test_answers_that_are_cut_off(tmp_path: Path) -> None:
    folder = recorded(tmp_path, 4, more=True)
    data = (folder / "reference" / "answers.npz").read_bytes()
    (folder / "reference" / "answers.npz").write_bytes(data[: len(data) // 2])
    with pytest.raises(ModelError) as caught:
        verified(Says(THEIRS), folder)
    assert caught.value.code == "reference-unreadable"


@pytest.mark.parametrize("tokens", [[1, 2, 3, 5], [1, 2, 3]])
def test_tokens_that_are_not_those_of_the_scores(tmp_path: Path, tokens: list[int]) -> None:
    folder = recorded(tmp_path, 4, more=False)
    path = folder / "reference" / "samples.json"
    document = json.loads(path.read_text("utf-8"))
    document["samples"][0]["answer"]["token_ids"] = tokens
    path.write_text(json.dumps(document), "utf-8")
    with pytest.raises(ModelError) as caught:
        verified(Says(THEIRS), folder)
    assert caught.value.code == "reference-misfit"
