"""What speech models with an encoder and a decoder are given of a sound: its samples, or a filter bank of it.

Equal to ``Wav2Vec2FeatureExtractor`` (Moonshine) and ``Speech2TextFeatureExtractor`` of transformers 4.57.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from workbench.errors import ModelError
from workbench.runtime.fbank import FilterBank
from workbench.runtime.logits_processors import FloatArray
from workbench.tasks.base import Array, ModelFiles, Run

__all__ = ["SpeechFeatures"]

FILE = "preprocessor_config.json"
SAMPLES, BANK = "Wav2Vec2FeatureExtractor", "Speech2TextFeatureExtractor"
DEFAULTS: dict[str, dict[str, Any]] = {
    SAMPLES: {"sampling_rate": 16_000, "do_normalize": True},
    BANK: {
        **{"sampling_rate": 16_000, "num_mel_bins": 80, "do_ceptral_normalize": True},
        **{"normalize_means": True, "normalize_vars": True},
    },
}
# Understood with one value only.
FIXED: dict[str, Any] = {"dither": 0.0, "padding_value": 0.0, "padding_side": "right"}
HARMLESS = frozenset(
    {"feature_extractor_type", "feature_size", "processor_class", "return_attention_mask", "mel_filters", "window"}
)
OF_TYPE = {"moonshine": SAMPLES, "speech_to_text": BANK}
SCALE_16_BITS = 32768.0
# The first convolution of Moonshine, and a frame of the filter bank with the two convolutions behind it.
LEAST_SAMPLES = {SAMPLES: 895, BANK: 560}
VARIANCE_FLOOR = 1e-7


class SpeechFeatures:
    """The features of one model. ``sampling_rate`` is Hz; ``least_samples`` is what a sound must have."""

    def __init__(self, files: ModelFiles) -> None:
        """Raises ModelError: no such file, or a setting that would alter the features and is not known."""
        path = files.folder / FILE
        given = files.read_json(FILE)
        if given is None:
            raise ModelError("model-file-missing", file=path)
        kind = given.get("feature_extractor_type") or OF_TYPE.get(str(files.config.get("model_type")))
        if kind not in DEFAULTS:
            raise ModelError("model-bad-setting", file=path, name="feature_extractor_type", value=kind)
        self._values = dict(DEFAULTS[kind])
        for name, value in given.items():
            if name in self._values:
                wanted = type(self._values[name])
                if type(value) is not wanted or (wanted is int and value < 1):
                    raise ModelError("model-bad-setting", file=path, name=name, value=value)
                self._values[name] = value
            elif name in FIXED:
                if value != FIXED[name]:
                    raise ModelError("model-bad-setting", file=path, name=name, value=value)
            elif name not in HARMLESS:
                raise ModelError("model-unknown-setting", file=path, name=name)
        self.sampling_rate: int = self._values["sampling_rate"]
        self.least_samples = LEAST_SAMPLES[kind]
        self._bank = None
        if kind == BANK:
            bands = self._values["num_mel_bins"]
            self._bank = FilterBank(bands, self.sampling_rate, "povey", scale=SCALE_16_BITS)

    def __call__(self, samples: FloatArray, run: Run) -> Mapping[str, Array]:
        """The encoder's inputs for samples float32 [n]: ``input_values`` [1, n] or ``input_features``
        [1, frames, bands], float32, and the mask, int64 of ones. Raises Cancelled."""
        if self._bank is None:
            values: FloatArray = samples
            if self._values["do_normalize"]:
                variance = samples.var() + np.float32(VARIANCE_FLOOR)
                values = np.asarray((samples - samples.mean()) / np.sqrt(variance), np.float32)
            return {"input_values": values[None], "attention_mask": np.ones((1, len(values)), np.int64)}
        features = self._bank(samples, run.cancellation.check)
        if self._values["do_ceptral_normalize"]:
            if self._values["normalize_means"]:
                features = np.asarray(features - features.mean(axis=0), np.float32)
            if self._values["normalize_vars"]:
                # A band that never changes (silence) stays 0, where the reference would divide by 0.
                spread = features.std(axis=0)
                features = np.asarray(features / np.where(spread > 0, spread, 1), np.float32)
        return {"input_features": features[None], "attention_mask": np.ones((1, len(features)), np.int64)}
