"""How near a variant's answers are to the reference's, in five steps: one rule behind what is recommended, what runs
when no precision is named, and how the window colours and words it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

__all__ = ["MIN_MEAN_CLOSE", "Closeness", "closeness"]


class Closeness(IntEnum):
    """The higher, the nearer. From :attr:`CLOSE` on a smaller variant may be recommended over a larger one."""

    FAR = 0
    COARSE = 1
    CLOSE = 2
    VERY_CLOSE = 3
    SAME = 4


MIN_MEAN_CLOSE = 0.97
# From which mean agreement on, whatever the measure is.
BY_MEAN = {
    Closeness.SAME: 0.9995,
    Closeness.VERY_CLOSE: 0.99,
    Closeness.CLOSE: MIN_MEAN_CLOSE,
    Closeness.COARSE: 0.9,
}
# Up to which perplexity, as a multiple of the reference's.
BY_PERPLEXITY = {Closeness.VERY_CLOSE: 1.01, Closeness.CLOSE: 1.05, Closeness.COARSE: 1.2}


def closeness(mean: float, extra: Mapping[str, float]) -> Closeness:
    """Judge the mean agreement and what else was measured (``extra`` as in :class:`workbench.receipts.receipt.Agreed`).

    Of a language model the better of two judgements counts: it may name another of two words that are equally good,
    so it is also enough that it finds texts hardly less likely.
    """
    found = next((step for step, least in BY_MEAN.items() if mean >= least), Closeness.FAR)
    known, got = extra.get("reference_perplexity"), extra.get("perplexity")
    if known is None or got is None:
        return found
    return max(found, next((step for step, most in BY_PERPLEXITY.items() if got <= known * most), Closeness.FAR))
