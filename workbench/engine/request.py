"""What a front asks of the engine: one model, chosen down to its files. Plain data for both sides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

__all__ = ["ModelChoice", "Priority"]

Priority = Literal["interactive", "batch"]


@dataclass(frozen=True)
class ModelChoice:
    """One variant of one model, for one task, on one provider.

    ``folder`` holds ``config.json`` and its like, ``graphs`` maps graph names to files. Two equal choices share a
    loaded model. ``name`` is for messages only. ``node_fallback`` False: no node may run on another provider than
    the one that was got. A ``profiled`` model writes down the times of its nodes and is let go after one job.
    """

    name: str
    folder: str
    graphs: Mapping[str, str]
    task: str
    provider: str = "auto"
    allow_fallback: bool = False
    threads: int = 0
    node_fallback: bool = True
    profiled: bool = False

    @property
    def key(self) -> tuple[Any, ...]:
        graphs = tuple(sorted(self.graphs.items()))
        return (self.folder, graphs, self.task, self.provider, *self._how)

    @property
    def _how(self) -> tuple[Any, ...]:
        return (self.allow_fallback, self.threads, self.node_fallback, self.profiled)

    @property
    def paths(self) -> dict[str, Path]:
        """``graphs`` as paths."""
        return {name: Path(file) for name, file in self.graphs.items()}

    def to_body(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> ModelChoice:
        return cls(**body)
