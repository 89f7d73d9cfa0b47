"""A text out of a text, by a model that was taught to answer instructions or questions of its own kind."""

from __future__ import annotations

from workbench.tasks.seq2seq_text import Seq2SeqText

__all__ = ["PIPELINE"]

PIPELINE = Seq2SeqText
