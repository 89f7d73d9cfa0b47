"""The tasks that listen, and those that speak."""

from __future__ import annotations

from workbench.tasks.info import ENCODER_DECODER, Layout, Param, TaskInfo
from workbench.tasks.shared_params import FUNCTION, TOP_K

__all__ = ["AUDIO_TASKS"]

LISTENER = ("preprocessor_config.json", "tokenizer.json")

AUDIO_TASKS = (
    TaskInfo(
        id="automatic-speech-recognition",
        title="Speech to text",
        input="audio",
        result="Transcript",
        layouts=(
            Layout(
                "automatic-speech-recognition-with-past",
                (
                    "WhisperForConditionalGeneration",
                    "MoonshineForConditionalGeneration",
                    "Speech2TextForConditionalGeneration",
                ),
                graphs=ENCODER_DECODER,
                files=LISTENER,
            ),
            Layout("automatic-speech-recognition", ("ForCTC",), files=("preprocessor_config.json",)),
        ),
        params=(
            Param("language", str, None, "The language spoken, as the model names it ('en'); none: detected"),
            Param("task", str, "transcribe", "Write down or translate to English", choices=("transcribe", "translate")),
            Param(
                "return_timestamps",
                bool,
                True,
                "Cut the text into segments with times; models that listen letter by letter (CTC) can time each word "
                "or character",
                choices=("word", "char"),
            ),
            Param(
                "fallback",
                bool,
                True,
                "Write a passage down again, less strictly, where the text repeats itself or the model is unsure, and "
                "leave out what is no speech; for Whisper",
            ),
            Param(
                "chunk_length_s",
                float,
                None,
                "Hear the sound in chunks of so many seconds, 0 for all at once; for models that listen letter by "
                "letter (CTC)",
                minimum=0,
                maximum=600,
            ),
        ),
    ),
    TaskInfo(
        id="audio-classification",
        title="Audio classification",
        input="audio",
        result="Labels",
        layouts=(
            Layout(
                "audio-classification",
                ("ForAudioClassification", "ForSequenceClassification"),
                files=("preprocessor_config.json",),
            ),
        ),
        params=(TOP_K, FUNCTION),
    ),
    TaskInfo(
        id="text-to-speech",
        title="Text to speech",
        input="text",
        result="Audio",
        layouts=(Layout("text-to-audio", ("VitsModel",), files=("vocab.json",)),),
        params=(
            Param("speaking_rate", float, None, "How fast to speak, 1 as the voice was made", minimum=0.1, maximum=10),
            Param("noise_scale", float, None, "How lively the voice is; 0 is flat", minimum=0, maximum=2),
            Param(
                "noise_scale_duration",
                float,
                None,
                "How uneven the rhythm is; with both kinds of noise at 0, a text always sounds the same",
                minimum=0,
                maximum=2,
            ),
        ),
    ),
)
