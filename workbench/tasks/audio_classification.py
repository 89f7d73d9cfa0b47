"""What is heard in a sound, as labels with scores. The reference is transformers' ``pipeline("audio-classification")``.

The five likeliest labels are returned where nothing else is asked for (the reference returns all of them by default).

A model that takes a sound of any length needs memory by the square of it, so longer ones are heard in parts, whose
logits are averaged; the answer says so. A model that takes one length hears the beginning, as in the reference.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.results import Labels
from workbench.runtime.resample import FloatArray
from workbench.runtime.sound_features import sound_features
from workbench.tasks.base import ModelFiles, Outputs, Pipeline, Run, SessionLike
from workbench.tasks.classes import best_labels, class_scores, logits_output
from workbench.tasks.sound_inputs import read_sound, sound_name

__all__ = ["PIPELINE", "AudioClassification"]

TOP_K = 5
# The longest part of a sound that is heard at once.
MAX_PART_S = 60


@dataclass(frozen=True)
class Heard:
    """Samples float32 [n] at the model's rate, in parts; ``name`` is the sound's."""

    parts: tuple[FloatArray, ...]
    name: str


class AudioClassification(Pipeline):
    """An input is a path, or a mapping with ``array`` (float [samples]) and ``sampling_rate`` (Hz)."""

    def __init__(self, files: ModelFiles, sessions: Mapping[str, SessionLike]) -> None:
        """Raises ModelError: settings of the features that are not supported, a graph that takes something else."""
        super().__init__(files, sessions)
        self._session = sessions["model"]
        self._features = sound_features(files)
        self._features.check_graph(self._session)
        self._output = logits_output(self._session)
        self._labels = files.labels

    def preprocess(self, item: Any, params: Mapping[str, Any], run: Run) -> Heard:
        """Raises InputError."""
        rate_hz = self._features.sampling_rate
        sound = read_sound(item, rate_hz, run)
        samples, heard = sound.samples, self._features.heard_samples
        if heard and len(samples) > heard:
            run.warn("sound-beginning-heard", seconds=round(heard / rate_hz, 2), whole=round(sound.duration_s, 2))
            samples = samples[:heard]
        count = 1 if heard else math.ceil(len(samples) / (MAX_PART_S * rate_hz))
        if count > 1:
            run.warn("sound-heard-in-parts", count=count, seconds=MAX_PART_S)
        return Heard(tuple(np.array_split(samples, count or 1)), sound_name(item))

    def forward(self, prepared: Heard, params: Mapping[str, Any], run: Run) -> Outputs:
        """``logits`` float [1, classes], the mean over the parts of the sound."""
        found = []
        for number, part in enumerate(prepared.parts, 1):
            feeds = self._features.feeds(self._session, part, prepared.name, run)
            found.append(self._session.run(feeds, run, (self._output,))[self._output])
            if len(prepared.parts) > 1:
                run.progress("classify", number, len(prepared.parts), "parts")
        return {self._output: np.stack(found).mean(0, dtype=np.float32)}

    def postprocess(self, outputs: Outputs, prepared: Heard, params: Mapping[str, Any], run: Run) -> Labels:
        """The ``top_k`` likeliest labels, 5 when not given; softmax when ``function_to_apply`` is not given."""
        scores = class_scores(outputs[self._output][0], self.files, params.get("function_to_apply") or "softmax")
        return best_labels(scores, self._labels, params.get("top_k") or TOP_K)


PIPELINE = AudioClassification
