"""How the inputs of matrices go together: what GPTQ rounds by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from exporters.rewrite import Array

__all__ = ["InputSums", "Matrices"]

# Torch modules with a weight, and their names.
Matrices = list[tuple[str, Any]]


class InputSums:
    """X^T X of the inputs that torch modules get within its ``with``; those that read the same tensor share one."""

    def __init__(self, modules: Mapping[str, Any]) -> None:
        self._modules = modules
        self._sums: dict[str, Any] = {}
        self._same: dict[str, str] = {}
        self._last: tuple[Any, str] | None = None
        self._hooks: list[Any] = []

    def __enter__(self) -> InputSums:
        self._hooks = [item.register_forward_pre_hook(self._taker(name)) for name, item in self._modules.items()]
        return self

    def __exit__(self, *_: object) -> None:
        for hook in self._hooks:
            hook.remove()
        self._last = None

    def _taker(self, name: str) -> Any:
        def take(_: Any, inputs: tuple[Any, ...]) -> None:
            given = inputs[0]
            if self._last and self._last[0] is given:
                self._same[name] = self._last[1]
                return
            self._last = (given, name)
            rows = given.reshape(-1, given.shape[-1])
            made = rows.T @ rows
            self._sums[name] = self._sums[name].add_(made) if name in self._sums else made

        return take

    def by_input(self) -> list[tuple[Matrices, Array]]:
        """For each input that was there the matrices that read it, and its sum, float32 [K, K]."""
        readers: dict[str, Matrices] = {}
        for name, module in self._modules.items():
            if (first := self._same.get(name, name)) in self._sums:
                readers.setdefault(first, []).append((name, module))
        return [(matrices, self._sums[first].numpy()) for first, matrices in readers.items()]
