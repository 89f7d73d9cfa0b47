"""From a :class:`ModelChoice` to a pipeline that answers."""

from __future__ import annotations

import importlib
import tempfile
import time
from dataclasses import dataclass, replace
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
    profiles: tempfile.TemporaryDirectory[str] | None = None

    def facts(self) -> dict[str, Any]:
        """What every answer tells of the model: onnxruntime's names of the providers that were tried and got, best
        first, why the best was not got, which nodes went where, and the seconds that loading took."""
        sessions = self.sessions.values()
        reasons = [session.fallback_reason for session in sessions if session.fallback_reason]
        places = [{"graph": name} | row for name, session in self.sessions.items() for row in session.places]
        return {
            "providers": list(dict.fromkeys(name for session in sessions for name in session.providers_got)),
            "providers_tried": list(dict.fromkeys(name for session in sessions for name in session.providers_tried)),
            "fallback_reason": reasons[0].to_json() if reasons else None,
            "placements": places,
            "load_s": self.load_s,
        }


def load_model(choice: ModelChoice) -> LoadedModel:
    """Load all graphs and the pipeline of the task. Raises ModelError, ProviderError."""
    started = time.perf_counter()
    options = SessionOptions(choice.provider, choice.allow_fallback, choice.threads, choice.node_fallback)
    # Made anew for each load, and gone with the model: whatever ends the work, no file of times stays.
    profiles = tempfile.TemporaryDirectory(prefix="workbench-", ignore_cleanup_errors=True) if choice.profiled else None
    sessions = {}
    for name, path in choice.paths.items():
        profile = str(Path(profiles.name) / name) if profiles else ""
        sessions[name] = Session(path, replace(options, profile=profile))
    module = importlib.import_module(f"workbench.tasks.{task_info(choice.task).module}")
    files = ModelFiles(Path(choice.folder), choice.paths)
    pipeline: Pipeline = module.PIPELINE(files, sessions)
    return LoadedModel(pipeline, sessions, time.perf_counter() - started, profiles)
