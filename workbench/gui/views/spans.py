"""Labelled stretches of a text: names, places, what a model was taught to find."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Iterator
from typing import Any

from PySide6.QtCore import QEvent, QPoint
from PySide6.QtGui import QHelpEvent, QMouseEvent
from PySide6.QtWidgets import QToolTip

from workbench.gui.language import tr
from workbench.gui.views.base import Context, View
from workbench.gui.views.legend import Legend, LegendArea
from workbench.gui.views.marked_text import MarkedText, kind_of
from workbench.gui.views.painting import one_line, percent
from workbench.gui.views.reading import ReadingText
from workbench.gui.widgets.basic import ElidedLabel, Label, column
from workbench.gui.widgets.theme import SPACE
from workbench.results import Span, Spans

__all__ = ["SpansView"]

MANY = 1000


class _Text(ReadingText):
    """Tells of the span under the mouse; the keyboard's is the one at the caret."""

    def __init__(self, view: SpansView) -> None:
        super().__init__(line_height_percent=170)
        self._view = view
        self.viewport().setMouseTracking(True)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        self._view.tell(self._view.span_at(event.position().toPoint()))

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self._view.tell_caret()

    def viewportEvent(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent):
            span = self._view.span_at(event.pos())
            # Escaped: texts of users and models are never markup.
            text = f"<p>{html.escape(self._view.words_of(span))}</p>" if span else ""
            QToolTip.showText(event.globalPos(), text, self)
            return True
        return super().viewportEvent(event)


class SpansView(View):
    """The text with what was found, a legend above, below it what is known of one span."""

    def __init__(self) -> None:
        super().__init__()
        self._result = Spans((), grouped=True)
        self._source = ""
        self._hues: dict[str, int] = {}  # a label keeps its colour from text to text
        self._marked: MarkedText | None = None
        self._font = self.font()
        self.legend = Legend()
        self.legend.changed.connect(self._fill)
        self._labels = LegendArea(self.legend)  # a model with many kinds would leave no room for the text
        self.none = Label(wrap=True)
        self.edit = _Text(self)
        self.edit.copied = lambda start, end: self._marked.copied(start, end) if self._marked else ""
        self.edit.cursorPositionChanged.connect(self.tell_caret)
        self.detail = ElidedLabel(tone="muted", role="small")
        layout = column(self._labels, self.none, self.edit, self.detail)
        layout.setStretchFactor(self.edit, 1)
        layout.setSpacing(SPACE.small)
        self.setLayout(layout)
        self.none.hide()
        self.retranslate()

    def retranslate(self) -> None:
        self.edit.setAccessibleName(tr("Text with what was found"))
        self.none.setText(tr("Nothing was found in this text."))
        self.tell_caret()

    def show_result(self, result: Spans, context: Context) -> None:
        source = context.input if isinstance(context.input, str) else str(context.input)
        if (result, source) == (self._result, self._source) and self._marked:
            return
        self._result, self._source = result, source
        counts = Counter(span.label for span in result.spans)
        for label in counts:
            self._hues.setdefault(kind_of(label), len(self._hues))
        self.legend.show_counts(dict(counts.most_common()), {label: self._hue_of(label) for label in counts})
        self._labels.setVisible(bool(counts))
        self.none.setVisible(not counts)
        self.detail.setVisible(bool(counts))
        self._fill()

    def text(self) -> str:
        if not self._result.spans:
            return tr("Nothing was found in this text.")
        return "\n".join(
            f"{span.label}\t{one_line(span.word)}\t{span.score:.4f}\t{span.start}–{span.end}"
            for span in self._result.spans
        )

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange and self._marked and self.edit.font() != self._font:
            self._fill()

    # --- one span -----------------------------------------------------------------------------------------------

    def span_at(self, point: QPoint) -> Span | None:
        """The span at a point of the text's viewport."""
        place = self.edit.position_at(point)
        return self._marked.span_at(place) if self._marked and place is not None else None

    def words_of(self, span: Span) -> str:
        """What is known of a span, in words."""
        return tr(
            "{label} · {score} · characters {start}–{end} · {word}",
            label=one_line(span.label),
            score=percent(span.score),
            start=span.start,
            end=span.end,
            word=one_line(self._source[span.start : span.end]),
        )

    def tell(self, span: Span | None) -> None:
        self.detail.setText(
            self.words_of(span) if span else tr("Point at a colour, or move the caret there, to see its score.")
        )

    def tell_caret(self) -> None:
        place = self.edit.textCursor().position()
        self.tell(self._marked.span_at(place) if self._marked else None)

    # --- the document -------------------------------------------------------------------------------------------

    def _hue_of(self, label: str) -> int:
        return self._hues[kind_of(label)]

    def _fill(self, *_: Any) -> None:
        """Write the text anew, with the labels that are switched on. The place that is read stays."""
        before = self._marked
        shown = [span for span in self._result.spans if self.legend.is_on(span.label)]
        marked = self._marked = MarkedText(self._source, shown, self._hue_of)  # right for a part of the text, too
        place = self.edit.place() if before is not None and before.source == marked.source else None
        self._font = self.edit.font()
        cursor = self.edit.begin()

        def steps() -> Iterator[None]:
            many = len(shown) > MANY
            if many:  # to place them has taken its time already
                yield
            yield from marked.fill(cursor, self._font)
            if many:
                yield
            self.edit.set_grounds(marked.grounds)
            self.tell_caret()

        self.edit.go_through(steps(), place)
