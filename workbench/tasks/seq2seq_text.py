"""What the tasks share that make a text out of a text: summaries, translations, and whatever else a model was taught.

The reference is transformers' ``pipeline`` of the task, but for texts that are longer than the tokenizer allows: those
lose their end, which is said, where the pipeline would go on beyond what the model was made for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from workbench.results import Text
from workbench.runtime.generate import Seq2SeqDecoder
from workbench.runtime.generation_settings import GenerationSettings
from workbench.runtime.marian import MarianReader
from workbench.runtime.text import TextTokenizer
from workbench.runtime.tokens import Vocabulary
from workbench.tasks.base import ModelFiles, Outputs, Pipeline, Run, SessionLike
from workbench.tasks.text_inputs import text_of
from workbench.tasks.written import Encoded, Writer, run_encoder

__all__ = ["Prepared", "Seq2SeqText"]

# What transformers' pipelines of these tasks set by themselves.
PIPELINE_SETTINGS = {"max_new_tokens": 256, "num_beams": 4}


@dataclass(frozen=True)
class Prepared:
    """The tokens that the encoder reads, and how to write."""

    token_ids: tuple[int, ...]
    settings: GenerationSettings


class Seq2SeqText(Pipeline):
    """An input is a text. ``task`` is its name in ``task_specific_params``, ``key`` that of the answer."""

    task = "text2text-generation"
    key = "generated_text"

    def __init__(self, files: ModelFiles, sessions: Mapping[str, SessionLike]) -> None:
        """Raises ModelError: a missing or broken file, a setting or an input of a graph that is not known."""
        super().__init__(files, sessions)
        self.tokenizer = TextTokenizer(files)
        # These pipelines never clean spaces up, whatever the tokenizer's files say.
        self.vocabulary = replace(Vocabulary.of_model(files), clean_up=False)
        marian = files.config.get("model_type") == "marian"
        size = int(files.config.get("vocab_size") or 0)
        self._marian = MarianReader(self.tokenizer, self.vocabulary.tokenizer, size) if marian else None
        self._encoder = sessions["encoder_model"]
        self._writer = Writer(Seq2SeqDecoder(sessions), self.vocabulary, self.key)
        self.settings = GenerationSettings.of_model(files, PIPELINE_SETTINGS, self.task)

    def preprocess(self, item: Any, params: Mapping[str, Any], run: Run) -> Prepared:
        """Raises InputError for what is no text."""
        return self.prepared(text_of(item), self.settings, params, run)

    def prepared(self, text: str, settings: GenerationSettings, params: Mapping[str, Any], run: Run) -> Prepared:
        """The tokens of a text behind the prefix that the settings ask for, and the settings with the caller's."""
        text = settings.prefix + text
        ids = self._marian(text, run) if self._marian else self.tokenizer.encode(text, run=run).ids
        wishes = {name: params.get(name) for name in ("max_new_tokens", "num_beams")}
        return Prepared(tuple(ids), settings.wishing(**wishes))

    def forward(self, prepared: Prepared, params: Mapping[str, Any], run: Run) -> Outputs:
        """Returns ``token_ids`` int64 [tokens]: what was written, with the end token if it came to that."""
        encoded = self._encode(prepared, run)
        return {"token_ids": self._writer.write(encoded, prepared.settings, prepared.token_ids, run)}

    def postprocess(self, outputs: Outputs, prepared: Prepared, params: Mapping[str, Any], run: Run) -> Text:
        return self._writer.text(outputs["token_ids"].tolist(), prepared.settings)

    def reference_outputs(
        self, prepared: Prepared, params: Mapping[str, Any], run: Run, answer: Mapping[str, Any]
    ) -> Outputs:
        """``encoder.last_hidden_state`` and ``decoder.logits`` when the reference's tokens are fed in."""
        return self._writer.reference_outputs(self._encode(prepared, run), answer["token_ids"], run)

    def _encode(self, prepared: Prepared, run: Run) -> Encoded:
        ids = np.array([prepared.token_ids], np.int64)
        return run_encoder(self._encoder, {"input_ids": ids, "attention_mask": np.ones_like(ids)}, run)
