"""What was compared sample by sample, as figures: mean and interval, the worst samples, what else is told."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from workbench.tasks.agreement import cosine, rank_correlation
from workbench.tasks.base import Array, Outputs

__all__ = ["Compared", "Figures", "interval"]

WORST = 5
RESAMPLES = 2000
# Measures that no two graphs share to the last digit: a sample differs from here on, one of the others below 1.
NEAR = 0.99
SAME = 1 - 1e-6
GRADUAL = frozenset({"cosine", "spectrum and length", "picture values", "mask IoU"})
# Of so many samples every two are compared with each other.
MAX_PAIRED = 1000


@dataclass(frozen=True)
class Compared:
    """One sample. ``further`` are figures with their weights, ``vector`` float [n] stands for an answer that is one of
    numbers alone."""

    metric: str
    value: float
    input: str = ""
    got: str = ""
    wanted: str = ""
    further: dict[str, tuple[float, float]] = field(default_factory=dict)
    vectors: tuple[Array, Array] | None = None


class Figures:
    """Takes in samples, each by its number, and tells what they come to."""

    def __init__(self) -> None:
        self._differences: dict[str, list[float]] = {}
        self._cosines: dict[str, list[float]] = {}
        self._samples: list[tuple[int, Compared]] = []

    def outputs(self, got: Outputs, wanted: Outputs) -> None:
        """Arrays of one sample by the names of outputs, of the same shapes."""
        for name, b in wanted.items():
            a = got[name]
            self._differences.setdefault(name, []).append(float(np.max(np.abs(a - b), initial=0.0)))
            self._cosines.setdefault(name, []).append(cosine(a, b))

    def add(self, index: int, compared: Compared) -> None:
        self._samples.append((index, compared))

    def tell(self) -> dict[str, Any]:
        """``samples``, ``outputs`` and ``agreement`` as a manifest keeps them, and ``agreed``, which is the fields of
        :class:`workbench.receipts.receipt.Agreed`."""
        values = np.array([item.value for _, item in self._samples])
        order = sorted(range(len(values)), key=lambda n: (values[n], self._samples[n][0]))
        worst = order[0]
        metric = self._samples[0][1].metric
        extra = self._extra()
        mean = float(values.mean())
        agreement = {
            "metric": metric,
            "mean": mean,
            "worst": float(values[worst]),
            "worst_sample": self._samples[worst][0],
        }
        low, high = interval(values)
        least = NEAR if metric in GRADUAL else SAME
        return {
            "samples": len(values),
            "outputs": {
                name: {"max_abs_diff": max(found), "cosine": float(np.mean(self._cosines[name]))}
                for name, found in self._differences.items()
            },
            "agreement": agreement | ({"extra": extra} if extra else {}),
            "agreed": {
                "metric": metric,
                "mean": mean,
                "low": low,
                "high": high,
                "samples": len(values),
                "differing": int((values < least).sum()),
                "worst": [self._worst(n) for n in order[:WORST] if values[n] < SAME],
                "extra": extra,
            },
        }

    def _worst(self, place: int) -> dict[str, Any]:
        index, item = self._samples[place]
        return {"index": index, "input": item.input, "got": item.got, "wanted": item.wanted, "value": item.value}

    def _extra(self) -> dict[str, float]:
        totals: dict[str, list[float]] = {}
        for _, item in self._samples:
            for name, (value, weight) in item.further.items():
                total = totals.setdefault(name, [0.0, 0.0])
                total[0] += value * weight
                total[1] += weight
        means = {name: total / weight for name, (total, weight) in totals.items() if weight}
        extra = {
            name.removesuffix("_log") if name.endswith("_log") else name: (
                math.exp(min(value, 700)) if name.endswith("_log") else value
            )
            for name, value in means.items()
        }
        correlation = self._order_of_pairs()
        return extra if correlation is None else extra | {"rank_correlation": correlation}

    def _order_of_pairs(self) -> float | None:
        """How far samples with vectors stand in the same order of likeness to each other: Spearman's correlation of the
        cosines of all pairs. None for fewer than three."""
        pairs = [item.vectors for _, item in self._samples[:MAX_PAIRED] if item.vectors is not None]
        if len(pairs) < 3:
            return None
        upper = np.triu_indices(len(pairs), 1)
        likeness = []
        for side in (0, 1):
            rows = np.stack([pair[side] for pair in pairs]).astype(np.float64)
            norms = np.linalg.norm(rows, axis=1, keepdims=True)
            rows = rows / np.where(norms > 0, norms, 1)
            likeness.append((rows @ rows.T)[upper])
        return rank_correlation(*likeness)


def interval(values: Array) -> tuple[float, float]:
    """The ends of a 95 % interval of the mean, by percentiles of a bootstrap over the samples, always the same one."""
    chance = np.random.default_rng(0)
    means = [float(values[chance.integers(len(values), size=len(values))].mean()) for _ in range(RESAMPLES)]
    low, high = np.percentile(means, (2.5, 97.5))
    return float(low), float(high)
