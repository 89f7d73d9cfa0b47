"""Dropped files by what they are for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from workbench.cancellation import Cancellation
from workbench.errors import Cancelled, InputError
from workbench.gui.intake import MAX_TEXT_BYTES, Intake, gather, read_text, text_items


def nothing() -> None:
    pass


def test_kinds_by_name_and_by_content(tmp_path: Path) -> None:
    contents = {
        "a.jpg": b"",
        "b.WAV": b"",
        "c.txt": b"",
        "picture": b"\x89PNG\r\n\x1a\n" + bytes(8),
        "sound": b"RIFF\0\0\0\0WAVEfmt ",
        "words": "héllo".encode(),
        "noise.bin": bytes(range(256)),
        "empty": b"",
    }
    for name, data in contents.items():
        (tmp_path / name).write_bytes(data)
    found = gather([str(tmp_path / name) for name in contents], nothing)
    names = {kind: [Path(path).name for path in paths] for kind, paths in found.files.items()}
    assert names == {"image": ["a.jpg", "picture"], "audio": ["b.WAV", "sound"], "text": ["c.txt", "words"]}
    assert [Path(path).name for path in found.passed_over] == ["noise.bin", "empty"]


def test_a_folder_gives_its_files_in_order_without_hidden_ones(tmp_path: Path) -> None:
    for name in ("b/2.png", "b/1.png", "a/3.png", ".git/4.png", "a/.5.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = gather([str(tmp_path)], nothing)
    assert [os.path.relpath(path, tmp_path) for path in found.files["image"]] == ["a/3.png", "b/1.png", "b/2.png"]


def test_the_kind_is_that_of_most_files(tmp_path: Path) -> None:
    found = gather(["/x/1.png", "/x/2.wav", "/x/3.wav"], nothing)
    assert found.kind == "audio"
    assert gather(["/there/is/nothing"], nothing).kind is None


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert gather([str(tmp_path / "pipe")], nothing).passed_over == [str(tmp_path / "pipe")]


def test_gathering_can_be_cancelled(tmp_path: Path) -> None:
    stop = Cancellation()
    stop.cancel()
    with pytest.raises(Cancelled):
        gather(["/x/1.png"], stop.check)


def test_texts_are_read_as_utf8_whatever_they_are(tmp_path: Path) -> None:
    (tmp_path / "mark.txt").write_bytes(b"\xef\xbb\xbfgr\xc3\xbc\xc3\x9fe")
    (tmp_path / "latin.txt").write_bytes(b"gr\xfc\xdfe")
    paths = [str(tmp_path / name) for name in ("mark.txt", "gone.txt", "latin.txt")]
    items = text_items(paths, Intake(), nothing)  # one that is gone costs no other
    assert [item.value for item in items] == ["grüße", "gr\ufffd\ufffde"]
    assert items[0].name == "mark.txt"


def test_a_text_that_is_too_large_or_gone_is_refused_in_words(tmp_path: Path) -> None:
    with (tmp_path / "big.txt").open("wb") as stream:
        stream.truncate(MAX_TEXT_BYTES + 1)
    with pytest.raises(InputError, check=lambda error: error.code == "input-too-large"):
        read_text(str(tmp_path / "big.txt"))
    with pytest.raises(InputError, check=lambda error: error.code == "input-unreadable"):
        read_text(str(tmp_path / "gone.txt"))
