"""A picture that can be looked at closely, with what a model found drawn over it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import PurePath
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, QSizeF, Qt, QTimer, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QTransform,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy

from workbench.gui.language import tr
from workbench.gui.views.painting import number_font
from workbench.gui.widgets.basic import Button, Label, Panel, row
from workbench.gui.widgets.icons import pixmap
from workbench.gui.widgets.sharpening import Sharpening
from workbench.gui.widgets.theme import SPACE, colors

if TYPE_CHECKING:
    from workbench.gui.views.base import Context

__all__ = ["Canvas", "ZoomBar"]

RADIUS_PX = 8
ICON_PX = 40
MIN_HEIGHT_PX = 160
SMALL_PX = 160
STEP = 1.25  # what one key, one click or one notch of the wheel zooms
NOTCH = 120  # of a wheel, as Qt counts
PAN_SHARE = 0.15  # of the canvas, by one key
# As close as one pixel of the picture on this many of the screen.
MOST_SCREEN_PX = 24.0
# No more pixels a side are asked for: a picture comes through a pipe.
MAX_ASKED_PX = 3072
# From here on pixels are shown as squares, not as a blur.
SQUARES_PX = 6.0
SETTLE_MS = 120

Paint = Callable[[QPainter, QTransform], None]


class Canvas(Panel):
    """Shows a picture of a known size; ``paint_over(painter, to_screen)`` draws on it, ``to_screen`` maps its pixels.

    The wheel, + and - zoom, 0 fits it in; a drag and the arrow keys move it. It decodes no file: it asks for pixels,
    and for more of them when it is looked at closely.
    """

    pointed = Signal(float, float)  # a place in the picture's pixels; -1, -1 where the pointer is beside it
    clicked = Signal(float, float)
    changed = Signal()  # zoomed, moved, or of another size
    replaced = Signal()  # shows another picture

    def __init__(self) -> None:
        super().__init__()
        self.paint_over: Paint | None = None
        self._name, self._path = "", ""
        self._context: Context | None = None
        self._size = QSizeF(1, 1)
        self._pixels = Sharpening(self.update)
        self._zoom = 1.0
        self._center = QPointF(0.5, 0.5)  # what is in the middle of the canvas, as shares of the picture
        self._pressed: QPointF | None = None
        self._panning = False
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(SETTLE_MS)
        self._settle.timeout.connect(self._want)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.retranslate()

    def retranslate(self) -> None:
        self.setAccessibleName(tr("Picture {name}", name=self._name) if self._name else tr("Picture"))
        self.setToolTip("")
        self.setAccessibleDescription(tr("Plus and minus zoom, 0 shows all of it, the arrow keys move it"))

    # --- what is shown ------------------------------------------------------------------------------------------

    def show_picture(self, context: Context, width_px: int, height_px: int) -> None:
        """Show the picture that the context is about, of this size; the same one stays as it is looked at."""
        path, size = context.picture_path, QSizeF(max(1, width_px), max(1, height_px))
        if (path, size) == (self._path, self._size) and self._context is not None:
            return
        self._context, self._path, self._size = context, path, size
        self._name = PurePath(path).name
        self._pixels.set_source(partial(context.picture, path))
        self._zoom, self._center = 1.0, QPointF(0.5, 0.5)
        self.retranslate()
        self._want()
        self.replaced.emit()
        self.changed.emit()
        self.update()

    @property
    def is_loaded(self) -> bool:
        return not self._pixels.image.isNull()

    def to_screen(self) -> QTransform:
        """Maps the picture's pixels to places of this widget."""
        rect = self.shown_rect()
        made = QTransform.fromTranslate(rect.left(), rect.top())
        return made.scale(rect.width() / self._size.width(), rect.height() / self._size.height())

    def shown_rect(self) -> QRectF:
        """Where all of the picture is, also what lies outside when it is zoomed."""
        size = self._size * self.scale
        middle = QRectF(self.rect()).center()
        left = middle.x() - self._center.x() * size.width()
        top = middle.y() - self._center.y() * size.height()
        return QRectF(QPointF(left, top), size)

    def seen_rect(self) -> QRectF:
        """The part that can be seen, in the picture's pixels."""
        inverted, _ = self.to_screen().inverted()
        return inverted.mapRect(QRectF(self.rect())).intersected(QRectF(QPointF(0, 0), self._size))

    @property
    def scale(self) -> float:
        """Logical pixels of the screen to one of the picture."""
        return self._fit_scale() * self._zoom

    @property
    def zoom(self) -> float:
        """1 where all of the picture is just seen."""
        return self._zoom

    def _fit_scale(self) -> float:
        room = QSizeF(max(1, self.width()), max(1, self.height()))
        fits = min(room.width() / self._size.width(), room.height() / self._size.height())
        return min(fits, self._most_scale())

    def _most_scale(self) -> float:
        """An icon of 32 pixels is not blown up to a blur."""
        return max(2.0, SMALL_PX / max(self._size.width(), self._size.height()))

    def _most_zoom(self) -> float:
        return max(4.0, MOST_SCREEN_PX / (self._fit_scale() * self.devicePixelRatioF()))

    # --- looking closely ----------------------------------------------------------------------------------------

    def height_at(self, width: int) -> int:
        """How high it is at most when it is so wide: then the picture fills it."""
        scale = min(width / self._size.width(), self._most_scale())
        return max(MIN_HEIGHT_PX, round(scale * self._size.height()))

    def zoom_by(self, factor: float, around: QPointF | None = None) -> None:
        """Zoom; what is at ``around`` (in this widget, else its middle) stays where it is."""
        before = self._zoom
        around = around if around is not None else QRectF(self.rect()).center()
        inverted, _ = self.to_screen().inverted()
        place = inverted.map(around)
        self._zoom = min(self._most_zoom(), max(1.0, self._zoom * factor))
        if self._zoom == before:
            return
        size = self._size * self.scale
        off = around - QRectF(self.rect()).center()
        self._center = QPointF(
            place.x() / self._size.width() - off.x() / size.width(),
            place.y() / self._size.height() - off.y() / size.height(),
        )
        self._moved()

    def fit(self) -> None:
        """Show all of it."""
        self._zoom = 1.0
        self._moved()

    def pan_by(self, dx: float, dy: float) -> None:
        """Move the picture by logical pixels."""
        size = self._size * self.scale
        self._center -= QPointF(dx / size.width(), dy / size.height())
        self._moved()

    def look_at(self, area: QRectF) -> None:
        """Bring a part of the picture into sight, where it is not."""
        seen = self.seen_rect()
        if self._zoom == 1.0 or seen.contains(area.center()):
            return
        self._center = QPointF(area.center().x() / self._size.width(), area.center().y() / self._size.height())
        self._moved()

    def _moved(self) -> None:
        size = self._size * self.scale
        for side, length, have in (("x", size.width(), self.width()), ("y", size.height(), self.height())):
            margin = min(0.5, have / 2 / max(length, 1e-6))
            at = self._center.x() if side == "x" else self._center.y()
            at = min(1 - margin, max(margin, at))
            (self._center.setX if side == "x" else self._center.setY)(at)
        self.setCursor(Qt.CursorShape.OpenHandCursor if self._zoom > 1 else Qt.CursorShape.ArrowCursor)
        self._settle.start()
        self.changed.emit()
        self.update()

    # --- mouse and keys -----------------------------------------------------------------------------------------

    def wheelEvent(self, event: QWheelEvent) -> None:
        notches = event.angleDelta().y() / NOTCH
        if notches:
            self.zoom_by(STEP**notches, event.position())
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._pressed, self._panning = event.position(), False

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._pressed is not None:
            off = event.position() - self._pressed
            if self._panning or off.manhattanLength() > SPACE.tight:
                self._panning = True
                if self._zoom > 1:
                    self.setCursor(Qt.CursorShape.ClosedHandCursor)
                    self._pressed = event.position()
                    self.pan_by(off.x(), off.y())
            return
        self.pointed.emit(*self._place(event.position()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self._pressed is not None:
            if not self._panning:
                self.clicked.emit(*self._place(event.position()))
            self._pressed, self._panning = None, False
            self.setCursor(Qt.CursorShape.OpenHandCursor if self._zoom > 1 else Qt.CursorShape.ArrowCursor)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if self._zoom > 1:
            self.fit()
        else:
            self.zoom_by(STEP**4, event.position())

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self.pointed.emit(-1.0, -1.0)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = Qt.Key(event.key())
        step = PAN_SHARE * min(self.width(), self.height())
        ways = {
            Qt.Key.Key_Left: (step, 0.0),
            Qt.Key.Key_Right: (-step, 0.0),
            Qt.Key.Key_Up: (0.0, step),
            Qt.Key.Key_Down: (0.0, -step),
        }
        if key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            self.zoom_by(STEP)
        elif key == Qt.Key.Key_Minus:
            self.zoom_by(1 / STEP)
        elif key == Qt.Key.Key_0:
            self.fit()
        elif key in ways and self._zoom > 1:
            self.pan_by(*ways[key])
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.update()

    def _place(self, point: QPointF) -> tuple[float, float]:
        inverted, _ = self.to_screen().inverted()
        place = inverted.map(point)
        inside = 0 <= place.x() < self._size.width() and 0 <= place.y() < self._size.height()
        return (place.x(), place.y()) if inside else (-1.0, -1.0)

    # --- painting -----------------------------------------------------------------------------------------------

    def sizeHint(self) -> QSize:
        return QSize(320, 300)

    def minimumSizeHint(self) -> QSize:
        return QSize(120, MIN_HEIGHT_PX)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._moved()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        rect, room = self.shown_rect(), QRectF(self.rect())
        seen = rect.intersected(room)
        outline = QPainterPath()
        outline.addRoundedRect(seen, RADIUS_PX, RADIUS_PX)
        painter.save()
        painter.setClipPath(outline)
        if not self.is_loaded:
            painter.fillRect(seen, QColor(colors().raised))
            if not self.paint_over:
                drawn = pixmap("image", colors().border_strong, ICON_PX, self.devicePixelRatioF())
                painter.drawPixmap(seen.center() - QPointF(ICON_PX / 2, ICON_PX / 2), drawn)
        else:
            self._paint_picture(painter, rect, seen)
        if self.paint_over:
            self.paint_over(painter, self.to_screen())
        painter.restore()
        painter.setPen(QPen(QColor(colors().border), 1))
        painter.drawPath(outline)
        if self.hasFocus():
            painter.setPen(QPen(QColor(colors().accent), 2))
            painter.drawRoundedRect(seen.adjusted(1, 1, -1, -1), RADIUS_PX, RADIUS_PX)

    def _paint_picture(self, painter: QPainter, rect: QRectF, seen: QRectF) -> None:
        ratio = self.devicePixelRatioF()
        wanted = (rect.size() * ratio).toSize()
        image = self._pixels.image
        if wanted.width() < image.width():
            painter.drawImage(rect, self._pixels.fitted(wanted))
            return
        across = image.width() / rect.width()
        source = QRectF((seen.topLeft() - rect.topLeft()) * across, seen.size() * across)
        if ratio / across > SQUARES_PX:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, on=False)
        painter.drawImage(seen, image, source)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, on=True)

    def _want(self) -> None:
        """Ask for as many pixels as the screen shows here."""
        if self._path and self.width():
            longest = max(self._size.width(), self._size.height())
            self._pixels.want(min(longest, longest * self.scale * self.devicePixelRatioF(), MAX_ASKED_PX))


class ZoomBar(Panel):
    """Buttons for a canvas: out, in, all of it, and how large a pixel is shown."""

    def __init__(self, canvas: Canvas) -> None:
        super().__init__()
        self._canvas = canvas
        self.out = Button(icon="minus", role="quiet")
        self.into = Button(icon="plus", role="quiet")
        self.all = Button(icon="fit", role="quiet")
        self.figure = Label(tone="muted", role="small")
        self.figure.setFont(number_font(self.figure.font()))
        self.figure.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.figure.setMinimumWidth(self.fontMetrics().horizontalAdvance("1000%"))
        self.out.clicked.connect(lambda: canvas.zoom_by(1 / STEP))
        self.into.clicked.connect(lambda: canvas.zoom_by(STEP))
        self.all.clicked.connect(canvas.fit)
        canvas.changed.connect(self._show)
        self.setLayout(row(self.out, self.figure, self.into, self.all, space=0))
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.retranslate()
        self._show()

    def retranslate(self) -> None:
        self.out.describe(tr("Zoom out"))
        self.into.describe(tr("Zoom in"))
        self.all.describe(tr("Show the whole picture"))
        self.figure.setAccessibleName(tr("Size of a pixel of the picture on the screen"))

    def _show(self) -> None:
        # A pixel of the picture on one of the screen is 100 %.
        self.figure.setText(f"{100 * self._canvas.scale * self._canvas.devicePixelRatioF():.0f}%")
        self.out.setEnabled(self._canvas.zoom > 1)
        self.all.setEnabled(self._canvas.zoom > 1)
