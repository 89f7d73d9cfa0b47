"""A picture that another process decoded."""

from __future__ import annotations

import pytest
from PySide6.QtGui import QColor
from pytestqt.qtbot import QtBot

from tests.gui.views.fakes import Files
from workbench.gui.widgets.picture import PictureView
from workbench.results import Picture


def source(view: PictureView, files: Files, name: str = "a.png") -> None:
    view.set_source(name, lambda max_px, receiver: files.picture(name, max_px, receiver))


def test_a_placeholder_until_the_picture_is_there(shown) -> None:
    files = Files(later=True)
    view = shown(PictureView())
    source(view, files)
    assert not view.is_loaded
    waiting = view.grab().toImage()
    files.answer()
    assert view.is_loaded
    assert view.grab().toImage() != waiting


def test_it_asks_for_as_many_pixels_as_the_screen_has(shown, qtbot: QtBot) -> None:
    files = Files()
    view = shown(PictureView())
    source(view, files)
    needed = view.width() * view.devicePixelRatioF()
    assert needed <= files.asked[-1][1] < needed + 256
    count = len(files.asked)
    view.resize(view.width() + 1, view.height())
    assert len(files.asked) == count
    view.resize(1400, view.height())
    qtbot.waitUntil(lambda: len(files.asked) == count + 1)
    assert files.asked[-1][1] >= 1400


def test_it_fits_in_keeps_its_aspect_and_has_round_corners(shown) -> None:
    view = shown(PictureView())
    source(view, Files())
    rect = view.shown_rect()
    assert rect.width() / rect.height() == pytest.approx(2, abs=0.02)
    assert view.rect().toRectF().contains(rect)
    image = view.grab().toImage()
    ratio = view.devicePixelRatioF()
    assert image.pixelColor((rect.center() * ratio).toPoint()) == QColor(0x20, 0x90, 0x40)
    assert image.pixelColor((rect.topLeft() * ratio).toPoint()) != QColor(0x20, 0x90, 0x40)


def test_a_tiny_picture_is_not_blown_up(shown) -> None:
    view = shown(PictureView())
    view.set_source("dot", lambda max_px, receiver: receiver(Picture(16, 16, b"\xff" * 768)))
    assert view.shown_rect().width() == 32


def test_a_picture_of_another_file_comes_too_late(shown) -> None:
    view = shown(PictureView())
    late, fast = Files(later=True), Files()
    source(view, late, "old.png")
    source(view, fast, "new.png")
    image = view.grab().toImage()
    view.set_source("newest.png", lambda max_px, receiver: None)
    late.answer()
    assert not view.is_loaded
    assert view.grab().toImage() != image


def test_it_is_named_by_its_file(shown) -> None:
    view = shown(PictureView())
    assert view.accessibleName() == "Picture"
    source(view, Files(), "cat.png")
    assert view.accessibleName() == "Picture cat.png"
