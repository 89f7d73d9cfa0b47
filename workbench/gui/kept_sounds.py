"""Sounds that models made, as files for the audio process, which plays nothing else; gone with the window."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.errors import WorkbenchError
from workbench.gui.background import Background, Job
from workbench.saving.encoding import wav_bytes

if TYPE_CHECKING:
    from workbench.results import Audio

__all__ = ["KeptSounds"]

# Older ones are written again when they are to be heard again.
MOST_FILES = 8


class KeptSounds:
    """Writes each sound once, in the background."""

    def __init__(self, background: Background, failed: Callable[[Exception], None]) -> None:
        """``failed`` hears of a sound that could not be written."""
        self._background = background
        self._failed = failed
        self._folder: Path | None = None
        self._paths: dict[int, tuple[weakref.ref[Audio], Path]] = {}
        self._count = 0

    def keep(self, sound: Audio, receiver: Callable[[str], None]) -> None:
        """Have the sound in a file and tell ``receiver`` its path, in the GUI thread."""
        known = self._paths.get(id(sound))
        if known and known[0]() is sound:
            receiver(str(known[1]))
            return
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="workbench-sounds-"))
            weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self._count += 1
        path = self._folder / f"{self._count}.wav"

        def work(job: Job) -> None:
            try:
                path.write_bytes(wav_bytes(sound.samples, sound.sampling_rate))
            except OSError as error:
                with contextlib.suppress(OSError):
                    path.unlink()  # half of it, where the disk is full
                raise WorkbenchError("file-unusable", file=path, reason=error.strerror or error) from error

        def done(_: None) -> None:
            self._paths[id(sound)] = (weakref.ref(sound), path)
            while len(self._paths) > MOST_FILES:
                oldest = self._paths.pop(next(iter(self._paths)))[1]
                oldest.unlink(missing_ok=True)
            receiver(str(path))

        self._background.start(work, done=done, failed=self._failed)
