"""What an export is asked to do, what it tells on its way, and what came of it. Plain data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from exporters.protocol import CALIBRATIONS, PRECISIONS
from workbench.errors import ExportError, UsageError

__all__ = [
    "DEFAULT_TOOLCHAIN",
    "STAGING",
    "Event",
    "ExportOutcome",
    "ExportSpec",
    "LogLine",
    "Progress",
    "StageStarted",
    "Verify",
    "check_precisions",
    "resolve_precisions",
]

DEFAULT_TOOLCHAIN = "optimum"
# Below the folder of artifacts, so that publishing is a rename within one file system.
STAGING = ".staging"

# Loads and runs one precision of a staged folder for a task: (folder, task id, precision) → what it measured.
# Raises ExportError when the answers disagree.
Verify = Callable[[Path, str, str], Mapping[str, Any]]


@dataclass(frozen=True)
class ExportSpec:
    """One export. ``source`` is the snapshot's folder, ``task`` our task id, ``export_task`` Optimum's name for it.

    ``architectures`` are those that the config names. ``own_samples`` says that the samples are a user's, and
    ``calibration`` how static int8 chooses its ranges, one of :data:`exporters.protocol.CALIBRATIONS`.
    """

    source: Path
    repo_id: str
    commit: str
    task: str
    export_task: str
    precisions: tuple[str, ...]
    samples: tuple[Any, ...] = ()
    licence: str | None = None
    allow_pickle: bool = False
    force: bool = False
    architectures: tuple[str, ...] = ()
    own_samples: bool = False
    calibration: str = CALIBRATIONS[0]

    @property
    def repo_folder(self) -> str:
        """The model's folder below the artifacts: ``org--name``."""
        return self.repo_id.replace("/", "--")

    @property
    def folder_name(self) -> str:
        """The artifact's folder below that."""
        return f"{self.commit[:8]}-{self.task}"

    @property
    def key(self) -> str:
        """One name for both, for the staging folder and the lock."""
        return f"{self.repo_folder}-{self.folder_name}"


@dataclass(frozen=True)
class StageStarted:
    """A stage, one of :data:`exporters.protocol.STAGES`, began ``elapsed_s`` after the export did."""

    stage: str
    elapsed_s: float


@dataclass(frozen=True)
class Progress:
    """Within a stage; a total of 0 says that nobody knows how much it is."""

    stage: str
    done: float
    total: float
    unit: str


@dataclass(frozen=True)
class LogLine:
    """A line of a library."""

    line: str


Event = StageStarted | Progress | LogLine


@dataclass(frozen=True)
class ExportOutcome:
    """``added`` and ``already_there`` are precisions. ``verification`` is what ``verify`` returned for each added one.

    ``times_s`` are seconds by stage, ``worker_peak_bytes`` the most memory the worker had (0 when none was needed).
    ``skipped`` are own samples that the checkpoint could not answer, by their number, each with the reason.
    ``left_out`` says of each precision why it was not published while others were.
    """

    folder: Path
    added: tuple[str, ...]
    already_there: tuple[str, ...]
    verification: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    times_s: Mapping[str, float] = field(default_factory=dict)
    worker_peak_bytes: int = 0
    skipped: tuple[tuple[int, str], ...] = ()
    left_out: tuple[ExportError, ...] = ()


def resolve_precisions(names: tuple[str, ...]) -> tuple[str, ...]:
    """Names and aliases as a user says them → names in the order of the table, each once. Raises UsageError."""
    by_name = {word: item.name for item in PRECISIONS.values() for word in (item.name, *item.aliases)}
    exportable = [item.name for item in PRECISIONS.values() if item.exportable]
    wanted = set()
    for name in names:
        known = by_name.get(name)
        if known not in exportable:
            raise UsageError("usage-unknown-precision", precision=name, known=", ".join(exportable))
        wanted.add(known)
    return tuple(name for name in exportable if name in wanted)


def check_precisions(names: tuple[str, ...], task: str) -> None:
    """Refuse a precision that is not made for models of this task, the hub's pipeline tag. Raises UsageError."""
    for name in names:
        if not PRECISIONS[name].made_for(task):
            known = ", ".join(item.name for item in PRECISIONS.values() if item.made_for(task))
            raise UsageError("usage-precision-of-other-task", precision=name, task=task, known=known)
