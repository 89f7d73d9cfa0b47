"""Cosine similarity of sentences: their vectors as the model's ``modules.json`` says, their cosine.

The reference is the bare model with sentence-transformers' formulas for prompt, length, pooling and normalization.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.errors import InputError
from workbench.results import Similarity
from workbench.runtime.pooling import SentenceRecipe, normalized
from workbench.runtime.text import Tokens
from workbench.tasks.base import ModelFiles, Outputs, Run, SessionLike
from workbench.tasks.scores import finite
from workbench.tasks.text_inputs import hidden_output, is_texts
from workbench.tasks.text_pipeline import TextPipeline

__all__ = ["PIPELINE", "Prepared", "SentenceSimilarity"]

EXPECTED = '{"source_sentence": …, "sentences": […]}, or several texts'


@dataclass(frozen=True)
class Prepared:
    """The sentences of the rows and of the columns, and the tokens of each different one of them."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    texts: tuple[str, ...]
    tokens: tuple[Tokens, ...]


class SentenceSimilarity(TextPipeline):
    """An input is ``{"source_sentence", "sentences"}``, which gives one row, or a list of texts (bare, or as
    ``{"sentences"}``), which gives the matrix of each with each."""

    stage = "embed"

    def __init__(self, files: ModelFiles, sessions: Mapping[str, SessionLike]) -> None:
        """Raises ModelError: no tokenizer, a graph that is no text encoder, a module that is not known."""
        super().__init__(files, sessions, (hidden_output(sessions["model"]),), each_token=True)
        self._recipe = SentenceRecipe.of_model(files)
        limit = self._recipe.max_tokens
        self._limit = self._tokenizer.bounded(limit) if limit else self._tokenizer.limit

    def preprocess(self, item: Any, params: Mapping[str, Any], run: Run) -> Prepared:
        """Raises InputError."""
        rows, columns = _sentences(item)
        if not self._recipe.stated:
            run.warn("sentence-no-modules", folder=self.files.folder)
        texts = tuple(dict.fromkeys((*rows, *columns)))
        tokens = tuple(self._tokenizer.encode(self._recipe.text(text), run=run, limit=self._limit) for text in texts)
        return Prepared(rows, columns, texts, tokens)

    def rows(self, prepared: Prepared) -> Sequence[Tokens]:
        return prepared.tokens

    def kept(self, row: Tokens, outputs: Outputs) -> Outputs:
        """``sentence_embedding`` float32 [1, size]: vectors of tokens become one as they come."""
        (hidden,) = outputs.values()
        return {"sentence_embedding": self._recipe.vectors(hidden, np.ones(hidden.shape[:2], np.int64))}

    def postprocess(self, outputs: Outputs, prepared: Prepared, params: Mapping[str, Any], run: Run) -> Similarity:
        vectors = finite(normalized(outputs["sentence_embedding"]))
        place = {text: index for index, text in enumerate(prepared.texts)}
        rows = vectors[[place[text] for text in prepared.rows]]
        columns = vectors[[place[text] for text in prepared.columns]]
        return Similarity(prepared.rows, prepared.columns, np.clip(rows @ columns.T, -1, 1))


def _sentences(item: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The texts of the rows and of the columns. Raises InputError."""
    if is_texts(item):
        return tuple(item), tuple(item)
    if not isinstance(item, Mapping):
        raise InputError("text-bad-input", expected=EXPECTED, got=type(item).__name__)
    source, sentences = item.get("source_sentence"), item.get("sentences")
    if not is_texts(sentences) or set(item) - {"source_sentence", "sentences"}:
        raise InputError("text-bad-input", expected=EXPECTED, got=", ".join(map(str, item)) or "{}")
    if source is None:
        return tuple(sentences), tuple(sentences)
    if not isinstance(source, str):
        raise InputError("text-bad-input", expected="a text as source_sentence", got=type(source).__name__)
    return (source,), tuple(sentences)


PIPELINE = SentenceSimilarity
