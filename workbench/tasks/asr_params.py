"""Parameters of speech recognition that only some of its models have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench.errors import UsageError

__all__ = ["refuse_ctc_params"]


def refuse_ctc_params(params: Mapping[str, Any]) -> None:
    """Raises UsageError where something was asked for that only a model with a CTC head can do."""
    times = params.get("return_timestamps")
    given = {
        "return_timestamps": times if times in ("word", "char") else None,
        "chunk_length_s": params.get("chunk_length_s"),
    }
    for name, value in given.items():
        if value is not None:
            raise UsageError("asr-ctc-only", name=name, value=value)
