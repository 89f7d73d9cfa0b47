"""Text that goes on from a prompt, token by token, always the likeliest one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.errors import InputError, ModelError
from workbench.results import Text
from workbench.runtime.conversation import ChatPrompts
from workbench.runtime.generate import CausalDecoder, TextStream, greedy, teacher_forced
from workbench.runtime.logits_processors import configured
from workbench.runtime.tokens import Vocabulary
from workbench.tasks.base import ModelFiles, Outputs, Pipeline, Run, SessionLike
from workbench.tasks.text_inputs import text_of

__all__ = ["PIPELINE", "Prepared", "TextGeneration"]

EXPECTED = 'a text, {"text": …} or {"messages": [{"role": …, "content": …}, …]}'
# What configs call the longest text, prompt and answer together, that a model was made for.
LENGTH_KEYS = ("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len", "seq_length")


@dataclass(frozen=True)
class Prepared:
    """The prompt's tokens, and how many there may be in all."""

    token_ids: tuple[int, ...]
    max_length: int


class TextGeneration(Pipeline):
    """An input is a prompt, and the answer is what follows it; or a conversation, and the answer its next message."""

    def __init__(self, files: ModelFiles, sessions: Mapping[str, SessionLike]) -> None:
        """Raises ModelError: a missing file, no end token, a graph with an input that is not known."""
        super().__init__(files, sessions)
        self._vocabulary = Vocabulary.of_model(files)
        self._decoder = CausalDecoder(next(iter(sessions.values())))
        config = {**(files.config.get("text_config") or {}), **files.config}
        settings = {**config, **(files.read_json("generation_config.json") or {})}
        end = settings.get("eos_token_id")
        if end is None:
            raise ModelError("model-setting-missing", file=files.folder / "generation_config.json", name="eos_token_id")
        self._end = frozenset(end if isinstance(end, list) else [end])
        self._begin: int | None = settings.get("bos_token_id")
        self._limit = next((int(config[key]) for key in LENGTH_KEYS if config.get(key)), None)
        self._processors = configured(settings)
        self._chat = ChatPrompts(files, self._vocabulary, self._limit)

    def preprocess(self, item: Any, params: Mapping[str, Any], run: Run) -> Prepared:
        """A prompt that leaves no room for an answer loses its beginning, which is said; for conversations see
        :mod:`workbench.runtime.conversation`. Raises InputError, ModelError for a template that cannot be used."""
        if self._chat.wanted(item):
            wanted = int(params.get("max_new_tokens", 128))
            ids = self._chat.tokens(item, wanted, run)
            return Prepared(tuple(ids), min(len(ids) + wanted, self._limit or len(ids) + wanted))
        ids = self._vocabulary.encode(text_of(item, EXPECTED), run)
        if not ids and self._begin is not None:
            ids = [self._begin]
        if not ids:
            raise InputError("text-no-tokens", text=item[:40])
        wanted = int(params.get("max_new_tokens", 128))
        if self._limit is None:
            return Prepared(tuple(ids), len(ids) + wanted)
        if len(ids) >= self._limit:
            kept = max(2, self._limit - wanted)
            run.warn("text-prompt-cut", tokens=len(ids), limit=self._limit, kept=kept)
            # The token that opens a text stays where it is.
            ids = [ids[0], *ids[len(ids) - kept + 1 :]] if ids[0] == self._begin else ids[-kept:]
        return Prepared(tuple(ids), min(len(ids) + wanted, self._limit))

    def forward(self, prepared: Prepared, params: Mapping[str, Any], run: Run) -> Outputs:
        """Returns ``token_ids`` int64 [tokens]: those that were added, with the end token if it came to that."""
        generated = greedy(
            self._decoder.start(),
            prepared.token_ids,
            stop=self._end,
            max_length=prepared.max_length,
            processors=self._processors,
            run=run,
        )
        stop = params.get("stop")
        stream = TextStream(self._vocabulary.decode, prepared.token_ids)
        added: list[int] = []
        for token in generated:
            added.append(token)
            if stream.add(token):
                text = _shown(stream.text, stop)
                run.partial(Text(text, len(added), ""))
                if stop and stop in stream.text:
                    break
        return {"token_ids": np.array(added, dtype=np.int64)}

    def postprocess(self, outputs: Outputs, prepared: Prepared, params: Mapping[str, Any], run: Run) -> Text:
        added = [int(token) for token in outputs["token_ids"]]
        ended = bool(added) and added[-1] in self._end
        count = len(added) - ended
        # The text of a token depends on what stands before it.
        before = self._vocabulary.decode(prepared.token_ids)
        text = self._vocabulary.decode([*prepared.token_ids, *added])[len(before) :]
        stop = params.get("stop")
        if stop and stop in text:
            return Text(text[: text.index(stop)], count, "stop")
        return Text(text, count, "stop" if ended else "length")

    def reference_outputs(
        self, prepared: Prepared, params: Mapping[str, Any], run: Run, answer: Mapping[str, Any]
    ) -> Outputs:
        """``logits`` float32 [1, tokens, vocabulary] when the reference's tokens are fed in."""
        return {"logits": teacher_forced(self._decoder.start(), answer["token_ids"], run)[None]}


def _shown(text: str, stop: str | None) -> str:
    """The text without the stop text, and without an end that may become one."""
    if not stop:
        return text
    if stop in text:
        return text[: text.index(stop)]
    longest = next((n for n in range(min(len(stop) - 1, len(text)), 0, -1) if text.endswith(stop[:n])), 0)
    return text[: len(text) - longest]


PIPELINE = TextGeneration
