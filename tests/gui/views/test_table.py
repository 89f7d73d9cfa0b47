"""What holds for every view: it is in the table, speaks both languages, follows the theme, and stands odd results."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QWidget

from tests.gui.looks import put_theme
from tests.gui.views.fakes import ODD, context, speak, texts_of
from workbench.gui.views.base import Context, View
from workbench.gui.views.table import VIEWS, view_for
from workbench.results import (
    RESULT_TYPES,
    Embedding,
    Label,
    Labels,
    Result,
    Segment,
    Similarity,
    Span,
    Spans,
    Text,
    Transcript,
)

NAN = float("nan")
CJK = re.compile(r"[\u4e00-\u9fff]")
MATRIX = np.array([[1, 0.5, NAN], [0.5, 1, -0.25], [NAN, -0.25, 1]], np.float32)
THREE = ("One.", "Two.", ODD)

RESULTS: dict[str, tuple[Result, Context]] = {
    "labels": (Labels((Label("yes", 0.9), Label("no", 0.1))), context("How was it?")),
    "spans": (Spans((Span("PER", 0.9, "Ana", 3, 6),), grouped=True), context("Is Ana in?")),
    "embedding": (Embedding(np.eye(3, 8, dtype=np.float32), pooled=False), context("a b")),
    "similarity": (Similarity(THREE, THREE, MATRIX), context(list(THREE), "fields")),
    "one row": (Similarity(("One.",), THREE, MATRIX[:1]), context({}, "fields")),
    "text": (Text("Once upon a time", 4, "length"), context("Once")),
    "transcript": (Transcript("Hello.", (Segment(" Hello.", 0.0, 2.0),), "en"), context("/a.wav", "audio")),
}
ODD_RESULTS: dict[str, tuple[Result, Context]] = {
    "no labels": (Labels(()), context("x")),
    "odd labels": (Labels((Label(ODD, NAN), Label("", float("inf")))), context(ODD)),
    "no spans": (Spans((), grouped=True), context(ODD)),
    "odd spans": (
        Spans((Span(ODD, NAN, ODD, 0, 5), Span("X", 0.5, "", 3, 3), Span("Y", 2.0, "?", 5, 9999)), grouped=False),
        context(ODD),
    ),
    "spans of no text": (Spans((), grouped=True), context("")),
    "no vectors": (Embedding(np.zeros((0, 0), np.float32), pooled=True), context("")),
    "odd vectors": (Embedding(np.array([[NAN, np.inf, -np.inf, 0]], np.float32), pooled=True), context(ODD)),
    "zero vector": (Embedding(np.zeros((1, 4), np.float32), pooled=True), context("x")),
    "no sentences": (Similarity((), (), np.zeros((0, 0), np.float32)), context([], "fields")),
    "one row without columns": (Similarity(("a",), (), np.zeros((1, 0), np.float32)), context({}, "fields")),
    "no numbers": (Similarity(THREE, THREE, np.full((3, 3), NAN, np.float32)), context([], "fields")),
    "no text": (Text("", 0, "stop"), context("x")),
    "odd text": (Text(ODD, 3, "an unknown reason"), context("x")),
    "no speech": (Transcript("", ()), context("/a.wav", "audio")),
    "odd segments": (
        Transcript(ODD, (Segment(ODD, 5.0, None), Segment("", 1.0, 0.5), Segment("x", NAN, NAN))),
        context("/a.wav", "audio"),
    ),
    "an unknown input": (Labels((Label("a", 1.0),)), context(None, "fields")),
}


def test_every_result_has_a_view() -> None:
    assert set(VIEWS) == set(RESULT_TYPES.values())
    for cls, factory in VIEWS.items():
        assert view_for(object.__new__(cls)) is factory


def test_a_derived_result_has_the_view_of_what_it_is_derived_from() -> None:
    @dataclass(frozen=True)
    class Ranked(Labels):
        pass

    assert view_for(Ranked(())) is VIEWS[Labels]


def test_what_is_no_result_has_no_view() -> None:
    with pytest.raises(LookupError, match="no view shows a str"):
        view_for("text")  # type: ignore[arg-type]


@pytest.mark.parametrize("name", RESULTS)
def test_everything_that_takes_the_focus_has_a_name(name: str, shown) -> None:
    view = _shown(name, shown, RESULTS)
    parts = [part for part in view.findChildren(QWidget) if _takes_focus(part)]
    assert parts
    assert [part for part in parts if not (part.accessibleName() or getattr(part, "text", str)())] == []


@pytest.mark.parametrize("name", RESULTS)
def test_a_view_changes_its_language(name: str, shown) -> None:
    view = _shown(name, shown, RESULTS)
    english = texts_of(view)
    assert not any(CJK.search(text) for text in english)
    speak("zh_CN")
    assert any(CJK.search(text) for text in texts_of(view))
    speak("en")
    assert texts_of(view) == english


@pytest.mark.parametrize("name", RESULTS)
def test_a_view_follows_the_theme(name: str, shown, qapp: QApplication) -> None:
    view = _shown(name, shown, RESULTS)
    said = view.text(), texts_of(view)
    light = view.grab().toImage()
    put_theme(qapp, dark=True)
    qapp.processEvents()
    assert view.grab().toImage() != light
    assert (view.text(), texts_of(view)) == said
    put_theme(qapp, dark=False)
    qapp.processEvents()
    assert view.grab().toImage() == light


@pytest.mark.parametrize("name", ODD_RESULTS)
def test_a_view_stands_an_odd_result(name: str, shown) -> None:
    view = _shown(name, shown, ODD_RESULTS)
    view.grab()
    assert isinstance(view.text(), str)
    result, _ = ODD_RESULTS[name]
    # And then an ordinary one of the same type.
    for other, itscontext in RESULTS.values():
        if type(other) is type(result):
            view.show_result(other, itscontext)
            view.grab()
            assert view.text()


@pytest.mark.parametrize("name", ["no labels", "no spans", "no vectors", "no sentences", "no text", "no speech"])
def test_an_empty_result_says_so(name: str, shown) -> None:
    view = _shown(name, shown, ODD_RESULTS)
    said = [text for text in texts_of(view) if text.startswith(("The model", "Nothing", "There is", "No speech"))]
    assert said


def _shown(name: str, shown, results: dict[str, tuple[Result, Context]]) -> View:
    result, its_context = results[name]
    view = view_for(result)()
    shown(view)
    view.show_result(result, its_context)
    QApplication.processEvents()
    return view


def _takes_focus(part: QWidget) -> bool:
    return part.isVisible() and bool(part.focusPolicy() & Qt.FocusPolicy.TabFocus)
