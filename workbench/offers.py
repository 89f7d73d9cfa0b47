"""Which precisions make sense for a model, and why others do not. Plain data, for every front.

What is told here is told out of the headers of the weights, before anything is loaded; the exporter looks again at the
model itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from exporters.protocol import PRECISIONS
from workbench.errors import Notice
from workbench.library.weights import read_shapes

__all__ = ["Offer", "convolution_share", "offered_precisions", "usual_precisions"]


@dataclass(frozen=True)
class Offer:
    """One precision for one model. ``reason`` says why it is not offered, None where it is; ``suggested`` are those
    that an export makes when nobody chooses."""

    precision: str
    reason: Notice | None = None
    suggested: bool = False


def offered_precisions(task: str, weights: Sequence[Path]) -> tuple[Offer, ...]:
    """Every precision that exports of this task can have, in the order of the table.

    ``weights`` are the files of the checkpoint; of a pickle nothing is known, and what the exporter then refuses is
    offered all the same.
    """
    share = convolution_share(_shapes(weights))
    small = "int8-static" if share > 0 and PRECISIONS["int8-static"].made_for(task) else "int8"
    offers = []
    for name, item in PRECISIONS.items():
        if not item.made_for(task):
            continue
        reason = None
        if name == "int8" and share > 0:
            percent = round(100 * share)
            reason = Notice.of("export-quantize-convolutions", precision=name, percent=percent)
        offers.append(Offer(name, reason, name in ("fp32", small) and reason is None))
    return tuple(offers)


def usual_precisions(offers: Iterable[Offer]) -> tuple[str, ...]:
    """Those that are suggested."""
    return tuple(offer.precision for offer in offers if offer.suggested)


def convolution_share(shapes: Iterable[tuple[int, ...]]) -> float:
    """How much of a model is convolutions, 0 where they are a mere stem: as ``exporters/quantize.py`` tells it of the
    graph, out of the shapes of the weights. Three axes are a convolution over time, four one over a picture."""
    weights = [shape for shape in shapes if len(shape) >= 2 and math.prod(shape) > max(shape)]
    size = sum(math.prod(shape) for shape in weights)
    convolutions = sum(math.prod(shape) for shape in weights if len(shape) >= 3)
    counted = [shape for shape in weights if len(shape) != 3]
    by_size = convolutions / max(1, size)
    by_count = sum(len(shape) >= 4 for shape in counted) / max(1, len(counted))
    return max(by_size, by_count) if by_size > 0.5 or by_count >= 0.25 else 0.0


def _shapes(weights: Sequence[Path]) -> list[tuple[int, ...]]:
    shapes: list[tuple[int, ...]] = []
    for path in weights:
        if path.suffix == ".safetensors":
            try:
                shapes += read_shapes(str(path))
            except (OSError, ValueError):  # who reads it for the estimate says so
                continue
    return shapes
