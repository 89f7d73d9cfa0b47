"""Receipts made up for tests."""

from __future__ import annotations

from typing import Any

from workbench.receipts.receipt import Agreed, Machine, Receipt, ReceiptRow, SampleSet, Speed, WorstSample

MACHINE = Machine("Linux x86_64", "Some processor", 2, 8 << 30, ("avx2",))


def speed(median_s: float) -> Speed:
    return Speed(0.5, 0.2, median_s, 2 * median_s, 1 / median_s, 10, 0, 100_000_000)


def agreed(mean: float = 1.0, differing: int = 0, metric: str = "same label", **extra: float) -> Agreed:
    worst = (WorstSample(3, "a text", "this", "that", 0.0),) if differing else ()
    return Agreed(metric, mean, mean, mean, 200, differing, worst, extra)


def row(
    precision: str, size: int, median_s: float, said: Agreed | None = None, provider: str = "cpu", **more: Any
) -> ReceiptRow:
    return ReceiptRow(
        precision,
        provider,
        size,
        said or agreed(),
        speed(median_s),
        outputs={"logits": {"max_abs_diff": 0.25, "cosine": 0.99}},
        providers_got=(provider,),
        **more,
    )


def receipt(*rows: ReceiptRow, created: str = "2026-11-29T10:00:00.000+00:00", **more: Any) -> Receipt:
    values: dict[str, Any] = {
        "repo_id": "someone/tiny",
        "commit": "0123456789abcdef0123456789abcdef01234567",
        "task": "text-classification",
        "machine": MACHINE,
        "versions": {"workbench": "1", "onnxruntime": "1.32.0"},
        "reference": "torch",
        "samples": SampleSet("built-in", 200, "0" * 64),
        "recommended": "int8",
    }
    return Receipt(rows=rows, created=created, **(values | more))
