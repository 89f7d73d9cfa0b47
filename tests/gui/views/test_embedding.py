"""Vectors in words, colours and numbers."""

from __future__ import annotations

import numpy as np
from PySide6.QtGui import QColor

from tests.gui.views.fakes import context, texts_of
from workbench.gui.views.embedding import EmbeddingView
from workbench.gui.widgets.theme import colors
from workbench.results import Embedding


def vectors(rows: int, columns: int) -> Embedding:
    made = np.random.default_rng(0).normal(size=(rows, columns)).astype(np.float32)
    return Embedding(made, pooled=rows == 1)


def test_one_vector_in_words_and_numbers(shown) -> None:
    view = shown(EmbeddingView())
    view.show_result(Embedding(np.array([[3.0, -4.0]], np.float32), pooled=True), context("A text."))
    assert view.shape.text() == "One vector of 2 numbers"
    assert view.norm.text() == "Length (L2 norm) 5.0000"
    assert view.numbers.toPlainText() == "\t3.0000\t−4.0000"
    assert view.text() == "3\t-4"
    assert view.quote.isVisible()


def test_signs_are_colours(shown) -> None:
    view = shown(EmbeddingView())
    view.show_result(Embedding(np.array([[-1.0, 0.0, 1.0]], np.float32), pooled=True), context("x"))
    image = view.strips.grab().toImage()
    below, zero, above = (image.pixelColor(image.width() * part // 6, 20) for part in (1, 3, 5))
    assert below == QColor(colors().danger)
    assert above == QColor(colors().accent)
    assert zero.lightness() > below.lightness()


def test_token_vectors_are_numbered(shown) -> None:
    view = shown(EmbeddingView())
    view.show_result(vectors(3, 8), context("a b"))
    assert view.shape.text() == "3 token vectors of 8 numbers each"
    assert view.norm.text().startswith("Lengths (L2 norm) from ")
    lines = view.numbers.toPlainText().splitlines()
    assert [line.split("\t")[1] for line in lines] == ["1", "2", "3"]
    assert all(line.endswith("\t…") for line in lines)


def test_a_big_array_shows_its_first_rows_and_gives_all(shown) -> None:
    view = shown(EmbeddingView())
    view.show_result(vectors(512, 1024), context("long"))
    assert "The first 64 of 512 vectors are shown." in texts_of(view)
    assert len(view.numbers.toPlainText().splitlines()) == 64
    view.grab()
    rows = view.text().splitlines()
    assert len(rows) == 512
    assert np.allclose([float(value) for value in rows[300].split("\t")], vectors(512, 1024).vectors[300], rtol=1e-7)
    view.show_result(vectors(1, 4), context("x"))
    assert view.shape.text() == "One vector of 4 numbers"


def test_a_low_window_keeps_it_all(shown) -> None:
    view = shown(EmbeddingView())
    view.show_result(vectors(64, 64), context("x"))
    assert view.minimumSizeHint().height() < 340
