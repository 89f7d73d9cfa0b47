"""From a :class:`ModelChoice` to a pipeline that answers."""

from __future__ import annotations

import importlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.engine.request import ModelChoice
from workbench.runtime.session import Session, SessionOptions
from workbench.tasks.base import ModelFiles, Pipeline
from workbench.tasks.catalog import task_info

__all__ = ["LoadedModel", "load_model"]


@dataclass(frozen=True)
class LoadedModel:
    """A pipeline, its sessions, and what loading it cost."""

    pipeline: Pipeline
    sessions: dict[str, Session]
    load_s: float

    def facts(self) -> dict[str, Any]:
        """What every answer tells of the model: onnxruntime's names of the providers that were tried and got, best
        first, and the seconds that loading took."""
        sessions = self.sessions.values()
        return {
            "providers": list(dict.fromkeys(name for session in sessions for name in session.providers_got)),
            "providers_tried": list(dict.fromkeys(name for session in sessions for name in session.providers_tried)),
            "load_s": self.load_s,
        }


def load_model(choice: ModelChoice) -> LoadedModel:
    """Load all graphs and the pipeline of the task. Raises ModelError, ProviderError."""
    started = time.perf_counter()
    options = SessionOptions(choice.provider, choice.allow_fallback, choice.threads)
    sessions = {name: Session(path, options) for name, path in choice.paths.items()}
    module = importlib.import_module(f"workbench.tasks.{task_info(choice.task).module}")
    files = ModelFiles(Path(choice.folder), choice.paths)
    pipeline: Pipeline = module.PIPELINE(files, sessions)
    return LoadedModel(pipeline, sessions, time.perf_counter() - started)
