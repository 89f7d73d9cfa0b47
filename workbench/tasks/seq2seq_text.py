"""What the tasks share that make a text out of a text: summaries, translations, and whatever else a model was taught.

The reference is transformers' ``pipeline`` of the task, but for texts that are longer than the tokenizer allows: those
lose their end, which is said, where the pipeline would go on beyond what the model was made for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from workbench.runtime.generation_settings import GenerationSettings
from workbench.runtime.marian import MarianReader
from workbench.runtime.text import TextTokenizer
from workbench.tasks.base import Array, ModelFiles, Run, SessionLike
from workbench.tasks.text_inputs import text_of
from workbench.tasks.written import WritingPipeline

__all__ = ["Prepared", "Seq2SeqText"]

# What transformers' pipelines of these tasks set by themselves.
PIPELINE_SETTINGS = {"max_new_tokens": 256, "num_beams": 4}


@dataclass(frozen=True)
class Prepared:
    """The tokens that the encoder reads, and how to write."""

    token_ids: tuple[int, ...]
    settings: GenerationSettings


class Seq2SeqText(WritingPipeline):
    """An input is a text. ``task`` is its name in ``task_specific_params``, ``key`` that of the answer."""

    task = "text2text-generation"
    key = "generated_text"

    def __init__(self, files: ModelFiles, sessions: Mapping[str, SessionLike]) -> None:
        """Raises ModelError: a missing or broken file, a setting or an input of a graph that is not known."""
        self.tokenizer = TextTokenizer(files)
        # These pipelines never clean spaces up, whatever the tokenizer's files say.
        self.vocabulary = replace(self.tokenizer.vocabulary(), clean_up=False)
        super().__init__(files, sessions, self.vocabulary, self.key)
        marian = files.config.get("model_type") == "marian"
        size = int(files.config.get("vocab_size") or 0)
        self._marian = MarianReader(self.tokenizer, size) if marian else None
        self.settings = GenerationSettings.of_model(files, PIPELINE_SETTINGS, self.task)

    def preprocess(self, item: Any, params: Mapping[str, Any], run: Run) -> Prepared:
        """Raises InputError for what is no text."""
        return self.prepared(text_of(item), self.settings, params, run)

    def prepared(self, text: str, settings: GenerationSettings, params: Mapping[str, Any], run: Run) -> Prepared:
        """The tokens of a text behind the prefix that the settings ask for, and the settings with the caller's."""
        text = settings.prefix + text
        ids = self._marian(text, run) if self._marian else self.tokenizer.encode(text, run=run).ids
        return Prepared(tuple(ids), settings.asked(params))

    def encoder_feeds(self, prepared: Prepared) -> Mapping[str, Array]:
        ids = np.array([prepared.token_ids], np.int64)
        return {"input_ids": ids, "attention_mask": np.ones_like(ids)}

    def source(self, prepared: Prepared) -> Sequence[int]:
        return prepared.token_ids
