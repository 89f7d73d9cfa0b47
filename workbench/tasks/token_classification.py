"""Labelled stretches of a text. The reference is transformers' ``pipeline``, with all its ways to join tokens.

``none`` gives each token. ``simple`` joins neighbours of the same label. ``first``, ``average`` and ``max`` give all
tokens of a word the same label before: that of its first token, that of the highest mean, that of the surest token.
The label ``O`` is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.errors import ModelError
from workbench.results import Span, Spans
from workbench.runtime.text import Tokens
from workbench.tasks.base import Array, ModelFiles, Outputs, Run, SessionLike
from workbench.tasks.classes import class_scores
from workbench.tasks.text_inputs import text_of
from workbench.tasks.text_logits import TextLogits

__all__ = ["PIPELINE", "TokenClassification"]

OUTSIDE = "O"


@dataclass(frozen=True)
class Piece:
    """A token: its scores float32 [classes], its place in the text, and whether it goes on with a word."""

    word: str
    scores: Array
    start: int
    end: int
    index: int
    is_subword: bool


# The scores that the pieces of a word have together, by strategy.
WORD_SCORES: dict[str, Callable[[Sequence[Piece]], Array]] = {
    "first": lambda pieces: pieces[0].scores,
    "max": lambda pieces: max(pieces, key=lambda piece: float(piece.scores.max())).scores,
    "average": lambda pieces: np.stack([piece.scores for piece in pieces]).mean(0),
}


class TokenClassification(TextLogits):
    """An input is a text."""

    def __init__(self, files: ModelFiles, sessions: Mapping[str, SessionLike]) -> None:
        """Raises ModelError: no tokenizer, a graph that is no token classifier."""
        super().__init__(files, sessions, each_token=True)

    def preprocess(self, item: Any, params: Mapping[str, Any], run: Run) -> Tokens:
        """Raises InputError."""
        return self._tokenizer.encode(text_of(item), run=run)

    def postprocess(self, outputs: Outputs, prepared: Tokens, params: Mapping[str, Any], run: Run) -> Spans:
        strategy = params.get("aggregation_strategy", "simple")
        logits = outputs[self._output]
        if logits.ndim != 3:  # a text of as many tokens as there are classes
            got = f"{self._output} {list(logits.shape)}"
            raise ModelError("graph-no-output", wanted=f"{self._output} of each token", got=got)
        scores = class_scores(logits[0], self.files, "softmax")
        pieces = self._pieces(prepared, scores)
        if strategy in WORD_SCORES:
            spans = [self._word_span(word, WORD_SCORES[strategy](word)) for word in _words(pieces)]
        else:
            spans = [self._span(piece) for piece in pieces]
        grouped = strategy != "none"
        if grouped:
            spans = [self._joined(group) for group in _entities(spans)]
        return Spans(tuple(span for span in spans if span.label != OUTSIDE), grouped)

    def _pieces(self, tokens: Tokens, scores: Array) -> list[Piece]:
        pieces = []
        rows = zip(tokens.ids, tokens.offsets, tokens.special_tokens_mask, scores, strict=True)
        for index, (token_id, (start, end), special, row) in enumerate(rows):
            if special:
                continue
            word, said = self._tokenizer.token(token_id), tokens.text[start:end]
            if self._tokenizer.marks_subwords:
                is_subword = len(word) != len(said)
            else:  # what begins with no space before or in it goes on with a word
                is_subword = start > 0 and " " not in tokens.text[start - 1 : start + 1]
            if token_id == self._tokenizer.unknown_id:
                word, is_subword = said, False
            pieces.append(Piece(word, row, start, end, index, is_subword))
        return pieces

    def _span(self, piece: Piece) -> Span:
        best = int(piece.scores.argmax())
        return Span(
            self._labels[best], float(piece.scores[best]), piece.word, piece.start, piece.end, index=piece.index
        )

    def _word_span(self, pieces: Sequence[Piece], scores: Array) -> Span:
        best = int(scores.argmax())
        word = self._tokenizer.join([piece.word for piece in pieces])
        return Span(self._labels[best], float(scores[best]), word, pieces[0].start, pieces[-1].end)

    def _joined(self, spans: Sequence[Span]) -> Span:
        label = spans[0].label.split("-", 1)[-1]
        score = float(np.mean([span.score for span in spans]))
        word = self._tokenizer.join([span.word for span in spans])
        return Span(label, score, word, spans[0].start, spans[-1].end)


def _words(pieces: Sequence[Piece]) -> Iterator[list[Piece]]:
    """The pieces, word by word."""
    word: list[Piece] = []
    for piece in pieces:
        if word and not piece.is_subword:
            yield word
            word = []
        word.append(piece)
    if word:
        yield word


def _entities(spans: Sequence[Span]) -> Iterator[list[Span]]:
    """Neighbours of the same label. ``B-`` begins anew; a label without ``B-`` or ``I-`` goes on."""
    entity: list[Span] = []
    for span in spans:
        if entity and (span.label.startswith("B-") or _tag(span.label) != _tag(entity[-1].label)):
            yield entity
            entity = []
        entity.append(span)
    if entity:
        yield entity


def _tag(label: str) -> str:
    return label[2:] if label.startswith(("B-", "I-")) else label


PIPELINE = TokenClassification
