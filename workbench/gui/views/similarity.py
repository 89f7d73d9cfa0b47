"""How near sentences are to each other: a matrix of all, or a ranked list for one."""

from __future__ import annotations

import numpy as np

from workbench.gui.language import tr
from workbench.gui.views.base import Context, View
from workbench.gui.views.heat_map import HeatMap
from workbench.gui.views.painting import one_line, safe, signed
from workbench.gui.views.quote import Quote
from workbench.gui.views.ranked import Rank, RankedList, bars
from workbench.gui.views.shading import FloatArray
from workbench.gui.widgets.basic import ElidedLabel, Label, Panel, column, row
from workbench.gui.widgets.theme import SPACE, mark
from workbench.results import Similarity

__all__ = ["SimilarityView"]

PAIRS = 5
FIGURE_PX = 52


class _Detail(Panel):
    """One score and the two sentences that it is of."""

    def __init__(self) -> None:
        super().__init__()
        mark(self, role="notice")
        self.figure = Label(role="heading")
        self.figure.setFixedWidth(FIGURE_PX)
        self.first = ElidedLabel()
        self.second = ElidedLabel()
        texts = column(self.first, self.second, space=SPACE.hair)
        layout = row(self.figure, space=SPACE.small)
        layout.addLayout(texts, 1)
        layout.setContentsMargins(SPACE.medium, SPACE.small, SPACE.medium, SPACE.small)
        self.setLayout(layout)
        self._hint = True
        self.retranslate()

    def retranslate(self) -> None:
        self.setAccessibleName(tr("The pair that is chosen"))
        if self._hint:
            self.show_pair("", "", "")

    def show_pair(self, figure: str, first: str, second: str) -> None:
        self._hint = not figure
        self.figure.setVisible(bool(figure))
        self.figure.setText(figure)
        self.first.setText(first if figure else tr("Point at a cell to see its two sentences,"))
        self.second.setText(second if figure else tr("or go from cell to cell with the arrow keys."))
        mark(self.first, tone="" if figure else "muted")
        mark(self.second, tone="" if figure else "muted")


class SimilarityView(View):
    def __init__(self) -> None:
        super().__init__()
        self._result = Similarity((), (), np.zeros((0, 0), np.float32))
        self.quote = Quote()
        self.list = RankedList()
        self.map = HeatMap()
        self.map.pointed.connect(self._tell)
        self.detail = _Detail()
        self._pairs_title = Label(role="heading")
        self._pairs_title.setIndent(SPACE.medium)
        self.pairs = RankedList()
        self.pairs.selectionModel().currentChanged.connect(lambda now, before: self._go_to_pair(now.row()))
        self._closest: list[tuple[int, int]] = []
        self._none = Label(tone="muted", wrap=True)
        parts = (self.quote, self._none, self.list, self.map, self.detail, self._pairs_title, self.pairs)
        layout = column(*parts, space=SPACE.medium)
        layout.setStretchFactor(self.list, 1)
        layout.setStretchFactor(self.map, 1)
        layout.setSpacing(SPACE.medium)
        layout.addStretch(0)
        self.setLayout(layout)
        for part in parts:
            part.hide()
        self.retranslate()

    def retranslate(self) -> None:
        self._none.setText(tr("There is nothing to compare."))
        self._pairs_title.setText(tr("Closest pairs"))
        self.pairs.setAccessibleName(tr("Closest pairs"))
        self.list.setAccessibleName(tr("Sentences, the most similar first"))
        self.map.setAccessibleName(tr("Similarity of each sentence with each"))

    def show_result(self, result: Similarity, context: Context) -> None:
        if result == self._result:
            return
        self._result = result
        is_one, is_empty = len(result.rows) == 1, not result.scores.size
        self.quote.set_text(result.rows[0] if is_one else "")
        self._none.setVisible(is_empty)
        self.list.setVisible(is_one and not is_empty)
        pairs = self._closest = [] if is_one or is_empty else _closest(result)
        self.map.setVisible(not is_one and not is_empty)
        self.detail.setVisible(not is_one and not is_empty)
        self._pairs_title.setVisible(bool(pairs))
        self.pairs.setVisible(bool(pairs))
        if is_one:
            self.list.show_ranks(_ranked(result))
            self.list.scrollToTop()
        else:
            self.map.show_scores(result.scores, result.rows, mirrored=result.rows == result.columns)
            self.pairs.show_ranks([_pair(result, *pair) for pair in pairs])

    def text(self) -> str:
        """One sentence: a line for each other. Many: a table that a spreadsheet takes, with tabs."""
        result = self._result
        if len(result.rows) == 1:
            order = _order(result.scores[0])
            return "\n".join(f"{result.scores[0][n]:.4f}\t{one_line(result.columns[n])}" for n in order)
        lines = ["\t".join(("", *map(one_line, result.columns)))]
        for title, scores in zip(result.rows, result.scores, strict=True):
            lines.append("\t".join((one_line(title), *(f"{score:.4f}" for score in scores))))
        return "\n".join(lines)

    def _go_to_pair(self, place: int) -> None:
        if self.pairs.hasFocus() and 0 <= place < len(self._closest):
            self.map.go_to(*self._closest[place])

    def _tell(self, row_: int, column_: int) -> None:
        if row_ < 0:
            self.detail.show_pair("", "", "")
            self.map.setAccessibleDescription("")
            return
        first, second = one_line(self._result.rows[row_]), one_line(self._result.columns[column_])
        figure = signed(float(self._result.scores[row_, column_]), 3)
        # The numbers are those of row and column, so that the eye finds them again.
        self.detail.show_pair(figure, f"{row_ + 1}  {first}", f"{column_ + 1}  {second}")
        self.map.setAccessibleDescription(
            tr("{score} between “{first}” and “{second}”", score=figure, first=first, second=second)
        )


def _order(scores: FloatArray) -> list[int]:
    """Places from the highest score to the lowest; what is no number comes last."""
    return [int(n) for n in np.argsort(-np.nan_to_num(scores, nan=-np.inf), kind="stable")]


def _ranked(result: Similarity) -> list[Rank]:
    scores = [float(score) for score in result.scores[0]]
    shapes = bars(scores, high=1.0)
    return [
        Rank(safe(result.columns[n]), signed(scores[n], 3), *shapes[n], strong=place == 0)
        for place, n in enumerate(_order(result.scores[0]))
    ]


def _closest(result: Similarity) -> list[tuple[int, int]]:
    """Rows and columns of the nearest pairs of different sentences, each pair once."""
    scores = np.nan_to_num(result.scores, nan=-np.inf)
    if result.rows == result.columns:
        rows, columns = np.triu_indices(len(result.rows), k=1)
    else:
        rows, columns = (part.ravel() for part in np.indices(scores.shape))
    values = scores[rows, columns]
    best = np.argsort(-values, kind="stable")[:PAIRS]
    return [(int(rows[n]), int(columns[n])) for n in best if np.isfinite(values[n])]


def _pair(result: Similarity, row_: int, column_: int) -> Rank:
    return Rank(
        f"{row_ + 1}  {one_line(result.rows[row_])}",
        signed(float(result.scores[row_, column_]), 3),
        second=f"{column_ + 1}  {one_line(result.columns[column_])}",
    )
