"""What the tasks share that hear a sound: reading an input."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workbench.errors import InputError
from workbench.runtime.sound import Sound, load_audio, sound_of_array
from workbench.tasks.base import Run

__all__ = ["read_sound", "sound_name"]


def read_sound(item: Any, sampling_rate: int, run: Run) -> Sound:
    """The sound of an input at this rate (Hz): the path of a file, or a mapping with ``array`` (float [samples]) and
    ``sampling_rate`` (Hz). Raises InputError."""
    if isinstance(item, Mapping):
        return sound_of_array(item, sampling_rate)
    if not isinstance(item, (str, Path)):
        raise InputError("sound-bad-input", got=type(item).__name__)
    sound = load_audio(Path(item), sampling_rate, run.cancellation.check)
    if sound.mended:
        run.warn("sound-length-missing", file=item, seconds=round(sound.duration_s, 2))
    return sound


def sound_name(item: Any) -> str:
    """What messages call an input."""
    return "the array" if isinstance(item, Mapping) else str(item)
