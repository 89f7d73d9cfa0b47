"""The vectors of a text: one for each token, or one for all of it.

``pooling="none"`` is transformers' ``pipeline("feature-extraction")`` on the tokenizer's ``model_max_length``, as are
the tokens of ``mean``, ``cls`` and ``max``. ``pooling="model"`` is ``SentenceTransformer.encode``: prompt, length and
pooling as the model's ``modules.json`` and its like say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from workbench.errors import UsageError
from workbench.results import Embedding
from workbench.runtime.pooling import SentenceRecipe, normalized, pooled
from workbench.runtime.text import Tokens
from workbench.tasks.base import ModelFiles, Outputs, Run, SessionLike
from workbench.tasks.scores import finite
from workbench.tasks.text_inputs import hidden_output, text_of
from workbench.tasks.text_pipeline import TextPipeline

__all__ = ["PIPELINE", "FeatureExtraction", "Prepared"]


@dataclass(frozen=True)
class Prepared:
    """The text as it came, and its tokens."""

    text: str
    tokens: Tokens


class FeatureExtraction(TextPipeline):
    """An input is a text."""

    def __init__(self, files: ModelFiles, sessions: Mapping[str, SessionLike]) -> None:
        """Raises ModelError: no tokenizer, a graph that is no text encoder."""
        super().__init__(files, sessions, (hidden_output(sessions["model"]),), each_token=True)

    @cached_property
    def _recipe(self) -> SentenceRecipe:
        # A model whose recipe is not known still has vectors of tokens, so this is read when it is asked for.
        return SentenceRecipe.of_model(self.files)

    def preprocess(self, item: Any, params: Mapping[str, Any], run: Run) -> Prepared:
        """Raises InputError, UsageError for ``normalize`` without a pooled vector."""
        pooling = params.get("pooling", "none")
        if pooling == "none" and params.get("normalize"):
            raise UsageError("usage-bad-param", name="normalize", value=True, expected="it needs a pooling")
        text = text_of(item)
        if pooling != "model":
            return Prepared(text, self._tokenizer.encode(text, run=run))
        recipe = self._recipe
        if not recipe.stated:
            run.warn("sentence-no-modules", folder=self.files.folder)
        limit = self._tokenizer.bounded(recipe.max_tokens) if recipe.max_tokens else None
        return Prepared(text, self._tokenizer.encode(recipe.text(text), run=run, limit=limit))

    def rows(self, prepared: Prepared) -> Sequence[Tokens]:
        """One text: ``last_hidden_state`` (or what the graph calls it), float [1, tokens, hidden]."""
        return (prepared.tokens,)

    def postprocess(self, outputs: Outputs, prepared: Prepared, params: Mapping[str, Any], run: Run) -> Embedding:
        hidden = finite(next(iter(outputs.values())))
        pooling = params.get("pooling", "none")
        if pooling == "none":
            return Embedding(hidden[0], pooled=False)
        mask = np.ones(hidden.shape[:2], np.int64)  # one text has no padding
        recipe = self._recipe if pooling == "model" else SentenceRecipe(modes=(pooling,))
        vectors = pooled(hidden, mask, recipe.modes)
        normalize = params.get("normalize")
        if normalize is None:
            normalize = recipe.normalize
        return Embedding(normalized(vectors) if normalize else vectors, pooled=True)

    def reference_outputs(
        self, prepared: Prepared, params: Mapping[str, Any], run: Run, answer: Mapping[str, Any]
    ) -> Outputs:
        """As the reference has it: all tokens that the tokenizer allows, whatever a sentence's vector would take."""
        tokens = self._tokenizer.encode(prepared.text, run=run)
        return self.forward(Prepared(prepared.text, tokens), params, run)


PIPELINE = FeatureExtraction
