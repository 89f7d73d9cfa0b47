"""What holds for every view: it is in the table, speaks both languages, follows the theme, and stands odd results."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QWidget

from tests.gui.looks import put_theme
from tests.gui.views.fakes import ODD, context, settle, speak, texts_of
from workbench.gui.views.base import Context, View
from workbench.gui.views.table import VIEWS, view_for
from workbench.results import (
    RESULT_TYPES,
    Answer,
    Answers,
    Audio,
    Box,
    Boxes,
    Depth,
    Embedding,
    Fill,
    Fills,
    Label,
    Labels,
    MadePicture,
    Mask,
    Masks,
    Rank,
    Ranking,
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
HALF = np.repeat(np.array([[255, 0]], np.uint8), 4, axis=1).repeat(4, axis=0)
THREE = ("One.", "Two.", ODD)

RESULTS: dict[str, tuple[Result, Context]] = {
    "labels": (Labels((Label("yes", 0.9), Label("no", 0.1))), context("How was it?")),
    "spans": (Spans((Span("PER", 0.9, "Ana", 3, 6),), grouped=True), context("Is Ana in?")),
    "embedding": (Embedding(np.eye(3, 8, dtype=np.float32), pooled=False), context("a b")),
    "similarity": (Similarity(THREE, THREE, MATRIX), context(list(THREE), "fields")),
    "one row": (Similarity(("One.",), THREE, MATRIX[:1]), context({}, "fields")),
    "text": (Text("Once upon a time", 4, "length"), context("Once")),
    "transcript": (Transcript("Hello.", (Segment(" Hello.", 0.0, 2.0),), "en"), context("/a.wav", "audio")),
    "boxes": (
        Boxes(80, 40, (Box("cat", 0.9, 4, 4, 40, 30), Box("dog", 0.5, 30, 8, 70, 36))),
        context("/a.png", "image"),
    ),
    "masks": (
        Masks(8, 4, (Mask("sky", None, HALF), Mask("cat", 0.8, 255 - HALF, is_thing=True))),
        context("/a.png", "image"),
    ),
    "stuff": (Masks(8, 4, (Mask("sky", None, HALF), Mask("sea", None, 255 - HALF))), context("/a.png", "image")),
    "made picture": (MadePicture(np.full((8, 6, 3), 90, np.uint8)), context("/a.png", "image")),
    "depth": (Depth(np.arange(32, dtype=np.float32).reshape(4, 8), "m"), context("/a.png", "image")),
    "answers": (
        Answers("Who?", "It was Ana.", (Answer("Ana", 0.9, 7, 10), Answer("", 0.05, 0, 0))),
        context({"question": "Who?", "context": "It was Ana."}, "fields"),
    ),
    "fills": (Fills(((Fill(1, "cat", 0.9, "A cat."), Fill(2, "dog", 0.1, "A dog.")),)), context("A [MASK].")),
    "ranking": (Ranking("q", (Rank(1, "One.", 2.5), Rank(0, "Two.", -3.5))), context({}, "fields")),
    "sound": (Audio(np.sin(np.arange(8000, dtype=np.float32) / 9), 16_000), context("Hello.")),
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
    "no boxes": (Boxes(80, 40, ()), context("/a.png", "image")),
    "odd boxes": (
        Boxes(0, 0, (Box(ODD, NAN, NAN, 0, 1, 1), Box("", 2.0, 90, 90, -5, -5), Box("x", -1.0, 0, 0, 0, 0))),
        context(None, "image"),
    ),
    "no masks": (Masks(8, 4, ()), context("/a.png", "image")),
    "odd masks": (
        Masks(8, 4, (Mask(ODD, NAN, np.zeros((4, 8), np.uint8)), Mask("", None, np.zeros((2, 2), np.uint8)))),
        context({}, "fields"),
    ),
    "no picture": (MadePicture(np.zeros((0, 0, 3), np.uint8)), context("/a.png", "image")),
    "no depth": (Depth(np.zeros((0, 0), np.float32), "m"), context("/a.png", "image")),
    "odd depth": (Depth(np.array([[NAN, np.inf], [3, 3]], np.float32), "an unknown unit"), context("/a.png", "image")),
    "no answers": (Answers("?", "", ()), context({}, "fields")),
    "odd answers": (Answers(ODD, ODD, (Answer(ODD, NAN, 3, 6), Answer("x", 0.5, 5, 9999))), context({}, "fields")),
    "no fills": (Fills(()), context("x")),
    "odd fills": (Fills(((), (Fill(0, " ", NAN, ODD), Fill(1, ODD, 0.1, "")))), context(ODD)),
    "no ranks": (Ranking("", ()), context({}, "fields")),
    "odd ranks": (Ranking(ODD, (Rank(0, ODD, NAN), Rank(1, "", -float("inf")))), context({}, "fields")),
    "no sound": (Audio(np.zeros(0, np.float32), 16_000), context("x")),
    "odd sound": (Audio(np.array([NAN, np.inf, 5.0], np.float32), 1), context(ODD)),
    "an unknown input": (Labels((Label("a", 1.0),)), context(None, "fields")),
}
EMPTY = [name for name in ODD_RESULTS if re.fullmatch("no [a-z]+", name) and name != "no numbers"]
BEGINNINGS = ("The model", "The text", "Nothing", "There is", "No speech")


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
    settle()
    assert view.grab().toImage() != light
    assert (view.text(), texts_of(view)) == said
    put_theme(qapp, dark=False)
    settle()
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


@pytest.mark.parametrize(
    "name", [name for name in ODD_RESULTS if re.fullmatch("no [a-z]+", name) and name != "no numbers"]
)
def test_an_empty_result_says_so(name: str, shown) -> None:
    view = _shown(name, shown, ODD_RESULTS)
    said = [
        text
        for text in texts_of(view)
        if text.startswith(("The model", "The text", "Nothing", "There is", "No speech"))
    ]
    assert said


def _shown(name: str, shown, results: dict[str, tuple[Result, Context]]) -> View:
    result, its_context = results[name]
    view = view_for(result)()
    shown(view)
    view.show_result(result, its_context)
    settle()
    return view


def _takes_focus(part: QWidget) -> bool:
    return part.isVisible() and bool(part.focusPolicy() & Qt.FocusPolicy.TabFocus)
