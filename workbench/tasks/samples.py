"""Inputs that come with the app: exports are checked with them, and a benchmark runs them where the user names none."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from workbench.resources import assets_dir

__all__ = ["calibration_text", "samples"]

# Task → the lists of assets/samples/texts.json that it gets, in this order.
TEXT_LISTS: dict[str, tuple[str, ...]] = {
    "feature-extraction": ("sentences",),
    "sentence-similarity": ("sentences",),
    "text-classification": ("sentences", "pairs"),
    "token-classification": ("entities",),
    "zero-shot-classification": ("topics",),
    "question-answering": ("questions",),
    "fill-mask": ("masks",),
    "text-ranking": ("searches",),
    "text-generation": ("prompts",),
    "text2text-generation": ("instructions",),
    "summarization": ("articles",),
    "translation": ("phrases",),
    "text-to-speech": ("spoken",),
    "document-question-answering": ("documents",),
}
PICTURES = frozenset({".jpg", ".jpeg", ".png", ".webp"})
# Task → the folder of assets/samples, and the files in it, that it gets.
MEDIA: dict[str, tuple[str, frozenset[str]]] = {
    "image-classification": ("pictures", PICTURES),
    "object-detection": ("pictures", PICTURES),
    "zero-shot-object-detection": ("pictures", PICTURES),
    "image-segmentation": ("pictures", PICTURES),
    "depth-estimation": ("pictures", PICTURES),
    "zero-shot-image-classification": ("pictures", PICTURES),
    "image-feature-extraction": ("pictures", PICTURES),
    "audio-classification": ("speech", frozenset({".wav", ".flac", ".ogg", ".mp3"})),
    "image-to-text": ("pictures", PICTURES),
    "image-to-image": ("pictures", PICTURES),
    "automatic-speech-recognition": ("speech", frozenset({".wav", ".flac", ".ogg", ".mp3"})),
}


def samples(task_id: str) -> tuple[Any, ...]:
    """The built-in inputs of a task, one sample each: texts, fields of structured inputs, or absolute paths of files.

    A task that works on all inputs of a call together (``TaskInfo.gathers``) gets its texts one by one as well.
    """
    if task_id in TEXT_LISTS:
        texts = _texts()
        return tuple(_placed(item) for name in TEXT_LISTS[task_id] for item in texts[name])
    name, suffixes = MEDIA[task_id]
    folder = assets_dir() / "samples" / name
    return tuple(str(path.absolute()) for path in sorted(folder.iterdir()) if path.suffix.lower() in suffixes)


def calibration_text() -> str:
    """A text of many kinds and some languages, by which the weights of language models are rounded."""
    return (assets_dir() / "samples" / "calibration.txt").read_text("utf-8")


def _placed(item: Any) -> Any:
    """An input with the place of its picture, which the list tells beside itself."""
    if isinstance(item, dict) and "image" in item:
        return item | {"image": str((assets_dir() / "samples" / item["image"]).absolute())}
    return item


@cache
def _texts() -> dict[str, list[Any]]:
    value: dict[str, list[Any]] = json.loads((assets_dir() / "samples" / "texts.json").read_text("utf-8"))
    return value
