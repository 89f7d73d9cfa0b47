"""What all tasks share that read texts with one encoder: its tokenizer, its graph, texts in batches."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from workbench.batching import BatchLimits, Share
from workbench.runtime.text import TextTokenizer, Tokens
from workbench.runtime.text_rows import TEXT_LIMITS, TextRows
from workbench.tasks.base import ModelFiles, Outputs, Pipeline, Run, SessionLike

__all__ = ["TextPipeline"]


class TextPipeline(Pipeline):
    """A subclass tells which texts of an input go through the graph, and what is made of their outputs."""

    # The word for the progress of an input that is many texts.
    stage = "read"

    def __init__(
        self,
        files: ModelFiles,
        sessions: Mapping[str, SessionLike],
        outputs: tuple[str, ...],
        *,
        each_token: bool = False,
    ) -> None:
        """Raises ModelError: no tokenizer, a graph that asks for something else than text."""
        super().__init__(files, sessions)
        self._tokenizer = TextTokenizer(files)
        self._graph = TextRows(sessions["model"], self._tokenizer, outputs, each_token=each_token)

    @abstractmethod
    def rows(self, prepared: Any) -> Sequence[Tokens]:
        """The texts of one input."""

    def kept(self, row: Tokens, outputs: Outputs) -> Outputs:
        """What is needed of the outputs of one text, arrays of shape [1, …]: all of it."""
        return outputs

    def joined(self, prepared: Any, rows: Sequence[Outputs]) -> Outputs:
        """One array [texts, …] for each output, out of those of the texts, [1, …] each."""
        return {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}

    def forward(self, prepared: Any, params: Mapping[str, Any], run: Run) -> Outputs:
        return self.joined(prepared, self._graph(self.rows(prepared), run, self.kept, stage=self.stage))

    @property
    def batch_limits(self) -> BatchLimits | None:
        return TEXT_LIMITS if self._graph.can_batch else None

    def batch_share(self, prepared: Any, params: Mapping[str, Any]) -> Share:
        return Share(sum(map(len, self.rows(prepared))))

    def forward_batch(self, prepared: Sequence[Any], params: Mapping[str, Any], run: Run) -> list[Outputs]:
        rows = iter(self._graph([row for item in prepared for row in self.rows(item)], run, self.kept))
        return [self.joined(item, [next(rows) for _ in self.rows(item)]) for item in prepared]
