"""The numbers that graphs give, checked, and as scores."""

from __future__ import annotations

import numpy as np

from workbench.errors import EngineError
from workbench.tasks.base import Array

__all__ = ["finite", "sigmoid", "softmax"]


def finite(values: Array) -> Array:
    """The numbers of an output as float32. Raises EngineError where one is not finite."""
    numbers = values.astype(np.float32, copy=False)
    if not np.isfinite(numbers).all():
        raise EngineError("graph-not-finite")
    return numbers


def softmax(logits: Array) -> Array:
    """Finite logits [..., classes] as probabilities that add up to 1 over the classes."""
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return np.asarray(powers / powers.sum(-1, keepdims=True))


def sigmoid(logits: Array) -> Array:
    """Finite logits as probabilities, each for itself."""
    return np.asarray(1 / (1 + np.exp(-np.clip(logits, -80, 80))))
