"""Speech to text with Whisper: any length, window by window, each beginning where the last complete segment ended.

The order of things is that of transformers' ``WhisperForConditionalGeneration.generate`` on a whole sound with
``return_timestamps=True``: the features of all of it at once, greedy decoding, no conditioning on the text before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np

from workbench.errors import ModelError
from workbench.results import Transcript
from workbench.runtime.checked_settings import CheckedSettings
from workbench.runtime.generate import Seq2SeqDecoder, fitting, greedy, teacher_forced
from workbench.runtime.logits_processors import FloatArray
from workbench.runtime.mel import LogMel
from workbench.runtime.tokens import Vocabulary
from workbench.tasks.asr_params import refuse_ctc_params
from workbench.tasks.base import Array, ModelFiles, Outputs, Pipeline, Run, SessionLike
from workbench.tasks.sound_inputs import read_sound
from workbench.tasks.whisper import Scribe, WhisperTokens, Window
from workbench.tasks.whisper_attempts import TEMPERATURES, Attempt, Checks

__all__ = ["Prepared", "WhisperRecognition"]

# A growing transcript is sent out every so many tokens.
PARTIAL_TOKENS = 8
CHECKS = Checks()
# The encoder's second convolution moves on by two frames.
STEP_FRAMES = 2
ENCODER_OUTPUT = "last_hidden_state"


@dataclass(frozen=True)
class Prepared:
    """The features of a whole sound, float32 [bands, frames], and its length."""

    features: FloatArray
    duration_s: float

    @property
    def frames(self) -> int:
        return len(self.features[0])


@dataclass
class Reading:
    """A sound that is being written down: what was asked for, and what is known of it so far."""

    prepared: Prepared
    run: Run
    task: str
    language: str | None
    wants_times: bool
    timestamps: bool  # whether the model is asked for timestamps
    fallback: bool  # whether a text that is not to be trusted is made again
    windows: list[Window] = field(default_factory=list)


class WhisperRecognition(Pipeline):
    """An input is a path, or a mapping with ``array`` (float [samples]) and ``sampling_rate`` (Hz)."""

    # transformers' pipeline writes everything down once.
    reference_params = MappingProxyType({"fallback": False})

    def __init__(self, files: ModelFiles, sessions: Mapping[str, SessionLike]) -> None:
        """Raises ModelError: a file that is missing or does not fit the graphs."""
        super().__init__(files, sessions)
        self._mel = LogMel.of_model(files)
        vocabulary = Vocabulary.of_model(files)
        self._tokens = WhisperTokens.of_model(files, vocabulary.token_id)
        self._encoder = sessions["encoder_model"]
        self._decoder = Seq2SeqDecoder(sessions)
        self._scribe = Scribe(
            decode=vocabulary.decode,
            special=vocabulary.special_ids,
            first_timestamp=self._tokens.first_timestamp,
            frame_s=self._mel.frame_s,
            step_frames=STEP_FRAMES,
        )
        self._check_window()

    def _check_window(self) -> None:
        """Raises ModelError where the encoder takes other features, or as many frames as it has no positions for."""
        config = CheckedSettings(self.files.config, self.files.folder / "config.json")
        positions = config.count("max_source_positions", least=1)
        bands = self._encoder.input_shapes["input_features"][1]
        wrong = "feature_size" if isinstance(bands, int) and bands != self._mel.feature_size else ""
        if positions is not None and self._mel.chunk_frames != positions * STEP_FRAMES:
            wrong = "chunk_length"
        if wrong:
            raise ModelError("model-files-disagree", file=self.files.folder / "preprocessor_config.json", name=wrong)

    def preprocess(self, item: Any, params: Mapping[str, Any], run: Run) -> Prepared:
        """Raises InputError for what is no sound, UsageError for a language or task that the model does not have."""
        refuse_ctc_params(params)
        self._tokens.check(params.get("language"), params.get("task", "transcribe"))
        sound = read_sound(item, self._mel.sampling_rate, run)
        return Prepared(self._mel(sound.samples, run.cancellation.check), sound.duration_s)

    def forward(self, prepared: Prepared, params: Mapping[str, Any], run: Run) -> Outputs:
        """Returns ``token_ids`` int64 [tokens] of all windows together; ``windows`` int64 [windows, 3] with the first
        frame, the number of frames and that of tokens of each; ``language_id`` int64 [1], [0] where there is none."""
        wants_times = bool(params.get("return_timestamps", True))
        reading = Reading(
            prepared=prepared,
            run=run,
            task=params.get("task", "transcribe"),
            language=self._tokens.known_language(params.get("language")),
            wants_times=wants_times,
            # Only timestamps tell where the next window begins.
            timestamps=wants_times or prepared.frames > self._mel.chunk_frames,
            fallback=bool(params.get("fallback", True)),
        )
        start = 0
        while start < prepared.frames:
            window = self._read_window(reading, start)
            reading.windows.append(window)
            start = self._scribe.next_frame(window)
            self._report(reading, reading.windows)
            run.progress("transcribe", min(start * self._mel.frame_s, prepared.duration_s), prepared.duration_s, "s")
        windows = [(window.start, window.frames, len(window.tokens)) for window in reading.windows]
        language_id = self._tokens.languages.get(reading.language or "")
        return {
            "token_ids": np.array([token for window in reading.windows for token in window.tokens], dtype=np.int64),
            "windows": np.array(windows, dtype=np.int64),
            "language_id": np.array([] if language_id is None else [language_id], dtype=np.int64),
        }

    def _read_window(self, reading: Reading, start: int) -> Window:
        """What is said from the frame ``start`` on, and in which language if that is not known yet."""
        run, tokens = reading.run, self._tokens
        frames = min(self._mel.chunk_frames, reading.prepared.frames - start)
        if reading.fallback and np.ptp(reading.prepared.features[:, start : start + frames]) == 0:
            return Window(start, frames, ())  # nothing in it can be heard, and Whisper would make words of that
        hidden_states = self._encode(reading.prepared.features, start, run)
        if reading.language is None and tokens.multilingual and tokens.languages:
            reading.language = tokens.likeliest_language(
                self._decoder.start(hidden_states).advance((tokens.start,), run)[-1]
            )
        random = np.random.default_rng(start)  # the same sound is always written down alike
        said: list[int] = []
        for temperature in TEMPERATURES if reading.fallback else TEMPERATURES[:1]:
            attempt = Attempt(self._decoder.start(hidden_states), temperature, tokens.silence, random)
            self._write(attempt, reading, start, frames)
            said = attempt.tokens
            if not reading.fallback:
                break
            if attempt.is_silence(CHECKS):
                said = []
                break
            if not attempt.fails(CHECKS, self._scribe.text):
                break
        return Window(start, frames, tuple(said))

    def _write(self, attempt: Attempt, reading: Reading, start: int, frames: int) -> None:
        """Write the window that begins at this frame down in one way."""
        tokens = self._tokens
        prompt = tokens.prompt(reading.language, reading.task, timestamps=reading.timestamps)
        processors = tokens.processors(len(prompt), timestamps=reading.timestamps)
        if reading.fallback:
            processors.append(attempt.observing())
        generated = greedy(
            attempt, prompt, stop=tokens.end, max_length=tokens.max_length, processors=processors, run=reading.run
        )
        for token in generated:
            attempt.took(token, ends=token in tokens.end)
            if token not in tokens.end and len(attempt.tokens) % PARTIAL_TOKENS == 0:
                window = Window(start, frames, tuple(attempt.tokens))
                self._report(reading, [*reading.windows, window])

    def _encode(self, features: FloatArray, start: int, run: Run) -> Array:
        """The encoder's output for the window that begins at this frame, float [1, positions, hidden]."""
        feeds = fitting(self._encoder, {"input_features": self._mel.chunk(features, start)})
        return self._encoder.run(feeds, run, (ENCODER_OUTPUT,))[ENCODER_OUTPUT]

    def _report(self, reading: Reading, windows: list[Window]) -> None:
        if reading.run.on_partial:
            shown = self._scribe.transcript(windows, reading.language, timestamps=reading.wants_times)
            reading.run.partial(shown)

    def postprocess(self, outputs: Outputs, prepared: Prepared, params: Mapping[str, Any], run: Run) -> Transcript:
        windows, done = [], 0
        for start, frames, count in outputs["windows"].tolist():
            windows.append(Window(start, frames, tuple(outputs["token_ids"][done : done + count].tolist())))
            done += count
        codes = {token: code for code, token in self._tokens.languages.items()}
        language = next((codes[token] for token in outputs["language_id"].tolist()), None)
        return self._scribe.transcript(windows, language, timestamps=bool(params.get("return_timestamps", True)))

    def reference_outputs(
        self, prepared: Prepared, params: Mapping[str, Any], run: Run, answer: Mapping[str, Any]
    ) -> Outputs:
        """``encoder.last_hidden_state`` float [1, positions, hidden] of the first window, and ``decoder.logits``
        float32 [1, tokens, vocabulary] when the reference's tokens are fed in."""
        hidden_states = self._encode(prepared.features, 0, run)
        logits = teacher_forced(self._decoder.start(hidden_states), answer["token_ids"], run)
        return {f"encoder.{ENCODER_OUTPUT}": hidden_states, "decoder.logits": logits[None]}
