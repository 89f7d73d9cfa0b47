"""Speech to text with Moonshine and Speech2Text: an encoder hears the whole sound, a decoder writes it down.

The reference is transformers' ``pipeline("automatic-speech-recognition")``. It takes a sound of any length at once,
which the models were not made for, and which takes memory by the square of the length: a longer one than
:data:`PART_S` is heard in parts here, cut where it is quiet, and each part is a segment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.errors import UsageError
from workbench.results import Segment, Text, Transcript
from workbench.runtime.generate import Seq2SeqDecoder
from workbench.runtime.generation_settings import GenerationSettings
from workbench.runtime.logits_processors import FloatArray
from workbench.runtime.sound_features import sound_features
from workbench.runtime.tokens import Vocabulary
from workbench.tasks.asr_params import refuse_ctc_params
from workbench.tasks.base import Array, ModelFiles, Outputs, Pipeline, Run, SessionLike
from workbench.tasks.sound_inputs import read_sound, sound_name
from workbench.tasks.written import Encoded, Writer, run_encoder

__all__ = ["PART_S", "Prepared", "Seq2SeqRecognition", "quiet_cuts"]

# What transformers' pipeline sets by itself.
PIPELINE_SETTINGS = {"max_new_tokens": 256, "num_beams": 5}
PART_S = 30
# A part ends at the quietest place of its last quarter, by the energy of so much of it.
QUIET_S = 0.1
LANGUAGE = "<lang:{}>"


@dataclass(frozen=True)
class Prepared:
    """Samples float32 [n] of a sound, its name, where its parts begin and end, and how to write."""

    samples: FloatArray
    name: str
    parts: tuple[tuple[int, int], ...]
    settings: GenerationSettings


class Seq2SeqRecognition(Pipeline):
    """An input is a path, or a mapping with ``array`` (float [samples]) and ``sampling_rate`` (Hz)."""

    def __init__(self, files: ModelFiles, sessions: Mapping[str, SessionLike]) -> None:
        """Raises ModelError: a missing or broken file, a setting or an input of a graph that is not known."""
        super().__init__(files, sessions)
        self._encoder = sessions["encoder_model"]
        self._features = sound_features(files)
        self._features.check_graph(self._encoder)
        self._vocabulary = Vocabulary.of_model(files)
        self._writer = Writer(Seq2SeqDecoder(sessions), self._vocabulary, "text")
        self._settings = GenerationSettings.of_model(files, PIPELINE_SETTINGS, "automatic-speech-recognition")
        tokenizer = files.read_json("tokenizer_config.json") or {}
        self._upper = bool(tokenizer.get("do_upper_case", False))

    def preprocess(self, item: Any, params: Mapping[str, Any], run: Run) -> Prepared:
        """Raises InputError for what is no sound, UsageError for a language that the model lacks."""
        refuse_ctc_params(params)
        settings = self._settings.asked(params)
        if params.get("task", "transcribe") != "transcribe":
            raise UsageError("asr-no-choice", name="task", value=params["task"])
        if language := params.get("language"):
            number = self._vocabulary.token_id(LANGUAGE.format(language))
            if number is None:
                raise UsageError("asr-no-choice", name="language", value=language)
            settings = settings.wishing(forced_bos_token_id=number)
        rate = self._features.sampling_rate
        samples = read_sound(item, rate, run).samples
        return Prepared(samples, sound_name(item), quiet_cuts(samples, rate), settings)

    def forward(self, prepared: Prepared, params: Mapping[str, Any], run: Run) -> Outputs:
        """Returns ``token_ids`` int64 [tokens] of all parts together, and ``counts`` int64 [parts]."""
        parts: list[Array] = []
        said: list[list[int]] = []
        on_partial, total = run.on_partial, len(prepared.samples) / self._features.sampling_rate

        def report(partial: Any) -> None:
            if on_partial and isinstance(partial, Text):
                before = self._transcript(said, prepared, params)
                text = self._cased(partial.text)
                on_partial(Transcript(f"{before.text} {text}".strip(), before.segments))

        for part in prepared.parts:
            inner = Run(run.cancellation, run.notices, run.times_s, report if on_partial else None)
            tokens = self._writer.write(self._encode(prepared, part, inner), prepared.settings, (), inner)
            parts.append(tokens)
            said.append(tokens.tolist())
            run.progress("transcribe", part[1] / self._features.sampling_rate, total, "s")
        counts = np.array([len(tokens) for tokens in parts], dtype=np.int64)
        return {"token_ids": np.concatenate(parts), "counts": counts}

    def postprocess(self, outputs: Outputs, prepared: Prepared, params: Mapping[str, Any], run: Run) -> Transcript:
        ends = np.cumsum(outputs["counts"])
        tokens = [part.tolist() for part in np.split(outputs["token_ids"], ends[:-1])]
        return self._transcript(tokens, prepared, params)

    def reference_outputs(
        self, prepared: Prepared, params: Mapping[str, Any], run: Run, answer: Mapping[str, Any]
    ) -> Outputs:
        """``encoder.last_hidden_state`` of the first part, ``decoder.logits`` for the reference's tokens."""
        encoded = self._encode(prepared, prepared.parts[0], run)
        return self._writer.reference_outputs(encoded, answer["token_ids"], run)

    def _encode(self, prepared: Prepared, part: tuple[int, int], run: Run) -> Encoded:
        """Raises InputError for a sound that is too short."""
        return run_encoder(self._encoder, self._features(prepared.samples[slice(*part)], prepared.name, run), run)

    def _transcript(self, tokens: list[list[int]], prepared: Prepared, params: Mapping[str, Any]) -> Transcript:
        texts = [self._cased(self._writer.text(part, prepared.settings).text) for part in tokens]
        rate, segments = self._features.sampling_rate, []
        if params.get("return_timestamps", True):
            for text, (start, end) in zip(texts, prepared.parts, strict=False):
                segments.append(Segment(text, start / rate, end / rate))
        # A text is given as it was written, space in front and all, where it is the only one.
        text = texts[0] if len(prepared.parts) == 1 and texts else " ".join(part.strip() for part in texts)
        return Transcript(text, tuple(segments))

    def _cased(self, text: str) -> str:
        return text.upper() if self._upper else text


def quiet_cuts(samples: FloatArray, rate: int, part_s: float = PART_S) -> tuple[tuple[int, int], ...]:
    """First sample of each part of a sound, and the one behind its last: no part is longer than ``part_s``."""
    longest, frame = int(part_s * rate), max(1, int(QUIET_S * rate))
    parts, start = [], 0
    while len(samples) - start > longest:
        first = start + longest * 3 // 4
        frames = samples[first : start + longest - frame]  # what is left over must be long enough for the model
        frames = frames[: len(frames) // frame * frame].reshape(-1, frame)
        quietest = int(np.square(frames, dtype=np.float64).sum(axis=1).argmin())
        end = first + quietest * frame + frame // 2
        parts.append((start, end))
        start = end
    return (*parts, (start, len(samples)))
