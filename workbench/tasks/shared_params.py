"""Parameters that several tasks have."""

from __future__ import annotations

from workbench.tasks.info import Param

__all__ = ["FUNCTION", "TOP_K"]

TOP_K = Param("top_k", int, None, "How many labels to return, the likeliest first", minimum=1)
FUNCTION = Param(
    "function_to_apply", str, None, "How scores become probabilities", choices=("softmax", "sigmoid", "none")
)
