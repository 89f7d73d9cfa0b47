"""Whisper's own rules: its special tokens, where timestamps may stand, how windows follow each other, segments.

Section 4.5 and appendix of Radford et al. 2022 ("Robust Speech Recognition via Large-Scale Weak Supervision"), as
transformers carries them out when it is given a whole sound.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from workbench.errors import ModelError, UsageError
from workbench.results import Segment, Transcript
from workbench.runtime.generate import FloatArray, LogitsProcessor
from workbench.tasks.base import ModelFiles

__all__ = ["TranscriptBuilder", "WhisperTokens", "kept_of_window", "timestamp_rules"]

# The encoder halves the number of frames: one step of a timestamp is two frames of the log-mel spectrogram.
FRAMES_PER_STEP = 2


@dataclass(frozen=True)
class WhisperTokens:
    """The ids that steer Whisper. ``languages`` and ``tasks`` are empty for a model that knows English only.

    ``forced`` are the tokens by position that old generation configs prescribe; None in it means "detect".
    """

    start: int
    end: frozenset[int]
    no_timestamps: int
    languages: Mapping[str, int]
    tasks: Mapping[str, int]
    multilingual: bool
    suppress: tuple[int, ...] = ()
    suppress_at_begin: tuple[int, ...] = ()
    forced: tuple[tuple[int, int | None], ...] = ()
    max_initial_timestamp: int | None = None

    @property
    def first_timestamp(self) -> int:
        return self.no_timestamps + 1

    @classmethod
    def of_model(cls, files: ModelFiles, token_id: Callable[[str], int | None]) -> WhisperTokens:
        """From ``generation_config.json``, else from ``config.json``; ``token_id`` looks a token up by its text.

        Raises ModelError where an id is in neither.
        """
        settings = {**files.config, **(files.read_json("generation_config.json") or {})}
        no_timestamps = settings.get("no_timestamps_token_id", token_id("<|notimestamps|>"))
        wanted = {
            "decoder_start_token_id": settings.get("decoder_start_token_id"),
            "eos_token_id": settings.get("eos_token_id"),
            "no_timestamps_token_id": no_timestamps,
        }
        for name, value in wanted.items():
            if value is None:
                raise ModelError("model-setting-missing", file=files.folder / "generation_config.json", name=name)
        end = settings["eos_token_id"]
        languages = {key.strip("<|>"): int(value) for key, value in (settings.get("lang_to_id") or {}).items()}
        forced = settings.get("forced_decoder_ids") or ()
        return cls(
            start=int(settings["decoder_start_token_id"]),
            end=frozenset(end if isinstance(end, list) else [end]),
            no_timestamps=int(no_timestamps),
            languages=languages,
            tasks={str(key): int(value) for key, value in (settings.get("task_to_id") or {}).items()},
            multilingual=bool(settings.get("is_multilingual", languages)),
            suppress=tuple(settings.get("suppress_tokens") or ()),
            suppress_at_begin=tuple(settings.get("begin_suppress_tokens") or ()),
            forced=tuple((int(position), token) for position, token in forced),
            max_initial_timestamp=settings.get("max_initial_timestamp_index"),
        )

    def check(self, language: str | None, task: str) -> None:
        """Raises UsageError for a language or a task that this model does not have."""
        if not self.multilingual:
            for name, value in (("language", language), ("task", None if task == "transcribe" else task)):
                if value is not None:
                    raise UsageError("asr-english-only", name=name, value=value)
        if language is not None and self.multilingual and language.lower() not in self.languages:
            known = ", ".join(sorted(self.languages)) or "none, its generation_config.json names no languages"
            raise UsageError("usage-bad-param", name="language", value=language, expected=f"one of {known}")
        if self.multilingual and task != "transcribe" and task not in self.tasks:
            known = ", ".join(sorted(self.tasks)) or "none, its generation_config.json names no tasks"
            raise UsageError("usage-bad-param", name="task", value=task, expected=f"one of {known}")

    def prompt(self, language_id: int | None, task: str, *, timestamps: bool) -> list[int]:
        """What the decoder begins with: start, language, task, and "no timestamps" where none are wanted."""
        if self.multilingual and (task in self.tasks or language_id is not None):
            middle = [language_id, self.tasks.get(task)]
        else:
            middle = [token for _, token in sorted(self.forced)]
        prompt = [self.start, *(token for token in middle if token is not None and token != self.no_timestamps)]
        return prompt if timestamps else [*prompt, self.no_timestamps]

    def likeliest_language(self, logits: FloatArray) -> str:
        """The language whose token has the highest score after the start token: logits float32 [vocabulary]."""
        codes = list(self.languages)
        return codes[int(np.argmax(logits[[self.languages[code] for code in codes]]))]


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


def kept_of_window(generated: Sequence[int], first_timestamp: int, window_frames: int) -> tuple[list[int], int]:
    """Of the tokens generated for a window (without the end token): those that count, and the frames to go on by.

    A window that ends within a sentence is read again from the last complete segment on: the one before the last pair
    of timestamps. A single timestamp at the end says that nothing is spoken after it; without any pair the whole
    window is one segment.
    """
    is_time = [token >= first_timestamp for token in generated]
    pairs = [n for n in range(1, len(generated)) if is_time[n - 1] and is_time[n]]
    if not pairs or is_time[-2:] == [False, True]:
        return list(generated), window_frames
    frames = (generated[pairs[-1] - 1] - first_timestamp) * FRAMES_PER_STEP
    # Without the rules above a pair of zeros is possible, and would never end.
    return list(generated[: pairs[-1] + 1]), frames or window_frames


@dataclass
class TranscriptBuilder:
    """Collects tokens window by window and cuts them into segments at their timestamps.

    ``decode`` makes text of tokens, ``skipped`` are special tokens, ``step_s`` is the time of one timestamp step.
    """

    decode: Callable[[list[int]], str]
    first_timestamp: int
    skipped: frozenset[int]
    step_s: float
    segments: list[Segment] = field(default_factory=list)
    _start_s: float | None = None
    _tokens: list[int] = field(default_factory=list)

    def add(self, tokens: Iterable[int], offset_s: float) -> None:
        """Tokens of a window that begins ``offset_s`` into the sound."""
        for token in tokens:
            if token in self.skipped:
                continue
            if token < self.first_timestamp:
                self._tokens.append(token)
                continue
            time_s = round((token - self.first_timestamp) * self.step_s + offset_s, 2)
            if self._start_s is None:
                self._start_s = time_s
            elif time_s != self._start_s:
                self.segments.append(Segment(self.decode(self._tokens), self._start_s, time_s))
                self._start_s, self._tokens = None, []

    def transcript(self, language: str | None, *, timestamps: bool) -> Transcript:
        """All so far. A last segment without an end has ``end_s`` None."""
        segments = list(self.segments)
        if self._tokens:
            start_s = self._start_s
            if start_s is None:
                start_s = segments[-1].end_s or 0.0 if segments else 0.0
            segments.append(Segment(self.decode(self._tokens), start_s, None))
        text = "".join(segment.text for segment in segments)
        return Transcript(text, tuple(segments) if timestamps else (), language)


def _log_sum_exp(values: np.ndarray[Any, np.dtype[np.float32]]) -> float:
    highest = values.max()
    if highest == -np.inf:
        return -np.inf
    return float(highest + np.log(np.exp(values - highest).sum()))
