"""Verifying a pipeline against what torch answered, as an export is verified."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workbench.cancellation import Cancellation
from workbench.engine.verification import verify
from workbench.tasks.base import Pipeline

__all__ = ["verified"]


def verified(
    pipeline: Pipeline, folder: Path, params: Mapping[str, Any] | None = None, **more: bool
) -> Mapping[str, Any]:
    """What the engine measures of a pipeline against those in ``folder/reference``; ``more`` as ``verify`` has it."""
    steps = verify(pipeline, str(folder / "reference"), params or {}, Cancellation(), lambda kind, body: None, **more)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            measured: Mapping[str, Any] = end.value
            return measured
