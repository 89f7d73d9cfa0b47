"""Text to speech with VITS (Kim et al. 2021), such as the voices of MMS. The reference is transformers' ``VitsModel``.

The model makes speech out of noise that it draws itself, so no two runs agree, also not in torch; without noise they
do. How much noise there is and how fast it speaks can be set where the graph has inputs for it, as our exports have.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.errors import InputError, ModelError, UsageError
from workbench.results import Audio
from workbench.runtime.spectrum import mean_spectrum
from workbench.runtime.voice_text import VoiceText
from workbench.tasks.agreement import Agreement, sound_agreement
from workbench.tasks.base import Array, ModelFiles, Outputs, Pipeline, Run, SessionLike
from workbench.tasks.scores import finite
from workbench.tasks.text_inputs import text_of

__all__ = ["PIPELINE", "TextToSpeech"]

IDS, MASK, WAVE = "input_ids", "attention_mask", "waveform"
# A text is spoken in parts of up to so many letters: attention needs memory by their square.
MAX_PART_LETTERS = 400
MAX_LETTERS = 20_000
ENDS = re.compile(r"(?<=[.!?;:。！？；：])\s*")
PAUSE_S = 0.2
NOISE = ("noise_scale", "noise_scale_duration")


@dataclass(frozen=True)
class Spoken:
    """The ids of each part of a text, int64 [1, letters]."""

    parts: tuple[Array, ...]


class TextToSpeech(Pipeline):
    """An input is a text."""

    def __init__(self, files: ModelFiles, sessions: Mapping[str, SessionLike]) -> None:
        """Raises ModelError: a vocabulary that is missing or not supported, a graph of another kind."""
        super().__init__(files, sessions)
        self._session = sessions["model"]
        self._text = VoiceText.of_model(files)
        unknown = [name for name in self._session.input_names if name not in (IDS, MASK)]
        if unknown or IDS not in self._session.input_names:
            raise ModelError("model-unknown-input", name=(*unknown, IDS)[0], known=f"{IDS}, {MASK}")
        if WAVE not in self._session.output_names:
            raise ModelError("graph-no-output", wanted=WAVE, got=", ".join(self._session.output_names))
        self._optional: Mapping[str, np.dtype[Any]] = getattr(self._session, "optional_inputs", {})
        rate_hz, path = files.config.get("sampling_rate", 16_000), files.folder / "config.json"
        if type(rate_hz) is not int or rate_hz <= 0:
            raise ModelError("model-bad-setting", file=path, name="sampling_rate", value=rate_hz)
        self._rate_hz = rate_hz

    def preprocess(self, item: Any, params: Mapping[str, Any], run: Run) -> Spoken:
        """Raises InputError: no text, none that the voice can read, or too much of it."""
        text = text_of(item)
        if len(text) > MAX_LETTERS:
            raise InputError("tts-too-long", letters=len(text), limit=MAX_LETTERS)
        parts = [found for part in _parts(text) if (found := self._text.encode(self._text.readable(part)))]
        if not parts:
            raise InputError("tts-nothing-to-say")
        if len(parts) > 1:
            run.warn("tts-in-parts", count=len(parts))
        return Spoken(tuple(np.array([part], np.int64) for part in parts))

    def forward(self, prepared: Spoken, params: Mapping[str, Any], run: Run) -> Outputs:
        """``waveform`` float32 [1, samples]: all parts, with short pauses between them."""
        scales = self._scales(params)
        pause = np.zeros(int(PAUSE_S * self._rate_hz), np.float32)
        found: list[Array] = []
        for number, ids in enumerate(prepared.parts, 1):
            found += [pause, self._speak(ids, scales, run)] if found else [self._speak(ids, scales, run)]
            if len(prepared.parts) > 1:
                run.progress("speak", number, len(prepared.parts), "parts")
        return {WAVE: np.concatenate(found)[None]}

    def _speak(self, ids: Array, scales: Mapping[str, float], run: Run) -> Array:
        """float32 [samples]. Raises EngineError for samples that are no numbers."""
        types = self._session.input_dtypes
        feeds: dict[str, Array] = {IDS: ids.astype(types[IDS], copy=False)}
        if MASK in self._session.input_names:
            feeds[MASK] = np.ones(ids.shape, types[MASK])
        feeds |= {name: np.array(value, self._optional[name]) for name, value in scales.items()}
        return finite(self._session.run(feeds, run, (WAVE,))[WAVE].reshape(-1))

    def _scales(self, params: Mapping[str, Any]) -> dict[str, float]:
        """The optional inputs that were asked for. Raises UsageError where the graph lacks one."""
        rate = params.get("speaking_rate")
        asked = {name: params.get(name) for name in NOISE} | {"length_scale": None if rate is None else 1 / rate}
        scales = {name: float(value) for name, value in asked.items() if value is not None}
        for name in scales:
            if name not in self._optional:
                said = "speaking_rate" if name == "length_scale" else name
                raise UsageError("tts-no-scale", name=said)
        return scales

    def postprocess(self, outputs: Outputs, prepared: Spoken, params: Mapping[str, Any], run: Run) -> Audio:
        return Audio(outputs[WAVE][0], self._rate_hz)

    def reference_outputs(
        self, prepared: Spoken, params: Mapping[str, Any], run: Run, answer: Mapping[str, Any]
    ) -> Outputs:
        """``spectrum`` float32 [64] and ``duration_s`` float32 [1] of what is spoken without noise."""
        silent = {name: 0.0 for name in NOISE if name in self._optional}
        wave = np.concatenate([self._speak(ids, silent, run) for ids in prepared.parts])
        return {"spectrum": mean_spectrum(wave), "duration_s": np.array([len(wave) / self._rate_hz], np.float32)}

    def compared(self, got: Outputs, wanted: Outputs) -> Agreement:
        lengths = (float(outputs["duration_s"][0]) for outputs in (got, wanted))
        return sound_agreement(got["spectrum"], wanted["spectrum"], *lengths)


def _parts(text: str) -> Sequence[str]:
    """The text whole, or where it is long in parts that end with a sentence, else with a word."""
    if len(text) <= MAX_PART_LETTERS:
        return [text]
    parts = [""]
    for sentence in ENDS.split(text):
        for piece in _pieces(sentence):
            if len(parts[-1]) + len(piece) > MAX_PART_LETTERS:
                parts.append("")
            parts[-1] = f"{parts[-1]} {piece}".strip()
    return parts


def _pieces(sentence: str) -> Sequence[str]:
    if len(sentence) <= MAX_PART_LETTERS:
        return [sentence]
    pieces = [""]
    for word in sentence.split():
        for start in range(0, len(word), MAX_PART_LETTERS):
            part = word[start : start + MAX_PART_LETTERS]
            if len(pieces[-1]) + len(part) >= MAX_PART_LETTERS:
                pieces.append("")
            pieces[-1] = f"{pieces[-1]} {part}".strip()
    return pieces


PIPELINE = TextToSpeech
