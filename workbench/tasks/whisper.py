"""Whisper's own rules: its special tokens, where timestamps may stand, how a window is cut into segments.

Section 4.5 and appendix of Radford et al. 2022 ("Robust Speech Recognition via Large-Scale Weak Supervision"), as
transformers carries them out when it is given a whole sound.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from workbench.errors import ModelError, UsageError
from workbench.results import Segment, Transcript
from workbench.runtime.checked_settings import CheckedSettings
from workbench.runtime.logits_processors import FloatArray, LogitsProcessor, configured, suppressed, suppressed_at
from workbench.tasks.base import ModelFiles

__all__ = ["Cut", "Scribe", "WhisperTokens", "Window", "cut_window", "timestamp_rules"]

START, END, NO_TIMESTAMPS = "<|startoftranscript|>", "<|endoftext|>", "<|notimestamps|>"


@dataclass(frozen=True)
class WhisperTokens:
    """The ids that steer Whisper. ``languages`` and ``tasks`` are empty for a model that knows English only.

    ``forced`` are the tokens by position that old generation configs prescribe; None in it means "detect".
    ``language`` is the one a generation config sets; ``max_length`` counts the prompt too; ``configured`` is what the
    generation config asks of any model.
    """

    start: int
    end: frozenset[int]
    no_timestamps: int
    languages: Mapping[str, int]
    tasks: Mapping[str, int]
    multilingual: bool
    max_length: int
    suppress: tuple[int, ...] = ()
    suppress_at_begin: tuple[int, ...] = ()
    forced: Mapping[int, int | None] | None = None
    language: str | None = None
    max_initial_timestamp: int | None = None
    configured: tuple[LogitsProcessor, ...] = ()

    @property
    def first_timestamp(self) -> int:
        return self.no_timestamps + 1

    @property
    def silence(self) -> int:
        """The token that says that nobody speaks; its name changed over time, its place did not."""
        return self.no_timestamps - 1

    @classmethod
    def of_model(cls, files: ModelFiles, token_id: Callable[[str], int | None]) -> WhisperTokens:
        """From ``generation_config.json``, else from ``config.json``; ``token_id`` looks a token up by its text.

        Raises ModelError where an id is in neither, is none, or is another than the tokenizer's.
        """
        file = files.folder / "generation_config.json"
        values = {**files.config, **(files.read_json(file.name) or {})}
        settings = CheckedSettings(values, file)
        end = frozenset(settings.ids("eos_token_id"))
        if not end:
            raise ModelError("model-setting-missing", file=file, name="eos_token_id")
        start = settings.needed("decoder_start_token_id")
        # With another end or start than the tokenizer's, a text never ends, or is none.
        for name, token, told in (("eos_token_id", END, end), ("decoder_start_token_id", START, {start})):
            number = token_id(token)
            if number is not None and number not in told:
                raise settings.bad(name)
        named = token_id(NO_TIMESTAMPS)
        no_timestamps = settings.needed("no_timestamps_token_id", default=named)
        if named not in (None, no_timestamps):  # all tokens behind it are times: with another one a text would be lost
            raise settings.bad("no_timestamps_token_id")
        languages = {_bare(key): value for key, value in settings.ids_by_name("lang_to_id").items()}
        positions = settings.needed("max_target_positions", least=1)
        language = settings.text("language")
        return cls(
            start=start,
            end=end,
            no_timestamps=no_timestamps,
            languages=languages,
            tasks=settings.ids_by_name("task_to_id"),
            multilingual=settings.flag("is_multilingual", bool(languages)),
            max_length=min(settings.count("max_length") or positions, positions),
            suppress=settings.ids("suppress_tokens"),
            suppress_at_begin=settings.ids("begin_suppress_tokens"),
            forced=settings.ids_by_place("forced_decoder_ids"),
            language=_bare(language) if language else None,
            max_initial_timestamp=settings.count("max_initial_timestamp_index"),
            configured=tuple(
                configured(settings.figure("repetition_penalty", 1.0), settings.count("no_repeat_ngram_size") or 0)
            ),
        )

    def check(self, language: str | None, task: str) -> None:
        """Raises UsageError for a language or a task that this model does not have."""
        if not self.multilingual:
            for name, value in (("language", language), ("task", None if task == "transcribe" else task)):
                if value is not None:
                    raise UsageError("asr-english-only", name=name, value=value)
            return
        if language is not None and language.lower() not in self.languages:
            known = ", ".join(sorted(self.languages)) or "none, its generation_config.json names no languages"
            raise UsageError("usage-bad-param", name="language", value=language, expected=f"one of {known}")
        if task != "transcribe" and task not in self.tasks:
            known = ", ".join(sorted(self.tasks)) or "none, its generation_config.json names no tasks"
            raise UsageError("usage-bad-param", name="task", value=task, expected=f"one of {known}")

    def known_language(self, asked: str | None) -> str | None:
        """The language to write down: as asked, else as the model's files set it; None where it is to be detected."""
        forced = (self.forced or {}).get(1)
        named = next((code for code, token in self.languages.items() if token == forced), None)
        return asked.lower() if asked else self.language or named

    def likeliest_language(self, logits: FloatArray) -> str:
        """The language whose token has the highest score after the start token: logits float32 [vocabulary]."""
        codes = list(self.languages)
        return codes[int(np.argmax(logits[[self.languages[code] for code in codes]]))]

    def prompt(self, language: str | None, task: str, *, timestamps: bool) -> list[int]:
        """What the decoder begins with: start, language, task, and "no timestamps" where none are wanted.

        Without a task token a multilingual model skips words and loops; a model whose files name no tasks begins with
        the tokens that its old generation config forces.
        """
        if self.multilingual and task in self.tasks:
            middle = [self.languages.get(language or ""), self.tasks[task]]
        else:
            middle = [token for _, token in sorted((self.forced or {}).items())]
            if middle and language and language in self.languages:
                middle[0] = self.languages[language]
        prompt = [self.start, *(token for token in middle if token is not None and token != self.no_timestamps)]
        return prompt if timestamps else [*prompt, self.no_timestamps]

    def processors(self, begin: int, *, timestamps: bool) -> list[LogitsProcessor]:
        """What is done to the scores of the tokens from position ``begin`` on."""
        rules = [timestamp_rules(self, begin)] if timestamps else []
        return [*self.configured, suppressed_at(begin, self.suppress_at_begin), suppressed(self.suppress), *rules]


def timestamp_rules(tokens: WhisperTokens, begin: int) -> LogitsProcessor:
    """Where timestamps may stand in what is generated from position ``begin`` on.

    The first token is one, no later than ``max_initial_timestamp`` steps; they come in pairs but before the end; they
    never fall; and where all of them together are likelier than any other token, the next token is one.
    """
    first, end = tokens.first_timestamp, min(tokens.end)

    def process(scores: FloatArray, all_tokens: Sequence[int]) -> None:
        scores[tokens.no_timestamps] = -np.inf
        generated = all_tokens[begin:]
        last_is = bool(generated) and generated[-1] >= first
        before_is = len(generated) < 2 or generated[-2] >= first
        if last_is and before_is:
            scores[first:] = -np.inf
        elif last_is:
            scores[:end] = -np.inf
        latest = next((token for token in reversed(generated) if token >= first), None)
        if latest is not None:
            scores[first : latest if last_is and not before_is else latest + 1] = -np.inf
        if not generated:
            scores[:first] = -np.inf
            if tokens.max_initial_timestamp is not None:
                scores[first + tokens.max_initial_timestamp + 1 :] = -np.inf
        if _log_sum_exp(scores[first:]) > scores[:first].max():
            scores[:first] = -np.inf

    return process


@dataclass(frozen=True)
class Cut:
    """One segment of a window: its text's tokens, and where it begins and ends in timestamp steps of the window.

    ``end`` is None where the model gave none.
    """

    tokens: tuple[int, ...]
    start: int
    end: int | None


def cut_window(generated: Sequence[int], first_timestamp: int) -> tuple[list[Cut], int | None]:
    """The segments in the tokens that were generated for a window (without the end token), and where to read on.

    Two timestamps in a row end one segment and begin the next. A window that stops within a segment is read again from
    the last complete one on: that step is returned, and the tokens behind it do not count. None means that the whole
    window is done: its last segment has an end and nothing follows (nothing more is spoken), or there is no pair at
    all (the window is one segment).
    """
    is_time = [token >= first_timestamp for token in generated]
    pairs = [n for n in range(1, len(generated)) if is_time[n - 1] and is_time[n]]
    if not pairs or is_time[-2:] == [False, True]:
        return _cuts(generated, [0, *pairs, len(generated)], first_timestamp), None
    step = generated[pairs[-1] - 1] - first_timestamp
    # Rules forbid a pair of zeros; without them it would be read again for ever.
    return _cuts(generated, [0, *pairs], first_timestamp), step or None


@dataclass(frozen=True)
class Window:
    """What was generated, without the end token, for ``frames`` frames of the sound from the frame ``start`` on."""

    start: int
    frames: int
    tokens: tuple[int, ...]


@dataclass(frozen=True)
class Scribe:
    """From windows to a transcript.

    ``decode`` makes text of tokens, ``special`` are the tokens that are none. A frame lasts ``frame_s``, a timestamp's
    step has ``step_frames`` of them.
    """

    decode: Callable[[Sequence[int]], str]
    special: frozenset[int]
    first_timestamp: int
    frame_s: float
    step_frames: int

    def next_frame(self, window: Window) -> int:
        """Where the window after this one begins."""
        step = cut_window(window.tokens, self.first_timestamp)[1]
        return window.start + (window.frames if step is None else min(step * self.step_frames, window.frames))

    def transcript(self, windows: Sequence[Window], language: str | None, *, timestamps: bool) -> Transcript:
        """Everything said in these windows, which follow each other."""
        segments = [
            segment
            for number, window in enumerate(windows, 1)
            for segment in self._segments(window, is_last=number == len(windows))
        ]
        text = "".join(segment.text for segment in segments)
        return Transcript(text, tuple(segments) if timestamps else (), language)

    def _segments(self, window: Window, *, is_last: bool) -> Iterator[Segment]:
        """In seconds of the whole sound. A segment without an end lasts as long as its window; the very last one is
        left open."""
        for cut in cut_window(window.tokens, self.first_timestamp)[0]:
            end_s = None if is_last else self._seconds(window.start + window.frames)
            if cut.end is not None:
                end_s = self._seconds(window.start + cut.end * self.step_frames)
            start_s = self._seconds(window.start + cut.start * self.step_frames)
            yield Segment(self.text(cut.tokens), start_s, end_s)

    def text(self, tokens: Sequence[int]) -> str:
        """The text of tokens, without those that are none."""
        return self.decode([token for token in tokens if token < self.first_timestamp and token not in self.special])

    def _seconds(self, frame: int) -> float:
        return round(frame * self.frame_s, 2)


def _cuts(generated: Sequence[int], edges: Sequence[int], first: int) -> list[Cut]:
    cuts = []
    for start, stop in pairwise(edges):
        times = [token - first for token in generated[start:stop] if token >= first]
        text = tuple(token for token in generated[start:stop] if token < first)
        if text:
            cuts.append(Cut(text, times[0] if times else 0, times[-1] if len(times) > 1 else None))
    return cuts


def _bare(language: str) -> str:
    """``"<|en|>"`` → ``"en"``."""
    return language.strip("<|>")


def _log_sum_exp(values: np.ndarray[Any, np.dtype[np.float32]]) -> float:
    highest = values.max()
    if highest == -np.inf:
        return -np.inf
    return float(highest + np.log(np.exp(values - highest).sum()))
