"""What the tasks share whose graph gives logits for a text, or for each of its tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from workbench.runtime.text import Tokens
from workbench.tasks.base import ModelFiles, SessionLike
from workbench.tasks.classes import logits_output
from workbench.tasks.text_pipeline import TextPipeline

__all__ = ["TextLogits"]


class TextLogits(TextPipeline):
    """An input is one text. ``logits`` float [1, classes], or [1, tokens, classes] where each token has its own."""

    def __init__(self, files: ModelFiles, sessions: Mapping[str, SessionLike], *, each_token: bool = False) -> None:
        """Raises ModelError: no tokenizer, a graph that asks for something else than text, or gives no logits."""
        self._output = logits_output(sessions["model"])
        super().__init__(files, sessions, (self._output,), each_token=each_token)
        self._labels = files.labels

    def rows(self, prepared: Any) -> Sequence[Tokens]:
        return (prepared,)
