"""Parameters that several tasks have."""

from __future__ import annotations

from workbench.tasks.info import Param

__all__ = ["FUNCTION", "NUM_BEAMS", "TOP_K", "WRITTEN_TOKENS"]

TOP_K = Param("top_k", int, None, "How many labels to return, the likeliest first", minimum=1)
FUNCTION = Param(
    "function_to_apply", str, None, "How scores become probabilities", choices=("softmax", "sigmoid", "none")
)
WRITTEN_TOKENS = Param(
    "max_new_tokens", int, None, "How many tokens to write at most; none: as the model says", minimum=1, maximum=4096
)
NUM_BEAMS = Param(
    "num_beams", int, None, "How many texts to try side by side; 1 is fastest, none: the usual", minimum=1, maximum=16
)
