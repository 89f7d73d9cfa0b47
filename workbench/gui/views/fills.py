"""What may stand in the place of each mask of a text."""

from __future__ import annotations

from PySide6.QtCore import QSize
from PySide6.QtWidgets import QWidget

from workbench.gui.language import tr
from workbench.gui.views.base import Context, View
from workbench.gui.views.painting import one_line, percent, safe
from workbench.gui.views.quote import Quote
from workbench.gui.views.ranked import Rank, RankedList, bars
from workbench.gui.widgets.basic import Label, Panel, column
from workbench.gui.widgets.scrolled import Scrolled
from workbench.gui.widgets.theme import SPACE, mark
from workbench.results import Fill, Fills

__all__ = ["FillsView"]


class _Mask(Panel):
    """One mask: its number where there are several, and its words."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number
        self._several = False
        self._title = Label(role="heading")
        self._title.setIndent(SPACE.medium)
        self.list = RankedList()
        self.setLayout(column(self._title, self.list, space=SPACE.tight))
        self.retranslate()

    def retranslate(self) -> None:
        self._title.setText(tr("Mask {number}", number=self._number))
        self.list.setAccessibleName(
            tr("Words for mask {number}, the likeliest first", number=self._number)
            if self._several
            else tr("Words for the mask, the likeliest first")
        )

    def show_fills(self, fills: tuple[Fill, ...], *, several: bool) -> None:
        self._several = several
        self._title.setVisible(several)
        self.retranslate()
        shapes = bars([fill.score for fill in fills], high=1.0)
        self.list.show_ranks(
            [
                Rank(_shown(fill.word), percent(fill.score), *shape, second=safe(fill.text), strong=place == 0)
                for place, (fill, shape) in enumerate(zip(fills, shapes, strict=True))
            ]
        )
        self.list.scrollToTop()


class FillsView(View):
    """The text that was given, and a list for each of its masks."""

    def __init__(self) -> None:
        super().__init__()
        self._result = Fills(())
        self._masks: list[_Mask] = []
        self.quote = Quote()
        self._none = Label(tone="muted", wrap=True)
        self._inner = QWidget()
        mark(self._inner, role="plain")
        self._inside = column(space=SPACE.large)
        self._inside.addStretch(1)
        self._inner.setLayout(self._inside)
        self._area = Scrolled(self._inner)
        layout = column(self.quote, self._none, self._area, space=SPACE.medium)
        layout.setStretchFactor(self._area, 1)
        layout.addStretch(0)
        self.setLayout(layout)
        self._none.hide()
        self.retranslate()

    def retranslate(self) -> None:
        self._none.setText(tr("There is no mask in this text."))

    @property
    def lists(self) -> tuple[RankedList, ...]:
        """A list for each mask that is shown."""
        return tuple(mask.list for mask in self._masks[: len(self._result.masks)])

    def show_result(self, result: Fills, context: Context) -> None:
        self._result = result
        self.quote.set_text(context.input if isinstance(context.input, str) else "")
        count = len(result.masks)
        while len(self._masks) < count:
            made = _Mask(len(self._masks) + 1)
            self._masks.append(made)
            self._inside.insertWidget(self._inside.count() - 1, made)
        for number, mask in enumerate(self._masks):
            mask.setVisible(number < count)
            if number < count:
                mask.show_fills(result.masks[number], several=count > 1)
        self._none.setVisible(not count)
        self._area.setVisible(bool(count))

    def text(self) -> str:
        """A line for each word; an empty line between masks."""
        if not self._result.masks:
            return tr("There is no mask in this text.")
        return "\n\n".join(
            "\n".join(f"{fill.score:.4f}\t{one_line(fill.word)}\t{one_line(fill.text)}" for fill in fills)
            for fills in self._result.masks
        )

    def minimumSizeHint(self) -> QSize:
        return QSize(160, 120)


def _shown(word: str) -> str:
    """A word as it is read; one of nothing but space is named by what it is."""
    return safe(word.strip()) or ascii(word)
