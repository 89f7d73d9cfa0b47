"""Sounds that models made, as files to be played."""

from __future__ import annotations

import errno
import wave
from pathlib import Path

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from workbench.errors import WorkbenchError
from workbench.gui.background import Background
from workbench.gui.kept_sounds import MOST_FILES, KeptSounds
from workbench.gui.pasting import save_picture
from workbench.results import Audio


def sound() -> Audio:
    return Audio(np.zeros(800, np.float32), 8000)


def kept(keeper: KeptSounds, made: Audio, qtbot: QtBot) -> Path:
    paths: list[str] = []
    keeper.keep(made, paths.append)
    qtbot.waitUntil(lambda: bool(paths))
    return Path(paths[0])


def test_a_sound_is_written_once(background: Background, qtbot: QtBot) -> None:
    keeper = KeptSounds(background, lambda error: None)
    made = sound()
    path = kept(keeper, made, qtbot)
    with wave.open(str(path)) as stream:
        assert (stream.getframerate(), stream.getnframes()) == (8000, 800)
    assert kept(keeper, made, qtbot) == path
    assert kept(keeper, sound(), qtbot) != path


def test_the_oldest_files_go(background: Background, qtbot: QtBot) -> None:
    keeper = KeptSounds(background, lambda error: None)
    sounds = [sound() for _ in range(MOST_FILES + 1)]
    paths = [kept(keeper, made, qtbot) for made in sounds]
    assert [path.is_file() for path in paths] == [False] + [True] * MOST_FILES
    assert kept(keeper, sounds[0], qtbot).is_file()  # written again


def test_what_cannot_be_written_is_told(background: Background, qtbot: QtBot) -> None:
    errors: list[Exception] = []
    keeper = KeptSounds(background, errors.append)
    folder = kept(keeper, sound(), qtbot).parent
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    keeper.keep(sound(), lambda path: None)
    qtbot.waitUntil(lambda: bool(errors))
    assert isinstance(errors[0], WorkbenchError)


def test_nothing_is_left_of_what_a_full_disk_does_not_take(
    background: Background, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors: list[Exception] = []
    keeper = KeptSounds(background, errors.append)
    folder = kept(keeper, sound(), qtbot).parent
    (first,) = folder.iterdir()
    write = Path.write_bytes

    def half(path: Path, data: bytes) -> int:
        write(path, data[: len(data) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", half)
    keeper.keep(sound(), lambda path: None)
    qtbot.waitUntil(lambda: bool(errors))
    with pytest.raises(WorkbenchError, match="No space left"):
        save_picture((b"a picture", ".png"), tmp_path)
    assert [*folder.iterdir(), *tmp_path.iterdir()] == [first]
