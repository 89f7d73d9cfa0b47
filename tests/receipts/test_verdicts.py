"""Verdicts in words, and which precision is recommended."""

from __future__ import annotations

import pytest

from tests.receipts.made import MACHINE, agreed, receipt, row
from workbench.doctor import machine
from workbench.errors import EngineError, Notice, error_to_wire
from workbench.gui import language
from workbench.library.manifest import FileEntry, Manifest, VariantEntry
from workbench.receipts.closeness import Closeness, closeness
from workbench.receipts.receipt import Agreed, Machine, Receipt
from workbench.receipts.verdicts import verdicts
from workbench.receipts.verification import recommend
from workbench.targets import recommended_by, recommended_of_rows


def said(shown: Receipt) -> list[str]:
    return [str(verdict) for verdict in verdicts(shown)]


def test_speed_size_and_answers_in_one_sentence() -> None:
    shown = receipt(row("fp32", 3900, 0.19), row("int8", 1000, 0.1, agreed(0.99, 2)))
    assert said(shown) == [
        "fp32: all 200 labels are the same",
        "int8: 1.9× faster, 3.9× smaller, 2 of 200 labels differ, recommended",
    ]


def test_slower_and_as_fast() -> None:
    shown = receipt(row("fp32", 1000, 0.1), row("int8", 900, 0.5), row("fp16", 990, 0.101), recommended="fp32")
    assert said(shown) == [
        "fp32: all 200 labels are the same, recommended",
        "int8: 5.0× slower, 1.1× smaller, all 200 labels are the same",
        "fp16: as fast, as large, all 200 labels are the same",
    ]


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        (agreed(0.99234, 20, "cosine"), "mean cosine 0.9923"),
        (agreed(0.95, 30, "word accuracy", word_error_rate=0.0412), "4.1 % of words differ in 200 samples"),
        (agreed(0.9, 30, "box F1"), "30 of 200 answers differ"),
        (agreed(1.0, 0, "box F1"), "all 200 answers are the same"),
        (agreed(0.9, 30, "mask IoU"), "masks overlap by 90.0 %"),
        (agreed(1, 0, "same next token", perplexity=20, reference_perplexity=20), "all next words are the same"),
        (
            agreed(0.94, 30, "same next token", perplexity=20.6, reference_perplexity=20.0),
            "94.0 % of next words are the same, perplexity +3.0 %",
        ),
    ],
)
def test_answers_by_their_kind(answers: Agreed, words: str) -> None:
    (verdict,) = said(receipt(row("fp32", 1000, 0.1, answers), recommended=""))
    assert verdict == f"fp32: {words}"


def test_providers_are_named_where_there_are_several() -> None:
    shown = receipt(
        row("fp32", 1000, 0.1),
        row("int8", 500, 0.05),
        row("fp32", 1000, 0.01, provider="cuda"),
        row("int8", 500, 0.02, provider="cuda"),
        recommended="fp32",
    )
    assert said(shown) == [
        "fp32 on cpu: all 200 labels are the same",
        "int8 on cpu: 2.0× faster, 2.0× smaller, all 200 labels are the same",
        "fp32 on cuda: 10× the speed of the CPU, all 200 labels are the same, recommended",
        "int8 on cuda: 2.0× slower, 2.0× smaller, all 200 labels are the same",
    ]


def test_a_row_that_failed_says_why() -> None:
    error = error_to_wire(EngineError("engine-out-of-memory", model="tiny"))
    unknown = {"code": "of-a-later-version", "message": "the moon was full", "arguments": {}}
    shown = receipt(row("fp32", 1000, 0.1, error=error), row("int8", 1000, 0.1, error=unknown))
    first, second = said(shown)
    assert first.startswith("fp32 could not be measured: there was not enough memory for tiny")
    assert second == "int8 could not be measured: the moon was full"


@pytest.mark.parametrize("arguments", [{}, {"model": 7}, {"model": [{"code": "nonsense"}]}, {"parts": "none"}])
def test_an_error_that_a_stranger_wrote_is_said_somehow(arguments: dict[str, object]) -> None:
    error = {"code": "engine-out-of-memory", "message": "as it was said", "arguments": arguments}
    (verdict,) = said(receipt(row("fp32", 1000, 0.1, error=error)))
    assert verdict.startswith("fp32 could not be measured: ")


def test_the_window_says_it_in_its_languages(monkeypatch: pytest.MonkeyPatch) -> None:
    verdict = verdicts(receipt(row("fp32", 3900, 0.19), row("int8", 1000, 0.1, agreed(0.99, 2))))[1]
    assert language.message_of(verdict).startswith("int8: 1.9× faster, 3.9× smaller, 2 of 200 labels differ")
    monkeypatch.setattr(language, "_current", ["zh_CN"])
    text = language.message_of(verdict)
    assert "1.9" in text
    assert "faster" not in text
    assert Notice.from_json(verdict.to_json()) == verdict


def test_the_smallest_that_is_exact_and_no_slower_is_recommended() -> None:
    exact = {"agreement": {"mean": 0.98}}
    coarse = {"agreement": {"mean": 0.9}}
    three = {"fp32": (900, {"agreement": {"mean": 1.0}}), "fp16": (450, exact), "int8": (300, exact)}
    assert recommend(three) == "int8"
    assert recommend(three, {"fp32": 0.1, "fp16": 0.105, "int8": 0.5}) == "fp16"
    assert recommend(three, {"fp32": 0.1, "fp16": 0.3, "int8": 0.5}) == "fp32"
    assert recommend(three, {"int8": 0.5}) == "int8"  # slower than what?
    assert recommend({**three, "int8": (300, coarse)}) == "fp16"
    assert recommend({"fp16": (450, coarse), "int8": (300, {"agreement": {"mean": 0.5}})}) == "fp16"


def test_of_a_language_model_perplexity_counts_as_well() -> None:
    def measured(mean: float, perplexity: float) -> dict[str, object]:
        extra = {"perplexity": perplexity, "reference_perplexity": 20.0}
        return {"agreement": {"metric": "same next token", "mean": mean, "extra": extra}}

    variants = {
        "fp32": (900, measured(1.0, 20.0)),
        "int8": (300, measured(0.94, 20.5)),
        "q4": (100, measured(0.7, 26.0)),
    }
    assert recommend(variants) == "int8"


@pytest.mark.parametrize(
    ("mean", "perplexity", "near"),
    [
        (1.0, None, Closeness.SAME),
        (0.991, None, Closeness.VERY_CLOSE),
        (0.97, None, Closeness.CLOSE),
        (0.95, None, Closeness.COARSE),
        (0.5, None, Closeness.FAR),
        (0.5, 20.1, Closeness.VERY_CLOSE),
        (0.5, 19.0, Closeness.VERY_CLOSE),  # less than the reference's is no fault
        (0.5, 21.0, Closeness.CLOSE),
        (0.5, 22.0, Closeness.COARSE),
        (0.5, 40.0, Closeness.FAR),
        (0.5, float("nan"), Closeness.FAR),
        (0.98, 40.0, Closeness.CLOSE),
    ],
)
def test_how_near_answers_are(mean: float, perplexity: float | None, near: Closeness) -> None:
    extra = {} if perplexity is None else {"reference_perplexity": 20.0, "perplexity": perplexity}
    assert closeness(mean, extra) is near


def manifest() -> Manifest:
    def variant(precision: str, size: int, mean: float) -> VariantEntry:
        agreement = {"metric": "same label", "mean": mean, "worst": 0.0}
        return VariantEntry(precision, {}, (FileEntry(precision, size, "0" * 64),), {"agreement": agreement})

    both = (variant("fp32", 900, 1.0), variant("int8", 300, 0.99))
    made = receipt()
    return Manifest(made.repo_id, made.commit, made.task, None, (), (), both)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "this_machine", lambda: MACHINE)


@pytest.mark.usefixtures("here")
def test_receipts_of_this_machine_decide() -> None:
    slow = receipt(row("fp32", 900, 0.1), row("int8", 300, 0.4))
    fast = receipt(row("fp32", 900, 0.1), row("int8", 300, 0.05))
    assert recommended_by(manifest(), ()) == "int8"
    assert recommended_by(manifest(), (slow,)) == "fp32"
    assert recommended_by(manifest(), (fast, slow)) == "int8"
    assert recommended_of_rows(slow.rows) == "fp32"
    elsewhere = receipt(*slow.rows, machine=Machine("Linux", "Another processor", 2, 1))
    assert recommended_by(manifest(), (elsewhere,)) == "int8"


@pytest.mark.usefixtures("here")
def test_a_receipt_of_other_files_does_not_count() -> None:
    assert recommended_by(manifest(), (receipt(row("fp32", 900, 0.1), row("int8", 299, 0.4)),)) == "int8"
    slow = (row("fp32", 900, 0.1), row("int8", 300, 0.4))
    assert recommended_by(manifest(), (receipt(*slow, commit="another"),)) == "int8"
    assert recommended_by(manifest(), (receipt(*slow, task="fill-mask"),)) == "int8"


@pytest.mark.usefixtures("here")
def test_what_broke_the_engine_is_not_recommended() -> None:
    error = error_to_wire(EngineError("engine-out-of-memory", model="tiny"))
    assert recommended_by(manifest(), (receipt(row("fp32", 900, 0.1), row("int8", 300, 0.05, error=error)),)) == "fp32"


@pytest.mark.usefixtures("here")
def test_a_provider_on_which_nothing_ran_does_not_decide() -> None:
    error = error_to_wire(EngineError("engine-out-of-memory", model="tiny"))
    on_cpu = (row("fp32", 900, 0.1), row("int8", 300, 0.05))
    on_gpu = tuple(row(name, size, 0.01, provider="cuda", error=error) for name, size in (("fp32", 900), ("int8", 300)))
    assert recommended_by(manifest(), (receipt(*on_gpu, *on_cpu),)) == "int8"


def test_the_machine_is_told_without_names_of_people() -> None:
    here = machine.this_machine()
    assert here.cores >= 1
    assert here.memory_bytes > 0
    assert here.processor
