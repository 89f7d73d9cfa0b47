"""Which inputs go through a graph together: those of one kind and of similar size, no more than memory bears."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

__all__ = ["BatchLimits", "Share", "batches"]


@dataclass(frozen=True)
class Share:
    """What one input takes of a batch. Only inputs of one ``kind`` go together (a size of pictures, say); each takes as
    much as the largest ``size`` of them: tokens, pixels, samples."""

    size: int
    kind: Hashable = None


@dataclass(frozen=True)
class BatchLimits:
    """The most that goes together: ``items`` inputs, and ``size`` in all, padding counted."""

    items: int
    size: int


def batches(shares: Sequence[Share], limits: BatchLimits) -> list[list[int]]:
    """Indices of inputs in batches of one kind and of similar sizes, the largest first. One alone may be over the
    limit."""
    by_kind: dict[Hashable, list[int]] = {}
    for index, share in enumerate(shares):
        by_kind.setdefault(share.kind, []).append(index)
    found: list[list[int]] = []
    for indices in by_kind.values():
        batch: list[int] = []
        for index in sorted(indices, key=lambda index: -shares[index].size):
            fits = len(batch) < limits.items and shares[batch[0]].size * (len(batch) + 1) <= limits.size if batch else 0
            if batch and fits:
                batch.append(index)
            else:
                batch = [index]
                found.append(batch)
    return found
