"""Speech to text with models that say a letter every few milliseconds: wav2vec 2.0, HuBERT, WavLM and their kin.

The reference is transformers' ``pipeline``: the likeliest letter of each step, repeated ones together, times by
counting steps. It takes a sound whole unless ``chunk_length_s`` is given; as memory grows by the square of the length,
ours takes sounds of over a minute in chunks that overlap, in the same manner.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.errors import ModelError, UsageError
from workbench.results import Segment, Transcript
from workbench.runtime.ctc import Letter, Letters
from workbench.runtime.resample import FloatArray
from workbench.runtime.sound_features import sound_features
from workbench.tasks.base import Array, ModelFiles, Outputs, Pipeline, Run, SessionLike
from workbench.tasks.classes import logits_output
from workbench.tasks.scores import finite
from workbench.tasks.sound_inputs import read_sound, sound_name

__all__ = ["CtcRecognition"]

# The longest sound that is taken whole where the user does not say.
MAX_WHOLE_S = 60
CHUNK_S = 30.0
# The share of a chunk that overlaps with each neighbour, as the reference has it.
STRIDE_SHARE = 6
# Where the times of segments are asked for: a pause from which on a new one begins, and the most that one lasts.
PAUSE_S = 0.6
MAX_SEGMENT_S = 15.0


@dataclass(frozen=True)
class Heard:
    """Samples float32 [n] at the model's rate; ``name`` is the sound's."""

    samples: FloatArray
    name: str


@dataclass(frozen=True)
class Chunk:
    """Samples from ``start`` up to ``stop``, of which ``left`` and ``right`` at its ends belong to its neighbours."""

    start: int
    stop: int
    left: int
    right: int


class CtcRecognition(Pipeline):
    """An input is a path, or a mapping with ``array`` (float [samples]) and ``sampling_rate`` (Hz)."""

    def __init__(self, files: ModelFiles, sessions: Mapping[str, SessionLike]) -> None:
        """Raises ModelError: settings that are not supported, no vocabulary, a graph that takes something else."""
        super().__init__(files, sessions)
        if "model" not in sessions:
            raise ModelError("graph-no-output", wanted="logits", got=", ".join(sessions))
        self._session = sessions["model"]
        self._features = sound_features(files)
        self._features.check_graph(self._session)
        self._output = logits_output(self._session)
        self._letters = Letters.of_model(files)
        self._step_samples = step_samples(files.config)

    def preprocess(self, item: Any, params: Mapping[str, Any], run: Run) -> Heard:
        """Raises InputError for what is no sound, UsageError for parameters of other models."""
        for name, value in (("language", params.get("language")), ("task", params.get("task", "transcribe"))):
            if value not in (None, "transcribe"):
                raise UsageError("asr-one-language", name=name, value=value)
        return Heard(read_sound(item, self._features.sampling_rate, run).samples, sound_name(item))

    def forward(self, prepared: Heard, params: Mapping[str, Any], run: Run) -> Outputs:
        """``token_ids`` int64 [1, steps], the likeliest token of each step of the whole sound."""
        rate_hz, total = self._features.sampling_rate, len(prepared.samples)
        found: list[Array] = []
        for chunk in self._chunks(total, params.get("chunk_length_s")):
            if chunk.start and chunk.stop - chunk.start < self._features.least_samples:
                break  # a rest without a single step
            logits = self._logits(prepared.samples[chunk.start : chunk.stop], prepared.name, run)
            ids = np.argmax(logits[0], -1)
            found.append(ids[self._own_steps(chunk)])
            if chunk.stop - chunk.start < total:
                run.progress("transcribe", chunk.stop / rate_hz, total / rate_hz, "s")
                if run.on_partial:
                    run.partial(self._transcript(np.concatenate(found), params))
        return {"token_ids": np.concatenate(found)[None]}

    def _chunks(self, total: int, chunk_length_s: float | None) -> Iterator[Chunk]:
        """How a sound of so many samples is read: whole, or in chunks that overlap. Raises UsageError."""
        rate_hz, step = self._features.sampling_rate, self._step_samples
        if chunk_length_s is None:
            chunk_length_s = CHUNK_S if total > MAX_WHOLE_S * rate_hz else 0.0
        if not chunk_length_s:
            yield Chunk(0, total, 0, 0)
            return
        length = round(chunk_length_s * rate_hz / step) * step
        stride = round(chunk_length_s / STRIDE_SHARE * rate_hz / step) * step
        if length <= 2 * stride:
            expected = "0, or at least 0.1"
            raise UsageError("usage-bad-param", name="chunk_length_s", value=chunk_length_s, expected=expected)
        for start in range(0, total, length - 2 * stride):
            stop = min(start + length, total)
            left = stride if start else 0
            if stop - start > left:
                yield Chunk(start, stop, left, 0 if stop == total else stride)
            if stop == total:
                break

    def _own_steps(self, chunk: Chunk) -> slice:
        """Which steps of a chunk count. Rounded as the reference does it, so that times stay the same."""
        samples = chunk.stop - chunk.start
        if not (chunk.left or chunk.right):
            return slice(None)
        steps = round(samples / self._step_samples)
        left, right = (round(side / samples * steps) for side in (chunk.left, chunk.right))
        return slice(left, steps - right)

    def _logits(self, samples: FloatArray, name: str, run: Run) -> Array:
        """float32 [1, steps, tokens]. Raises InputError for a sound that is too short, EngineError."""
        feeds = self._features.feeds(self._session, samples, name, run)
        return finite(self._session.run(feeds, run, (self._output,))[self._output])

    def postprocess(self, outputs: Outputs, prepared: Heard, params: Mapping[str, Any], run: Run) -> Transcript:
        """Takes ``token_ids``, or the ``logits`` float [1, steps, tokens] that torch gave."""
        if "token_ids" in outputs:
            return self._transcript(outputs["token_ids"][0], params)
        return self._transcript(np.argmax(outputs[self._output][0], -1), params)

    def _transcript(self, token_ids: Array, params: Mapping[str, Any]) -> Transcript:
        letters = self._letters.letters(token_ids)
        text, wanted = self._letters.text(letters), params.get("return_timestamps", True)
        if not wanted:
            return Transcript(text, ())
        if wanted == "char":
            return Transcript(text, tuple(map(self._segment, letters)), unit="char")
        words = tuple(map(self._segment, self._letters.words(letters)))
        return Transcript(text, words, unit="word") if wanted == "word" else Transcript(text, self._joined(words))

    def _segment(self, letter: Letter) -> Segment:
        rate_hz, step = self._features.sampling_rate, self._step_samples
        return Segment(letter.text, letter.start * step / rate_hz, letter.end * step / rate_hz)

    def _joined(self, words: Sequence[Segment]) -> tuple[Segment, ...]:
        """Words between pauses as segments."""
        groups: list[list[Segment]] = []
        for word in words:
            last = groups[-1] if groups else None
            if last and word.start_s - _end(last[-1]) < PAUSE_S and _end(word) - last[0].start_s <= MAX_SEGMENT_S:
                last.append(word)
            else:
                groups.append([word])
        return tuple(Segment(self._line(group), group[0].start_s, group[-1].end_s) for group in groups)

    def _line(self, words: Sequence[Segment]) -> str:
        text = self._letters.space.join(item.text for item in words)
        return text.lower() if self._letters.lower_case else text

    def reference_outputs(
        self, prepared: Heard, params: Mapping[str, Any], run: Run, answer: Mapping[str, Any]
    ) -> Outputs:
        """``logits`` float32 [1, steps, tokens] of the whole sound."""
        return {self._output: self._logits(prepared.samples, prepared.name, run)}


def step_samples(config: Mapping[str, Any]) -> int:
    """How many samples one step of the model stands for: what transformers calls ``inputs_to_logits_ratio``."""
    if config.get("model_type") == "wav2vec2-bert":
        # Two frames of 160 samples, as if by the width of a frame.
        step = int(config.get("feature_projection_input_dim", 160)) * 2
        if config.get("add_adapter"):
            step *= int(config.get("adapter_stride", 2)) ** int(config.get("num_adapter_layers", 1))
        return step
    return math.prod(int(stride) for stride in config.get("conv_stride") or (5, 2, 2, 2, 2, 2, 2))


def _end(segment: Segment) -> float:
    return segment.start_s if segment.end_s is None else segment.end_s
