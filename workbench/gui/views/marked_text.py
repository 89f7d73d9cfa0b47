"""A text with the names of its spans put in behind them, and where everything stands in it.

Qt counts units of UTF-16, results count characters, and the names are in between: positions go through here.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any

import numpy as np
from PySide6.QtGui import QFont, QTextCharFormat, QTextCursor

from workbench.gui.views.painting import safe
from workbench.gui.views.reading import Ground, parts_of
from workbench.results import Span

__all__ = ["MarkedText", "document_offsets", "kind_of"]

NAME_SIZE = 0.72
NO_BREAK_SPACE = "\N{NO-BREAK SPACE}"
MAX_DEPTH = 3
SPANS_A_STEP = 500


class MarkedText:
    """Builds a document once. ``spans`` are those to show; one outside the text is left out."""

    def __init__(self, text: str, spans: Sequence[Span], hue_of: Callable[[str], int]) -> None:
        self.source = safe(text)
        length = len(self.source)
        self.spans = [span for span in spans if 0 <= span.start < span.end <= length]
        # The inner of two spans that end together has its name first.
        order = sorted(range(len(self.spans)), key=lambda n: (self.spans[n].end, -self.spans[n].start))
        self._offsets = document_offsets(self.source)
        self._names: list[tuple[int, int, int]] = []  # start and end in the document, and the span
        self._before: list[int] = []  # units of names before each name
        self._anchors: list[int] = []  # the character that each name stands behind
        inserted = 0
        ends = [0] * len(self.spans)
        for number in order:
            span = self.spans[number]
            start = int(self._offsets[span.end]) + inserted
            size = len(self._name(span).encode("utf-16-le")) // 2
            self._names.append((start, start + size, number))
            self._before.append(inserted)
            self._anchors.append(span.end)
            inserted += size
            ends[number] = start + size
        self.grounds = [
            Ground(self._document_start(span.start), end, f"hue {hue_of(span.label)}", depth)
            for span, end, depth in zip(self.spans, ends, _depths(self.spans), strict=True)
        ]

    def fill(self, cursor: QTextCursor, font: QFont) -> Iterator[None]:
        """Write text and names at the cursor of an empty document, step by step, each of little time."""
        name_font = QFont(font)
        name_font.setPointSizeF(font.pointSizeF() * NAME_SIZE)
        name_font.setWeight(QFont.Weight.Bold)
        name_format = QTextCharFormat()
        name_format.setFont(name_font)
        plain = QTextCharFormat()
        at = 0
        for first in range(0, len(self._names), SPANS_A_STEP):
            if first:
                yield
            cursor.beginEditBlock()
            for _, _, number in self._names[first : first + SPANS_A_STEP]:
                span = self.spans[number]
                if span.end > at:
                    cursor.insertText(self.source[at : span.end], plain)
                    at = span.end
                cursor.insertText(self._name(span), name_format)
            cursor.endEditBlock()
        for number, part in enumerate(parts_of(self.source[at:])):
            if number:
                yield
            cursor.insertText(part, plain)

    def source_of(self, place: int) -> int:
        """The character of the text at a place of the document; behind a span for what is in its name."""
        index = bisect_right(self._names, (place, 1 << 62, 0)) - 1
        units = place
        if index >= 0:
            start, end, _ = self._names[index]
            if place < end:
                return self._anchors[index]
            units = place - self._before[index] - (end - start)
        return int(np.searchsorted(self._offsets, units))

    def copied(self, start: int, end: int) -> str:
        """What was written between two places of the document, without the names."""
        return self.source[self.source_of(start) : self.source_of(end)]

    def span_at(self, place: int) -> Span | None:
        """The innermost span at a place of the document."""
        found = [
            (ground.end - ground.start, number)
            for number, ground in enumerate(self.grounds)
            if ground.start <= place < ground.end
        ]
        return self.spans[min(found)[1]] if found else None

    def _document_start(self, character: int) -> int:
        """Where a character stands; names that end before it are in front of it."""
        index = bisect_right(self._anchors, character) - 1
        extra = 0
        if index >= 0:
            start, end, _ = self._names[index]
            extra = self._before[index] + end - start
        return int(self._offsets[character]) + extra

    def _name(self, span: Span) -> str:
        # No break between a word and its name, nor within the name.
        return NO_BREAK_SPACE + NO_BREAK_SPACE.join(safe(span.label).split())


def document_offsets(text: str) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Where each character of a text without half characters stands in a document, and where its end is."""
    units = np.frombuffer(text.encode("utf-32-le"), np.uint32)
    widths = np.where(units > 0xFFFF, 2, 1)
    widths[:-1][(units[:-1] == 13) & (units[1:] == 10)] = 0  # "\r\n" is one sign in a document
    return np.concatenate(([0], np.cumsum(widths)))


@cache
def kind_of(label: str) -> str:
    """``"B-PER"`` → ``"PER"``: the beginning and the inside of a name have one colour."""
    head, dash, tail = label.partition("-")
    return tail if dash and tail and head in ("B", "I", "E", "S", "L", "U") else label


def _depths(spans: Sequence[Span]) -> list[int]:
    """How many spans each lies within, up to a few: what is drawn on top and smaller."""
    depths = [0] * len(spans)
    open_: list[int] = []  # ends of spans around
    for number in sorted(range(len(spans)), key=lambda n: (spans[n].start, -spans[n].end)):
        open_ = [end for end in open_ if end > spans[number].start]
        depths[number] = min(MAX_DEPTH, len(open_))
        open_.append(spans[number].end)
    return depths
