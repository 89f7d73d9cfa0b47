"""What a file is by its name and its first bytes: a text, a picture or a sound. Nothing is decoded."""

from __future__ import annotations

from typing import Literal

__all__ = ["HEAD_BYTES", "SUFFIXES", "Kind", "has_signature", "kind_of_head"]

Kind = Literal["text", "image", "audio"]

SUFFIXES: dict[str, Kind] = {
    **dict.fromkeys(
        (".txt", ".md", ".csv", ".tsv", ".json", ".jsonl", ".srt", ".vtt", ".log", ".rst", ".html"), "text"
    ),
    **dict.fromkeys(
        (
            *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".avif", ".gif", ".bmp", ".dib", ".tif"),
            *(".tiff", ".jp2", ".j2k", ".ico", ".pcx", ".ppm", ".pgm", ".pbm", ".pnm", ".qoi", ".sgi", ".tga", ".mpo"),
        ),
        "image",
    ),
    **dict.fromkeys(
        (".wav", ".wave", ".mp3", ".flac", ".ogg", ".oga", ".opus", ".aif", ".aiff", ".aifc", ".au", ".caf", ".w64"),
        "audio",
    ),
}
# The first bytes of files whose name does not say what they are.
MAGIC: tuple[tuple[bytes, int, Kind], ...] = (
    (b"\xff\xd8\xff", 0, "image"),
    (b"\x89PNG", 0, "image"),
    (b"GIF8", 0, "image"),
    (b"WEBP", 8, "image"),
    (b"BM", 0, "image"),
    (b"II*\0", 0, "image"),
    (b"MM\0*", 0, "image"),
    (b"ftypavif", 4, "image"),
    (b"WAVE", 8, "audio"),
    (b"fLaC", 0, "audio"),
    (b"OggS", 0, "audio"),
    (b"ID3", 0, "audio"),
    (b"\xff\xfb", 0, "audio"),
    (b"FORM", 0, "audio"),
)
HEAD_BYTES = 4096
# Names of formats that always begin with one of the signatures above.
SIGNED = frozenset({".jpg", ".jpeg", ".png", ".gif", ".webp", ".bmp", ".tif", ".tiff", ".wav", ".flac", ".ogg"})


def kind_of_head(head: bytes) -> Kind | None:
    """What a file is that begins with these bytes, up to :data:`HEAD_BYTES` of them; None where they do not tell."""
    for sign, place, found in MAGIC:
        if head[place : place + len(sign)] == sign:
            return found
    return "text" if head and b"\0" not in head and _is_utf8(head) else None


def has_signature(suffix: str) -> bool:
    """Whether every file with this suffix begins with bytes that :func:`kind_of_head` knows."""
    return suffix.lower() in SIGNED


def _is_utf8(head: bytes) -> bool:
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start > len(head) - 4 and len(head) == HEAD_BYTES  # cut within a character
    return True
