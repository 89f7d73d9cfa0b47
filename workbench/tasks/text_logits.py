"""What the tasks share whose graph gives logits for a text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench.runtime.text import TextFeeds, TextTokenizer, Tokens
from workbench.tasks.base import ModelFiles, Outputs, Pipeline, Run, SessionLike
from workbench.tasks.classes import logits_output

__all__ = ["TextLogits"]


class TextLogits(Pipeline):
    """Loads tokenizer, graph and labels, and runs the graph."""

    def __init__(self, files: ModelFiles, sessions: Mapping[str, SessionLike]) -> None:
        """Raises ModelError: no tokenizer, a graph that asks for something else than text, or gives no logits."""
        super().__init__(files, sessions)
        self._session = sessions["model"]
        self._tokenizer = TextTokenizer(files)
        self._feeds = TextFeeds(self._session, self._tokenizer)
        self._output = logits_output(self._session)
        self._labels = files.labels

    def forward(self, prepared: Tokens, params: Mapping[str, Any], run: Run) -> Outputs:
        """``logits`` float [1, classes], or [1, tokens, classes] where each token has its own."""
        return self._session.run(self._feeds([prepared]), run, (self._output,))
