"""Text that goes on from a prompt, token by token."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.errors import InputError
from workbench.results import GenerationSpeed, Text
from workbench.runtime.conversation import ChatPrompts
from workbench.runtime.generate import (
    Chooser,
    KeptText,
    Lookup,
    StopTexts,
    TextStream,
    by_chance,
    generate,
    language_decoder,
    likeliest,
    teacher_forced,
)
from workbench.runtime.generation_settings import GenerationSettings
from workbench.runtime.tokens import Vocabulary
from workbench.tasks.base import Array, ModelFiles, Outputs, Pipeline, Run, SessionLike
from workbench.tasks.text_inputs import text_of

__all__ = ["PIPELINE", "Prepared", "TextGeneration"]

EXPECTED = 'a text, {"text": …} or {"messages": [{"role": …, "content": …}, …]}'
# What configs call the longest text, prompt and answer together, that a model was made for.
LENGTH_KEYS = ("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len", "seq_length")
# Parameters that have a model's settings under the same names.
WISHES = ("temperature", "top_k", "top_p", "min_p", "repetition_penalty", "no_repeat_ngram_size")
# Of these, one that is given asks for tokens drawn by chance.
DRAWING = ("temperature", "top_k", "top_p", "min_p")
# The text so far is told no more often: each time it goes to another process as a whole.
PARTIAL_EVERY_S = 0.05


@dataclass(frozen=True)
class Prepared:
    """The prompt's tokens, how many there may be in all, and whether the prompt is a chat."""

    token_ids: tuple[int, ...]
    max_length: int
    chat: bool = False


class TextGeneration(Pipeline):
    """An input is a prompt, and the answer is what follows it; or a conversation, and the answer its next message."""

    def __init__(self, files: ModelFiles, sessions: Mapping[str, SessionLike]) -> None:
        """Raises ModelError: a missing file, a setting that makes no sense, a graph with an input that is not known."""
        super().__init__(files, sessions)
        self._vocabulary = Vocabulary.of_model(files)
        self._settings = GenerationSettings.of_language_model(files)
        self._limit = _context(files)
        self._decoder = language_decoder(next(iter(sessions.values())), self._limit)
        self._kept = KeptText(self._decoder)
        self._lookup = Lookup()
        self._chat = ChatPrompts(files, self._vocabulary, self._limit)

    def preprocess(self, item: Any, params: Mapping[str, Any], run: Run) -> Prepared:
        """A prompt that leaves no room for an answer loses its beginning, which is said; for conversations see
        :mod:`workbench.runtime.conversation`. Raises InputError, ModelError for a template that cannot be used."""
        wanted = int(params.get("max_new_tokens", 128))
        if self._chat.wanted(item):
            ids = self._chat.tokens(item, wanted, run)
            return Prepared(tuple(ids), min(len(ids) + wanted, self._limit or len(ids) + wanted), chat=True)
        text = text_of(item, EXPECTED)
        ids = self._vocabulary.encode(text, run)
        begin = self._settings.values["bos_token_id"]
        if not ids and begin is not None:
            ids = [int(begin)]
        if not ids:
            raise InputError("text-no-tokens", text=text[:40])
        if self._limit is None:
            return Prepared(tuple(ids), len(ids) + wanted)
        if len(ids) >= self._limit:
            kept = max(2, self._limit - wanted)
            run.warn("text-prompt-cut", tokens=len(ids), limit=self._limit, kept=kept)
            # The token that opens a text stays where it is.
            ids = [ids[0], *ids[len(ids) - kept + 1 :]] if ids[0] == begin else ids[-kept:]
        return Prepared(tuple(ids), min(len(ids) + wanted, self._limit))

    def forward(self, prepared: Prepared, params: Mapping[str, Any], run: Run) -> Outputs:
        """Returns ``token_ids`` int64 [tokens]: those that were added, with the end token if it came to that, and
        ``speed`` float64 [5]: the fields of GenerationSpeed.
        """
        if not self._settings.stop:
            run.warn("generation-not-ended", file=self.files.folder / "generation_config.json")
        state = self._kept.state_for(prepared.token_ids)
        watch = _Watch(len(prepared.token_ids), state.length)
        settings = self._settings.wishing(**{name: params.get(name) for name in WISHES})
        drawn = self._draws(prepared, params)
        stops = self._stops(params)
        stream = TextStream(self._vocabulary.decode, prepared.token_ids)
        added: list[int] = []
        streamed = 0
        told_s = -PARTIAL_EVERY_S
        for token in generate(
            state,
            prepared.token_ids,
            stop=settings.stop,
            max_length=prepared.max_length,
            choose=_chooser(settings, prepared.token_ids, params.get("seed"), drawn=drawn),
            run=run,
            lookup=None if drawn else self._lookup,
        ):
            added.append(token)
            watch.count()
            told = run.on_partial is not None and watch.elapsed_s >= told_s + PARTIAL_EVERY_S
            if not (told or stops):  # nobody looks yet
                continue
            if stream.add(*added[streamed:]):
                if stops.cut(stream.text) is not None:
                    break
                if told:
                    told_s = watch.elapsed_s
                    run.partial(Text(stops.shown(stream.text), len(added), "", speed=watch.speed))
            streamed = len(added)
        return {"token_ids": np.array(added, dtype=np.int64), "speed": watch.figures()}

    def postprocess(self, outputs: Outputs, prepared: Prepared, params: Mapping[str, Any], run: Run) -> Text:
        added = [int(token) for token in outputs["token_ids"]]
        ended = bool(added) and added[-1] in self._settings.stop
        count = len(added) - ended
        # The text of a token depends on what stands before it.
        before = self._vocabulary.decode(prepared.token_ids)
        text = self._vocabulary.decode([*prepared.token_ids, *added])[len(before) :]
        figures = outputs.get("speed")
        speed = _Watch.read(figures) if figures is not None else None
        cut = self._stops(params).cut(text)
        if cut is not None:
            return Text(cut, count, "stop", speed=speed)
        return Text(text, count, "stop" if ended else "length", speed=speed)

    def reference_outputs(
        self, prepared: Prepared, params: Mapping[str, Any], run: Run, answer: Mapping[str, Any]
    ) -> Outputs:
        """``logits`` float32 [1, tokens, vocabulary] when the reference's tokens are fed in."""
        return {"logits": teacher_forced(self._decoder.start(), answer["token_ids"], run)[None]}

    def words_of(self, tokens: Sequence[int]) -> str:
        return self._vocabulary.decode(tokens)

    def _draws(self, prepared: Prepared, params: Mapping[str, Any]) -> bool:
        """Whether tokens are drawn by chance."""
        if params.get("temperature") == 0:
            return False
        asked = params.get("do_sample")
        if asked is None:
            given = any(params.get(name) is not None for name in DRAWING)
            return given or (prepared.chat and bool(self._settings.values["do_sample"]))
        return bool(asked)

    def _stops(self, params: Mapping[str, Any]) -> StopTexts:
        asked = params.get("stop")
        return StopTexts(self._settings.values["stop_strings"] or () if asked is None else asked)


def _context(files: ModelFiles) -> int | None:
    """The longest text that the model was made for, None where its config does not say. Raises ModelError."""
    part = files.config.get("text_config")
    config = {**(part if isinstance(part, dict) else {}), **files.config}
    key = next((key for key in LENGTH_KEYS if config.get(key)), None)
    if key is None:
        return None
    length = config[key]
    if isinstance(length, bool) or not isinstance(length, (int, float)) or not 1 <= length < float("inf"):
        raise files.bad_setting("config.json", key, length)
    return int(length)


def _chooser(settings: GenerationSettings, prompt: Sequence[int], seed: int | None, *, drawn: bool) -> Chooser:
    processors = settings.processors(prompt)
    return by_chance([*processors, *settings.warpers()], seed) if drawn else likeliest(processors)


class _Watch:
    """How long the tokens of an answer take. ``cached`` of the ``prompt`` tokens were known already."""

    def __init__(self, prompt: int, cached: int) -> None:
        self._prompt, self._cached, self._new = prompt, cached, 0
        self._started = time.perf_counter()
        self._first_s = self._last_s = 0.0

    @property
    def elapsed_s(self) -> float:
        return time.perf_counter() - self._started

    def count(self) -> None:
        """There is another token."""
        self._new += 1
        self._last_s = self.elapsed_s
        if self._new == 1:
            self._first_s = self._last_s

    @property
    def speed(self) -> GenerationSpeed:
        return GenerationSpeed(self._prompt, self._cached, self._new, self._first_s, self._last_s - self._first_s)

    def figures(self) -> Array:
        """The fields of :attr:`speed`, float64 [5]: outputs are arrays."""
        return np.array(dataclasses.astuple(self.speed), dtype=np.float64)

    @staticmethod
    def read(figures: Array) -> GenerationSpeed:
        """What :meth:`figures` tell."""
        prompt, cached, new, first_s, rest_s = figures.tolist()
        return GenerationSpeed(int(prompt), int(cached), int(new), first_s, rest_s)


PIPELINE = TextGeneration
