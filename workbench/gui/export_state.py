"""How far an export or an installation is, as plain data of the GUI thread."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.exporting.report import ExportReport

__all__ = ["ExportState", "InstallState", "Log", "Timed"]

LOG_LINES = 2000


class Log:
    """The last lines of what libraries say; ``count`` are all there ever were."""

    def __init__(self) -> None:
        self.lines: deque[str] = deque(maxlen=LOG_LINES)
        self.count = 0

    def add(self, line: str) -> None:
        self.lines.append(line)
        self.count += 1

    def since(self, count: int) -> list[str]:
        """The lines kept that came after the first ``count``."""
        fresh = min(self.count - count, len(self.lines))
        return list(self.lines)[len(self.lines) - fresh :]


@dataclass
class Timed:
    """``started_at`` is None before the start; times are those of ``time.monotonic``."""

    started_at: float | None = None
    ended_at: float | None = None
    cancelling: bool = False
    log: Log = field(default_factory=Log)

    @property
    def elapsed_s(self) -> float:
        if self.started_at is None:
            return 0.0
        return (time.monotonic() if self.ended_at is None else self.ended_at) - self.started_at


@dataclass
class ExportState(Timed):
    """One export, as of now. ``stage`` is empty while it waits; ``done`` are seconds by stage that is over.

    ``progress`` is (done, total, unit) within the stage, a total of 0 where nobody knows. ``outcome`` is None until it
    ended.
    """

    name: str = ""
    task: str = ""
    precisions: tuple[str, ...] = ()
    allow_pickle: bool = False
    source: Path | None = None
    stage: str = ""
    done: dict[str, float] = field(default_factory=dict)
    progress: tuple[float, float, str] = (0, 0, "")
    log_path: Path | None = None
    outcome: ExportReport | Exception | None = None
    stage_began_s: float = 0.0

    @property
    def waiting(self) -> bool:
        return self.started_at is None and self.outcome is None


@dataclass
class InstallState(Timed):
    """One installation of the toolchain. It ended with an ``error``, with ``cancelled``, or well."""

    step: str = ""
    line: str = ""
    error: Exception | None = None
    cancelled: bool = False

    @property
    def running(self) -> bool:
        return self.ended_at is None
