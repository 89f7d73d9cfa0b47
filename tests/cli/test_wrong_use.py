"""One rule for all commands: a value that an option can never have is wrong use, status 2, before any work is done."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import in_process
from workbench.api import Workbench
from workbench.errors import UsageError
from workbench.receipts.measured_model import MeasuredModel
from workbench.receipts.proving import prove
from workbench.thread_limit import most_threads

MODEL = "someone/tiny"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (f"run {MODEL} x --provider nope", "--provider"),
        (f"chat {MODEL} x --provider nope", "--provider"),
        (f"bench {MODEL} --provider nope", "--provider"),
        (f"bench {MODEL} --compare --provider cpu,nope", "--provider"),
        (f"receipt {MODEL} --provider nope", "--provider"),
        (f"receipt {MODEL} --provider auto", "--provider"),
        (f"verify {MODEL} --provider nope", "--provider"),
        (f"verify {MODEL} --provider cpu,nope", "--provider"),
        (f"verify {MODEL} --provider ,", "--provider"),
        (f"verify {MODEL} --precision ,", "--precision"),
        (f"receipt {MODEL} --precision ,", "--precision"),
        (f"bench {MODEL} --compare --precision ,", "--precision"),
        (f"export {MODEL} --precision ,", "--precision"),
        (f"export {MODEL} --precision fp33", "fp33"),
        (f"export {MODEL} --calibration nope", "--calibration"),
        (f"run {MODEL} x --precision fp33", "fp33"),
        (f"bench {MODEL} --precision fp33", "fp33"),
        (f"receipt {MODEL} --precision fp33", "fp33"),
        (f"verify {MODEL} --precision fp33", "fp33"),
        (f"run {MODEL} x --task nope", "nope"),
        (f"bench {MODEL} --task nope", "nope"),
        (f"receipt {MODEL} --task nope", "nope"),
        (f"verify {MODEL} --task nope", "nope"),
        (f"export {MODEL} --task nope", "nope"),
        ("models --task nope", "nope"),
        (f"verify {MODEL} --threshold -0.1", "number from 0 to 1"),
        (f"verify {MODEL} --threshold 1.01", "number from 0 to 1"),
        (f"verify {MODEL} --threshold nan", "number from 0 to 1"),
        (f"verify {MODEL} --threshold inf", "number from 0 to 1"),
        (f"bench {MODEL} --threads {most_threads() + 1}", "--threads"),
        (f"run {MODEL} x --threads {most_threads() + 1}", f"a whole number from 0 to {most_threads()}"),
        (f"bench {MODEL} --compare --batch 4097", "--batch"),
        (f"bench {MODEL} --compare --threads 1,-1", "--threads"),
        (f"bench {MODEL} --compare --threads {'9' * 5000}", "--threads"),
        (f"bench {MODEL} --compare --batch 0", "--batch"),
        (f"bench {MODEL} --compare --batch 1,1.5", "--batch"),
        (f"bench {MODEL} --compare --batch {'9' * 5000}", "--batch"),
        (f"bench {MODEL} --compare --batch ,", "--batch"),
        (f"bench {MODEL} --rounds 0", "--rounds"),
        (f"bench {MODEL} --rounds {'9' * 5000}", "--rounds"),
        (f"receipt {MODEL} --samples x --sample-count {'9' * 5000}", "--sample-count"),
        ("toolchain status --torch nope", "--torch"),
        ("toolchain install nope", "nope"),
        ("settings provider=nope", "provider"),
    ],
)
def test_an_impossible_value_is_wrong_use(
    tiny_repo: Path, capsys: pytest.CaptureFixture[str], words: str, said: str
) -> None:
    assert in_process(*words.split()) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("workbench: ")
    assert captured.err.count("\n") == 1
    assert said in captured.err


@pytest.mark.parametrize("threshold", [-0.1, 1.01, float("nan"), float("inf")])
def test_no_threshold_outside_its_range(threshold: float, tiny_repo: Path) -> None:
    with Workbench() as workbench:
        model: MeasuredModel = workbench.measured_model(MODEL)
        with pytest.raises(UsageError, match="give a number from 0 to 1"):
            prove(model, workbench.settings, threshold=threshold)
