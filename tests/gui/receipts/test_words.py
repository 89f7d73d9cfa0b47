"""What the window says of a receipt's figures."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.gui.receipts.fakes import agreed, receipt, speed
from workbench.gui.receipt_words import (
    agreement_figure,
    agreement_number,
    agreement_tone,
    differing,
    further,
    interval,
    is_recommended,
    measured_row,
    rate,
    short_verdict,
    speed_beside_fp32,
    tone_words,
)
from workbench.receipts.receipt import Agreed, Receipt, ReceiptRow
from workbench.receipts.verdicts import verdicts


def with_row(row: ReceiptRow) -> Receipt:
    made = receipt()
    return replace(made, rows=(*made.rows, row))


def test_a_variant_in_one_line() -> None:
    assert short_verdict(receipt(), "int8", "cpu") == "int8: 24 of 26 agree, 2.0× faster than fp32"
    assert short_verdict(receipt(), "fp32", "cpu") == "fp32: 26 of 26 agree"
    assert short_verdict(receipt(), "q4", "cpu") == ""


def test_what_was_measured_on_another_provider_says_so() -> None:
    assert short_verdict(receipt(), "int8", "dml") == "int8, CPU: 24 of 26 agree, 2.0× faster than fp32"


def test_a_row_that_failed_is_not_what_was_measured() -> None:
    found = measured_row(receipt(failed=True), "int8", "cuda")
    assert found is not None
    assert found.provider == "cpu"
    assert measured_row(receipt(), "q4", "cpu") is None


def test_a_provider_that_failed_takes_no_recommendation() -> None:
    made = receipt(failed=True)
    assert [is_recommended(made, row) for row in made.rows] == [False, True, False]
    both = with_row(ReceiptRow("int8", "cuda", 1, agreed(0.99), speed(900)))
    assert [is_recommended(both, row) for row in both.rows] == [False, False, True]


@pytest.mark.parametrize(
    ("per_s", "said"),
    [
        (320, "2.0× faster than fp32"),
        (164, "as fast as fp32"),
        (80, "2.0× slower than fp32"),
        (8000, "50× faster than fp32"),
    ],
)
def test_speed_is_told_beside_fp32(per_s: float, said: str) -> None:
    row = ReceiptRow("fp16", "cpu", 1, None, speed(per_s))
    assert speed_beside_fp32(with_row(row), row) == said


def test_speed_is_the_same_in_the_table_and_in_the_verdict() -> None:
    hasty = replace(speed(320), throughput_per_s=250.0)  # now and then something was in the way
    row = ReceiptRow("int8", "cpu", 23_100_000, agreed(0.9921), hasty)
    made = with_row(row)
    assert "2.0× faster" in str(verdicts(made)[-1])
    assert speed_beside_fp32(made, row) == "2.0× faster than fp32"


def test_nothing_is_told_where_there_is_no_fp32_on_the_provider() -> None:
    row = ReceiptRow("int8", "cuda", 1, None, speed(900))
    assert speed_beside_fp32(with_row(row), row) == ""


@pytest.mark.parametrize(
    ("mean", "tone"),
    [(1.0, "success"), (0.99, "success"), (0.97, "accent"), (0.9, "warning"), (0.2, "danger"), (None, "muted")],
)
def test_the_tone_of_an_agreement(mean: float | None, tone: str) -> None:
    assert agreement_tone(None if mean is None else agreed(mean)) == tone


def test_a_tone_says_what_it_means_at_the_least() -> None:
    means = ("success", "accent", "warning", "danger", "muted")
    assert [tone_words(tone) for tone in means] == [
        "Very close",
        "Close",
        "Noticeable differences",
        "Large differences",
        "Not compared",
    ]


@pytest.mark.parametrize(
    ("perplexity", "tone", "line"),
    [
        (20.6, "accent", "q4: 85.0% of the next tokens, perplexity 20.60 (+3.0%), 2.0× faster than fp32"),
        (21.6, "warning", "q4: 85.0% of the next tokens, perplexity 21.60 (+8.0%), 2.0× faster than fp32"),
        (25.0, "danger", "q4: 85.0% of the next tokens, perplexity 25.00 (+25.0%), 2.0× faster than fp32"),
    ],
)
def test_a_language_model_is_judged_by_its_perplexity_too(perplexity: float, tone: str, line: str) -> None:
    extra = {"perplexity": perplexity, "reference_perplexity": 20.0}
    found = Agreed("same next token", 0.85, 0.8, 0.9, 8, 6, extra=extra)
    made = with_row(ReceiptRow("q4", "cpu", 1, found, speed(320)))
    assert agreement_tone(found) == tone
    assert short_verdict(made, "q4", "cpu") == line
    assert differing(found) == "in 8 texts"


@pytest.mark.parametrize(
    ("metric", "number", "ends", "figure"),
    [
        ("cosine", "cosine 0.9500", "0.9480 to 0.9510", "0.950"),
        ("same label", "same label in 95.0% of the samples", "94.8% to 95.1%", "95.0%"),
        ("same next token", "95.0% of the next tokens", "94.8% to 95.1%", "95.0%"),
        ("mask IoU", "overlap of the masks 0.9500", "0.9480 to 0.9510", "0.950"),
        ("something new", "something new 0.9500", "0.9480 to 0.9510", "0.950"),
    ],
)
def test_each_measure_in_its_unit(metric: str, number: str, ends: str, figure: str) -> None:
    found = agreed(0.95, metric=metric)
    assert agreement_number(metric, 0.95) == number
    assert interval(found) == ends
    assert agreement_figure(found) == figure


def test_what_is_not_quite_one_does_not_look_so() -> None:
    assert agreement_figure(agreed(0.99998)) == "0.99998"
    assert agreement_figure(agreed(1.0)) == "1.000"
    assert differing(agreed(1.0)) == "all 26 agree"
    assert differing(agreed(0.9, 2)) == "2 of 26 differ"


def test_perplexity_is_told_as_a_change() -> None:
    extra = {"perplexity": 22.0, "reference_perplexity": 20.0, "rank_correlation": 0.985}
    found = Agreed("same next token", 0.9, 0.8, 0.95, 10, 3, extra=extra)
    assert further(found) == ["perplexity 22.00 (+10.0%)", "rank correlation 0.9850"]
    same = replace(found, extra={"perplexity": 19.999, "reference_perplexity": 20.0})
    assert further(same) == ["perplexity 20.00 (±0.0%)"]
    assert further(agreed(1.0)) == []


@pytest.mark.parametrize(("per_s", "said"), [(1234.5, "1,234"), (320.4, "320"), (9.46, "9.5"), (0.254, "0.25")])
def test_a_rate_has_the_digits_that_anyone_can_use(per_s: float, said: str) -> None:
    assert rate(per_s) == said
