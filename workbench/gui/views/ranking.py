"""Texts by how well they fit a query."""

from __future__ import annotations

from workbench.gui.language import tr
from workbench.gui.views.base import Context, View
from workbench.gui.views.painting import one_line, safe, signed
from workbench.gui.views.quote import Quote
from workbench.gui.views.ranked import Rank, RankedList, bars
from workbench.gui.views.reading import ReadingText
from workbench.gui.widgets.basic import Label, column
from workbench.gui.widgets.theme import SPACE
from workbench.results import Ranking

__all__ = ["RankingView"]


class RankingView(View):
    """The query, the texts with their scores, and below them the one that is chosen as a whole."""

    def __init__(self) -> None:
        super().__init__()
        self._result = Ranking("", ())
        self.quote = Quote()
        self.list = RankedList()
        self.list.selectionModel().currentChanged.connect(lambda now, before: self._choose(now.row()))
        self._none = Label(tone="muted", wrap=True)
        self.edit = ReadingText(line_height_percent=150)
        layout = column(self.quote, self._none, self.list, self.edit, space=SPACE.medium)
        layout.setStretchFactor(self.list, 3)
        layout.setStretchFactor(self.edit, 2)
        layout.addStretch(0)
        self.setLayout(layout)
        self._none.hide()
        self.edit.hide()
        self.retranslate()

    def retranslate(self) -> None:
        self._none.setText(tr("There is nothing to rank."))
        self.list.setAccessibleName(tr("Texts, the best fitting first"))
        self.edit.setAccessibleName(tr("The text that is chosen"))

    def show_result(self, result: Ranking, context: Context) -> None:
        if result == self._result:
            return
        self._result = result
        self.quote.set_text(result.query)
        self._none.setVisible(not result.ranks)
        self.list.setVisible(bool(result.ranks))
        scores = [rank.score for rank in result.ranks]
        is_share = all(0 <= score <= 1 for score in scores)
        shapes = bars(scores, high=1.0 if is_share else 0.0)
        self.list.show_ranks(
            [
                Rank(f"{rank.index + 1}  {safe(rank.text)}", signed(rank.score, 3), *shape, strong=place == 0)
                for place, (rank, shape) in enumerate(zip(result.ranks, shapes, strict=True))
            ]
        )
        self.list.scrollToTop()
        self._choose(0 if result.ranks else -1)

    def text(self) -> str:
        """A line for each text: score, number in the input, the text."""
        if not self._result.ranks:
            return tr("There is nothing to rank.")
        return "\n".join(f"{rank.score:.4f}\t{rank.index + 1}\t{one_line(rank.text)}" for rank in self._result.ranks)

    def _choose(self, number: int) -> None:
        """Show a text as a whole, where its line cannot."""
        text = self._result.ranks[number].text if 0 <= number < len(self._result.ranks) else ""
        room = self.list.viewport().width() * 3 // 5
        self.edit.setVisible("\n" in text or self.fontMetrics().horizontalAdvance(one_line(text)) > room)
        self.edit.put_text(safe(text))
