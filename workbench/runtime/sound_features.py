"""What models that listen are given of a sound, as their ``preprocessor_config.json`` describes it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from workbench.errors import InputError, ModelError
from workbench.runtime.checked_settings import CheckedSettings
from workbench.runtime.fbank import FRAME_SAMPLES, HOP_SAMPLES, FilterBank
from workbench.runtime.generate import fitting
from workbench.runtime.mel import MOST, LogMel
from workbench.runtime.resample import FloatArray
from workbench.tasks.base import Array, ModelFiles, Run, SessionLike

__all__ = ["SoundFeatures", "sound_features"]

FILE = "preprocessor_config.json"
# Keys that say nothing about the result.
HARMLESS = frozenset(
    {"feature_extractor_type", "processor_class", "return_attention_mask", "transformers_version", "mel_filters"}
    | {"window", "image_processor_type"}
)
# One sound at a time is never padded, unless the model always takes the same length.
OF_PADDING = frozenset({"padding_side", "padding_value"})
# Far more than any model takes at once.
MOST_FRAMES, MOST_OF_A_NUMBER = 1 << 16, 1e9
TINY = 1e-7
SCALE_16_BITS = 2.0**15
MASK = "attention_mask"
# Kernels and strides of the first convolutions where a config has none: those of wav2vec 2.0 (Baevski et al. 2020), and
# of models that never say.
USUAL_CONVOLUTIONS = ((10, 3, 3, 3, 3, 2, 2), (5, 2, 2, 2, 2, 2, 2))
CONVOLUTIONS_OF_MODEL = {"moonshine": ((127, 7, 3), (64, 3, 2))}


class SoundFeatures(ABC):
    """The features of one kind of extractor. ``sampling_rate`` is Hz; ``input_name`` the graph's input they go to.

    ``heard_samples`` is how much of a sound the model hears: the rest is cut off, as the reference does; None where it
    hears all. ``least_samples`` is what it needs.
    """

    input_name: ClassVar[str]
    time_axis: ClassVar[int] = 1
    defaults: ClassVar[Mapping[str, Any]]

    def __init__(self, files: ModelFiles) -> None:
        """Raises ModelError: a setting that is unknown and would alter the features, or has no sense."""
        self._path = files.folder / FILE
        self._settings = dict(self.defaults) | self._checked(files.read_json(FILE) or {})
        self.sampling_rate = int(self._settings["sampling_rate"])
        self.heard_samples: int | None = None
        self.least_samples = FRAME_SAMPLES

    def _checked(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        known = {}
        for name, value in settings.items():
            if name in HARMLESS or (name in OF_PADDING and name not in self.defaults):
                continue
            if name not in self.defaults:
                raise ModelError("model-unknown-setting", file=self._path, name=name)
            if not _makes_sense(value, self.defaults[name], MOST.get(name, MOST_FRAMES)):
                raise ModelError("model-bad-setting", file=self._path, name=name, value=value)
            known[name] = value
        return known

    def _only(self, name: str, *values: Any) -> None:
        """Raises ModelError for a setting with another value than these."""
        if self._settings[name] not in values:
            raise ModelError("model-bad-setting", file=self._path, name=name, value=self._settings[name])

    @abstractmethod
    def _features(self, samples: FloatArray, run: Run) -> FloatArray:
        """float32 with the batch of one in front."""

    def check_graph(self, session: SessionLike) -> None:
        """Raises ModelError where the graph takes something else."""
        for name in session.input_names:
            if name not in (self.input_name, MASK):
                raise ModelError("model-unknown-input", name=name, known=f"{self.input_name}, {MASK}")
        if self.input_name not in session.input_names:
            raise ModelError("model-unknown-input", name=session.input_names[0], known=self.input_name)

    def __call__(self, samples: FloatArray, name: object, run: Run) -> dict[str, Array]:
        """What a graph may ask for of samples float32 [n]: the features, float32, and the mask of their steps, int64
        [1, steps]; ``name`` is the sound's, for messages.

        Raises InputError for a sound that is too short to make one step of the model, Cancelled.
        """
        if len(samples) < self.least_samples:
            raise InputError(
                "sound-too-short",
                file=name,
                seconds=round(len(samples) / self.sampling_rate, 4),
                least=round(self.least_samples / self.sampling_rate, 4),
            )
        features = self._features(samples[: self.heard_samples], run)
        return {self.input_name: features, MASK: np.ones((1, features.shape[self.time_axis]), np.int64)}

    def feeds(self, session: SessionLike, samples: FloatArray, name: object, run: Run) -> dict[str, Array]:
        """Of :meth:`__call__` what this graph asks for, in its own types."""
        return fitting(session, self(samples, name, run))


class WaveFeatures(SoundFeatures):
    """The samples themselves, ``input_values`` [1, n]; with ``do_normalize`` of mean 0 and variance 1."""

    input_name = "input_values"
    defaults: ClassVar[Mapping[str, Any]] = {"feature_size": 1, "sampling_rate": 16_000, "do_normalize": True}

    def __init__(self, files: ModelFiles) -> None:
        super().__init__(files)
        self._only("feature_size", 1)
        self.least_samples = receptive_field(files.config, files.folder / "config.json")

    def _features(self, samples: FloatArray, run: Run) -> FloatArray:
        if self._settings["do_normalize"]:
            samples = (samples - samples.mean()) / np.sqrt(samples.var() + np.float32(TINY))
        return samples[None]


class SpectrogramFeatures(SoundFeatures):
    """``input_values`` [1, max_length, num_mel_bins] of AST: a filter bank of so many frames, zeros behind the end."""

    input_name = "input_values"
    defaults: ClassVar[Mapping[str, Any]] = {
        "feature_size": 1,
        "sampling_rate": 16_000,
        "num_mel_bins": 128,
        "max_length": 1024,
        "padding_value": 0.0,
        "do_normalize": True,
        "mean": -4.2677393,
        "std": 4.5689974,
    }

    def __init__(self, files: ModelFiles) -> None:
        super().__init__(files)
        self._frames = int(self._settings["max_length"])
        self._bank = FilterBank(int(self._settings["num_mel_bins"]), self.sampling_rate)
        self.heard_samples = (self._frames - 1) * HOP_SAMPLES + FRAME_SAMPLES

    def _features(self, samples: FloatArray, run: Run) -> FloatArray:
        features = np.zeros((1, self._frames, self._bank.bands), dtype=np.float32)
        found = self._bank(samples, run.cancellation.check)
        features[0, : len(found)] = found
        if self._settings["do_normalize"]:
            features -= np.float32(self._settings["mean"])
            features /= np.float32(self._settings["std"] * 2)
        return features


class StackedFeatures(SoundFeatures):
    """``input_features`` [1, frames // stride, bands * stride] of Wav2Vec2-BERT: Kaldi's filter bank on the numbers of
    16 bits, each band of mean 0 and variance 1 over the sound, ``stride`` frames side by side.

    An odd number of frames gets one more, of ``padding_value``, which the mask leaves out.
    """

    input_name = "input_features"
    defaults: ClassVar[Mapping[str, Any]] = {
        "feature_size": 80,
        "sampling_rate": 16_000,
        "num_mel_bins": 80,
        "padding_value": 0.0,
        "stride": 2,
    }

    def __init__(self, files: ModelFiles) -> None:
        super().__init__(files)
        self._only("stride", 2)
        self._only("feature_size", self._settings["num_mel_bins"])
        self._bank = FilterBank(int(self._settings["num_mel_bins"]), self.sampling_rate, "povey", SCALE_16_BITS)
        self.least_samples = FRAME_SAMPLES + HOP_SAMPLES  # the variance of one frame alone is none

    def _features(self, samples: FloatArray, run: Run) -> FloatArray:
        found = self._bank(samples, run.cancellation.check)
        found = (found - found.mean(0)) / np.sqrt(found.var(0, ddof=1) + np.float32(TINY))
        if len(found) % 2:
            found = np.concatenate((found, np.full((1, self._bank.bands), self._settings["padding_value"], np.float32)))
        return found.reshape(1, len(found) // 2, -1)

    def __call__(self, samples: FloatArray, name: object, run: Run) -> dict[str, Array]:
        found = super().__call__(samples, name, run)
        if self._bank.frames(len(samples)) % 2:
            found[MASK][0, -1] = 0
        return found


class CepstralFeatures(SoundFeatures):
    """``input_features`` [1, frames, bands] of Speech2Text: Kaldi's filter bank on the numbers of 16 bits, each band of
    mean 0 and variance 1 over the sound, where the settings want that.

    A band that never changes (silence) is 0, where the reference would divide by 0.
    """

    input_name = "input_features"
    defaults: ClassVar[Mapping[str, Any]] = {
        "feature_size": 80,
        "sampling_rate": 16_000,
        "num_mel_bins": 80,
        "dither": 0.0,
        "do_ceptral_normalize": True,
        "normalize_means": True,
        "normalize_vars": True,
    }

    def __init__(self, files: ModelFiles) -> None:
        super().__init__(files)
        self._only("dither", 0.0)
        self._bank = FilterBank(int(self._settings["num_mel_bins"]), self.sampling_rate, "povey", SCALE_16_BITS)
        self.least_samples = FRAME_SAMPLES + HOP_SAMPLES  # the variance of one frame alone is none

    def _features(self, samples: FloatArray, run: Run) -> FloatArray:
        found = self._bank(samples, run.cancellation.check)
        if self._settings["do_ceptral_normalize"]:
            still = np.ptp(found, 0) == 0
            if self._settings["normalize_means"]:
                found -= found.mean(0)
                found[:, still] = 0  # the mean of equal numbers is rounded too
            if self._settings["normalize_vars"]:
                found /= np.where(still, np.float32(1), found.std(0))
        return found[None]


class LogMelFeatures(SoundFeatures):
    """``input_features`` [1, bands, frames] of Whisper, always of the same length."""

    input_name = "input_features"
    time_axis = 2
    defaults: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, files: ModelFiles) -> None:
        self._mel = LogMel.of_model(files)
        self.sampling_rate = self._mel.sampling_rate
        self.heard_samples = self._mel.chunk_samples
        self.least_samples = 1

    def _features(self, samples: FloatArray, run: Run) -> FloatArray:
        return self._mel.chunk(self._mel(samples, run.cancellation.check), 0)


KINDS: dict[str, type[SoundFeatures]] = {
    "Wav2Vec2FeatureExtractor": WaveFeatures,
    "ASTFeatureExtractor": SpectrogramFeatures,
    "SeamlessM4TFeatureExtractor": StackedFeatures,
    "Speech2TextFeatureExtractor": CepstralFeatures,
    "WhisperFeatureExtractor": LogMelFeatures,
}
# Older files do not name their class.
KIND_OF_MODEL = {
    "audio-spectrogram-transformer": "ASTFeatureExtractor",
    "speech_to_text": "Speech2TextFeatureExtractor",
    "wav2vec2-bert": "SeamlessM4TFeatureExtractor",
    "whisper": "WhisperFeatureExtractor",
}


def sound_features(files: ModelFiles) -> SoundFeatures:
    """The features that a model's files ask for. Raises ModelError: no such file, a class or a setting not known."""
    settings = files.read_json(FILE)
    path: Path = files.folder / FILE
    if settings is None:
        raise ModelError("model-file-missing", file=path)
    usual = KIND_OF_MODEL.get(str(files.config.get("model_type")), "Wav2Vec2FeatureExtractor")
    kind = settings.get("feature_extractor_type") or usual
    if not isinstance(kind, str) or kind not in KINDS:
        raise ModelError("model-bad-setting", file=path, name="feature_extractor_type", value=kind)
    return KINDS[kind](files)


def receptive_field(config: Mapping[str, Any], file: Path) -> int:
    """How many samples one step of a stack of convolutions sees: ``conv_kernel`` and ``conv_stride`` of the config in
    this file, those of its model where it has none. Raises ModelError."""
    usual = CONVOLUTIONS_OF_MODEL.get(str(config.get("model_type")), USUAL_CONVOLUTIONS)
    settings = CheckedSettings(config, file)
    kernels, strides = settings.ids("conv_kernel") or usual[0], settings.ids("conv_stride") or usual[1]
    needed = 1
    for kernel, stride in reversed(list(zip(kernels, strides, strict=False))):
        needed = (needed - 1) * stride + kernel
    return needed


def _makes_sense(value: Any, wanted: Any, most: int) -> bool:
    """Whether a value is of the kind of ``wanted``: a count from 1 to ``most``, a finite number, a flag or a text."""
    if type(wanted) is int:
        return type(value) is int and 1 <= value <= most
    if isinstance(wanted, float):
        return type(value) in (int, float) and abs(value) <= MOST_OF_A_NUMBER
    return type(value) is type(wanted)
