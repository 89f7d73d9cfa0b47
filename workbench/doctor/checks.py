"""Findings of the doctor: plain data."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from workbench.errors import Notice

__all__ = ["Check", "Diagnosis", "State"]

State = Literal["ok", "missing", "broken"]


@dataclass(frozen=True)
class Check:
    """One finding. ``missing`` is something optional that is not there; ``broken`` keeps us from the work.

    ``notice`` and ``cure_notice`` are the same as ``detail`` and ``cure`` with codes, where those can be told in other
    languages.
    """

    area: str
    name: str
    state: State
    detail: str
    cure: str = ""
    notice: Notice | None = None
    cure_notice: Notice | None = None

    @classmethod
    def of(cls, area: str, name: str, state: State, notice: Notice, cure: Notice | None = None) -> Check:
        """A check whose sentences are those of notices."""
        return cls(area, name, state, str(notice), str(cure or ""), notice, cure)


@dataclass(frozen=True)
class Diagnosis:
    checks: tuple[Check, ...]

    @property
    def healthy(self) -> bool:
        return all(check.state != "broken" for check in self.checks)

    def to_json(self) -> dict[str, Any]:
        return {"healthy": self.healthy, "checks": [asdict(check) for check in self.checks]}
