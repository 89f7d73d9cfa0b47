"""The pixels of a picture, which another process decodes: as many as are shown, and no more."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QImage

if TYPE_CHECKING:
    from workbench.results import Picture

    Ask = Callable[[int, Callable[[Picture], None]], None]

__all__ = ["Sharpening"]

# Sides are asked for in steps, so that a window being resized asks seldom.
STEP_PX = 256


class Sharpening:
    """``image`` is empty until pixels came. What comes late for a picture that was replaced is dropped, and so are
    fewer pixels than are there; ``came`` is called for all others."""

    def __init__(self, came: Callable[[], None]) -> None:
        self._came = came
        self._ask: Ask | None = None
        self._fitted = QImage()
        self._asked_px = 0
        self._source = 0
        self.image = QImage()

    def set_source(self, ask: Ask) -> None:
        """Begin anew with the picture that ``ask(max_px, receiver)`` gives."""
        self._ask = ask
        self._source += 1
        self._asked_px, self.image, self._fitted = 0, QImage(), QImage()

    def want(self, side_px: float) -> None:
        """Ask for a longest side of so many pixels, where not as many were asked for yet."""
        max_px = -(-int(side_px) // STEP_PX) * STEP_PX
        if self._ask is None or max_px <= self._asked_px:
            return
        self._asked_px, source = max_px, self._source

        def receive(picture: Picture) -> None:
            if source == self._source and picture.width_px >= self.image.width():
                self.image, self._fitted = _image_of(picture), QImage()
                self._came()

        self._ask(max_px, receive)

    def fitted(self, size: QSize) -> QImage:
        """The picture of this size, scaled by area: what a painter does itself looks at four pixels only and
        shimmers."""
        if self._fitted.size() != size:
            self._fitted = self.image.scaled(
                size, Qt.AspectRatioMode.IgnoreAspectRatio, Qt.TransformationMode.SmoothTransformation
            )
        return self._fitted


def _image_of(picture: Picture) -> QImage:
    """The picture as Qt paints it."""
    width, height = picture.width_px, picture.height_px
    image = QImage(bytes(picture.rgb), width, height, 3 * width, QImage.Format.Format_RGB888)
    return image.convertToFormat(QImage.Format.Format_RGB32)  # its own copy, and faster to paint
