"""The tasks that listen, and those that speak."""

from __future__ import annotations

from workbench.tasks.info import ENCODER_DECODER, Layout, Param, TaskInfo

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
        ),
        params=(
            Param("language", str, None, "The language spoken, as the model names it ('en'); none: detected"),
            Param("task", str, "transcribe", "Write down or translate to English", choices=("transcribe", "translate")),
            Param("return_timestamps", bool, True, "Cut the text into segments with times"),
        ),
    ),
)
