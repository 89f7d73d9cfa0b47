"""The stretch of a context that answers a question. The reference is transformers' ``pipeline``.

A context that is too long goes through the graph in stretches that overlap. Each stretch gives its own probabilities of
where an answer begins and where it ends; a span's score is their product, and equal answers add up, whatever stretch
they come from. So the score of an answer in an overlap can exceed 1, as it does in the reference.

Other than there, a span whose end is before its start is never an answer, and a question does not answer itself where a
tokenizer pads on the left.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from workbench.errors import InputError, ModelError, UsageError
from workbench.results import Answer, Answers
from workbench.runtime.text import Tokens
from workbench.tasks.base import Array, ModelFiles, Outputs, Run, SessionLike
from workbench.tasks.scores import finite, softmax
from workbench.tasks.text_inputs import fields_of
from workbench.tasks.text_pipeline import TextPipeline

__all__ = ["PIPELINE", "Prepared", "QuestionAnswering"]

START, END = "start_logits", "end_logits"
# Questions and stretches of context are read together in so many tokens, where the model takes more.
MAX_SEQ_LEN = 384


@dataclass(frozen=True)
class Prepared:
    """The input, and the question with each stretch of the context. ``sequence`` tells which of both the context is."""

    question: str
    context: str
    windows: tuple[Tokens, ...]
    sequence: int


@dataclass(frozen=True)
class Candidate:
    """A span of tokens in a window, both ends included."""

    start: int
    end: int
    score: float


class QuestionAnswering(TextPipeline):
    """An input is ``{"question", "context"}``."""

    def __init__(self, files: ModelFiles, sessions: Mapping[str, SessionLike]) -> None:
        """Raises ModelError: no tokenizer, a graph that does not say where an answer begins and ends."""
        names = sessions["model"].output_names
        for name in (START, END):
            if name not in names:
                raise ModelError("graph-no-output", wanted=name, got=", ".join(names))
        super().__init__(files, sessions, (START, END), each_token=True)

    def preprocess(self, item: Any, params: Mapping[str, Any], run: Run) -> Prepared:
        """Raises InputError, UsageError."""
        values = fields_of(item, ("question", "context"))
        for name, value in values.items():
            if not value.strip():
                raise InputError("text-empty-field", name=name)
        question, context = values["question"], values["context"]
        limit = min(params.get("max_seq_len") or min(self._tokenizer.limit, MAX_SEQ_LEN), self._tokenizer.limit)
        stride = params.get("doc_stride")
        if stride is not None and stride >= limit:
            raise UsageError("usage-bad-param", name="doc_stride", value=stride, expected=f"less than {limit}")
        if most := params.get("max_question_len"):
            question = self._tokenizer.shortened(question, most)
        last = self._tokenizer.pads_left
        windows = self._tokenizer.windows(question, context, limit=limit, stride=stride, run=run, question_last=last)
        return Prepared(question, windows[0].text, tuple(windows), 0 if last else 1)

    def rows(self, prepared: Prepared) -> Sequence[Tokens]:
        return prepared.windows

    def joined(self, prepared: Prepared, rows: Sequence[Outputs]) -> Outputs:
        """``start_logits`` and ``end_logits``, float [tokens of all windows]."""
        return {name: np.concatenate([row[name][0] for row in rows]) for name in (START, END)}

    def postprocess(self, outputs: Outputs, prepared: Prepared, params: Mapping[str, Any], run: Run) -> Answers:
        aligned = params.get("align_to_words") is not False
        top_k, longest = params.get("top_k") or 1, params.get("max_answer_len") or 15
        # Several spans can become one when they are widened to whole words.
        wanted = 2 * top_k + 10 if aligned else top_k
        cuts = np.cumsum([len(window) for window in prepared.windows])[:-1]
        starts, ends = (np.split(outputs[name], cuts) for name in (START, END))
        found: dict[str, Answer] = {}
        nothing = 1.0
        for window, start_logits, end_logits in zip(prepared.windows, starts, ends, strict=True):
            allowed = self._allowed(window, prepared.sequence)
            start, end = _probabilities(start_logits, allowed), _probabilities(end_logits, allowed)
            nothing = min(nothing, float(start[0] * end[0]))
            start[0] = end[0] = 0  # says that there is no answer
            for span in _best_spans(start, end, wanted, longest):
                first, behind = _characters(window, span, prepared.sequence, aligned=aligned)
                text = prepared.context[first:behind]
                same = found.get(text.lower())
                if same:
                    found[text.lower()] = replace(same, score=same.score + span.score)
                else:
                    found[text.lower()] = Answer(text, span.score, first, behind)
        answers = list(found.values())
        if params.get("handle_impossible_answer"):
            answers.append(Answer("", nothing, 0, 0))
        answers.sort(key=lambda answer: -answer.score)
        return Answers(prepared.question, prepared.context, tuple(answers[:top_k]))

    def _allowed(self, window: Tokens, sequence: int) -> Array:
        """Whether each token may begin or end an answer: those of the context, and the one that says "none"."""
        allowed = np.array([number == sequence for number in window.encoding.sequence_ids])
        if self._tokenizer.cls_token and (cls_id := self._tokenizer.token_id(self._tokenizer.cls_token)) is not None:
            allowed |= np.array(window.ids) == cls_id
        return allowed


def _probabilities(logits: Array, allowed: Array) -> Array:
    """Softmax over the allowed tokens, 0 for the others. Raises EngineError where a logit is no number."""
    return softmax(np.where(allowed, finite(logits), np.float32(-10000)))


def _best_spans(start: Array, end: Array, count: int, longest: int) -> Iterator[Candidate]:
    """The likeliest spans of at most ``longest`` tokens, the best first; none that cannot be."""
    reach = min(longest, len(start))
    # A row for each first token, a column for each number of tokens behind it.
    padded = np.concatenate([end, np.zeros(reach - 1, end.dtype)])
    scores = start[:, None] * np.lib.stride_tricks.sliding_window_view(padded, reach)
    flat = scores.ravel()
    if count < len(flat):
        best = np.argpartition(-flat, count)[:count]
        best = best[np.argsort(-flat[best], kind="stable")]
    else:
        best = np.argsort(-flat, kind="stable")
    for place in best:
        first, more = divmod(int(place), reach)
        if flat[place] > 0:
            yield Candidate(first, first + more, float(flat[place]))


def _characters(window: Tokens, span: Candidate, sequence: int, *, aligned: bool) -> tuple[int, int]:
    """First character of a span in the context and the one behind its last; of whole words where ``aligned``."""
    encoding = window.encoding
    if aligned:
        words = [encoding.token_to_word(token) for token in (span.start, span.end)]
        first, last = (None if word is None else encoding.word_to_chars(word, sequence) for word in words)
        if first and last:  # some tokenizers know no words
            return first[0], last[1]
    return encoding.offsets[span.start][0], encoding.offsets[span.end][1]


PIPELINE = QuestionAnswering
