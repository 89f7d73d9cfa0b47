"""Speech to text: which pipeline a speech model gets, by its type and its graphs."""

from __future__ import annotations

from collections.abc import Mapping

from workbench.errors import ModelError
from workbench.tasks.asr_ctc import CtcRecognition
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
    if _is_ctc(files, sessions):
        return CtcRecognition(files, sessions)
    model_type = str(files.config.get("model_type"))
    if model_type not in WITH_DECODER:
        known = ", ".join((*WITH_DECODER, "models with a CTC head"))
        raise ModelError("asr-unknown-model", folder=files.folder, model_type=model_type, known=known)
    return WITH_DECODER[model_type](files, sessions)


def _is_ctc(files: ModelFiles, sessions: Mapping[str, SessionLike]) -> bool:
    """Whether one graph gives letters for a sound: by the name of its class, else by what the graph is."""
    named = files.config.get("architectures")
    names = [str(name) for name in named] if isinstance(named, list) else []
    if names:
        return any(name.endswith("ForCTC") for name in names)
    graph = sessions.get("model")
    return graph is not None and "logits" in graph.output_names and "decoder_input_ids" not in graph.input_names


PIPELINE = recognition
