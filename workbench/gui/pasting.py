"""A picture on the clipboard or in a drag as a file. What comes as the bytes of a file is kept as it is, undecoded."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

from PySide6.QtCore import QMimeData
from PySide6.QtGui import QImage

from workbench.errors import WorkbenchError

__all__ = ["holds_picture", "picture_of", "save_picture"]

# Bytes of a file in this form go to the engine untouched.
FORMATS = {"image/png": ".png", "image/jpeg": ".jpg", "image/webp": ".webp", "image/tiff": ".tif", "image/bmp": ".bmp"}


def holds_picture(mime: QMimeData) -> bool:
    return mime.hasImage() or any(mime.hasFormat(name) for name in FORMATS)


def picture_of(mime: QMimeData) -> tuple[bytes | QImage, str]:
    """The picture and the suffix of its file; to be taken from the clipboard in the GUI thread."""
    for name, suffix in FORMATS.items():
        if mime.hasFormat(name):
            return bytes(mime.data(name).data()), suffix
    image = mime.imageData()
    return (image if isinstance(image, QImage) else QImage(image)), ".png"


def save_picture(picture: tuple[bytes | QImage, str], folder: Path, job: object = None) -> str:
    """Write the picture into ``folder``, named by the time; its path. Raises WorkbenchError."""
    content, suffix = picture
    path = folder / f"{time.strftime('%Y-%m-%d %H.%M.%S')}.{time.time_ns() % 1_000_000:06d}{suffix}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        elif not content.save(str(path)):
            raise OSError("the picture could not be written")
    except OSError as error:
        with contextlib.suppress(OSError):
            path.unlink()  # half of it, where the disk is full
        raise WorkbenchError("file-unusable", file=path, reason=error.strerror or error) from error
    return str(path)
