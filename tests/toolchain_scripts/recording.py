"""What several scripts need: a reporter that tells nobody, and whether chosen tokens won by a margin."""

from __future__ import annotations

import numpy as np
import torch
from transformers import LogitsProcessor

__all__ = ["NOISE", "Margin", "Noise", "Silent"]

# How far logits are moved, at most, by :class:`Noise`.
NOISE = 5e-4


class Silent:
    """The part of a Reporter that a worker's steps need, for nobody."""

    def __init__(self) -> None:
        self.times_s: dict[str, float] = {}

    def stage(self, name: str) -> None: ...
    def finish(self) -> None: ...
    def progress(self, done: float, total: float, unit: str) -> None: ...
    def log(self, line: str) -> None: ...


class Margin(LogitsProcessor):
    """Watches, and keeps the smallest lead that a chosen token had."""

    smallest = np.inf

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        best = torch.topk(scores[0], 2).values
        self.smallest = min(self.smallest, float(best[0] - best[1]))
        return scores


class Noise(LogitsProcessor):
    """Stands last of the processors, and moves every score a little: an answer that stays won by a margin."""

    def __init__(self, seed: int) -> None:
        self.generator = torch.Generator().manual_seed(seed)

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        return scores + NOISE * (2 * torch.rand(scores.shape, generator=self.generator) - 1)
