"""What a text says, shorter. The reference is transformers' ``pipeline("summarization")``."""

from __future__ import annotations

from workbench.tasks.seq2seq_text import Seq2SeqText

__all__ = ["PIPELINE", "Summarization"]


class Summarization(Seq2SeqText):
    """An input is a text; a prefix that the model wants (T5) is put before it."""

    task = "summarization"
    key = "summary_text"


PIPELINE = Summarization
