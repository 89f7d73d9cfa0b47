"""What came of an export, for fronts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.errors import Notice
from workbench.receipts.receipt import Receipt, receipt_json

__all__ = ["ExportReport", "ExportedVariant"]


@dataclass(frozen=True)
class ExportedVariant:
    """One precision of an exported model. ``verification`` is what was measured against torch's answers."""

    precision: str
    bytes: int
    verification: Mapping[str, Any]
    recommended: bool
    added: bool

    def to_json(self) -> dict[str, Any]:
        return {
            "precision": self.precision,
            "bytes": self.bytes,
            "recommended": self.recommended,
            "added": self.added,
            "verification": dict(self.verification),
        }


@dataclass(frozen=True)
class ExportReport:
    """What an export became: the artifact with all its variants, those made before as well.

    ``receipt`` is None where none was wanted or could be measured; ``warnings`` say why then.
    """

    artifact: Path
    variants: tuple[ExportedVariant, ...]
    total_s: float
    times_s: Mapping[str, float]
    worker_peak_bytes: int
    receipt: Receipt | None = None
    warnings: tuple[Notice, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "artifact": str(self.artifact),
            "variants": [variant.to_json() for variant in self.variants],
            "total_s": round(self.total_s, 3),
            "times_s": {stage: round(seconds, 3) for stage, seconds in self.times_s.items()},
            "worker_peak_bytes": self.worker_peak_bytes,
            "receipt": receipt_json(self.receipt) if self.receipt else None,
            "warnings": [notice.to_json() for notice in self.warnings],
        }
