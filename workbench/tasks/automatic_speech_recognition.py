"""Speech to text: which pipeline a speech model gets, by its type and its graphs."""

from __future__ import annotations

from collections.abc import Mapping

from workbench.errors import ModelError
from workbench.tasks.asr_seq2seq import Seq2SeqRecognition
from workbench.tasks.asr_whisper import WhisperRecognition
from workbench.tasks.base import ModelFiles, Pipeline, SessionLike

__all__ = ["PIPELINE", "recognition"]

# Models with an encoder and a decoder, by ``model_type`` of config.json.
WITH_DECODER: dict[str, type[Pipeline]] = {
    "whisper": WhisperRecognition,
    "moonshine": Seq2SeqRecognition,
    "speech_to_text": Seq2SeqRecognition,
}


def recognition(files: ModelFiles, sessions: Mapping[str, SessionLike]) -> Pipeline:
    """The pipeline of a model. Raises ModelError: a kind that is not known, or what its pipeline raises."""
    model_type = str(files.config.get("model_type"))
    if model_type not in WITH_DECODER:
        known = ", ".join(WITH_DECODER)
        raise ModelError("asr-unknown-model", folder=files.folder, model_type=model_type, known=known)
    return WITH_DECODER[model_type](files, sessions)


PIPELINE = recognition
