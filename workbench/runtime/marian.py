"""What a ``tokenizer.json`` cannot say of Marian's tokenizer: two sentencepiece models over one vocabulary.

The exporter puts a mark before tokens that only the target's model has, and pieces that the vocabulary lacks behind it
(see ``exporters/marian_tokenizer.py``). A file that somebody else made has no marks, and is used as it stands.
"""

from __future__ import annotations

import re

from workbench.runtime.text import TextTokenizer
from workbench.tasks.base import Run

__all__ = ["MARK", "MarianReader"]

MARK = "\ue000"
CODE = re.compile(r">>.*?<<", re.DOTALL)


class MarianReader:
    """Text → ids, as ``MarianTokenizer`` of transformers reads it."""

    def __init__(self, texts: TextTokenizer, vocabulary_size: int) -> None:
        self._texts = texts
        self._size = vocabulary_size
        self._unknown = texts.token_id("<unk>")

    def __call__(self, text: str, run: Run) -> list[int]:
        """The tokens of a text, which may begin with the code of a target language (``>>fra<<``). Raises InputError."""
        code = CODE.match(text)
        ids: list[int] = []
        limit = self._texts.limit
        if code and self._unknown is not None:
            text, limit = text[code.end() :], limit - 1
            ids.append(self._id(code[0], self._unknown))
        encoding = self._texts.encode(text, run=run, limit=limit).encoding
        for token, number in zip(encoding.tokens, encoding.ids, strict=True):
            known = number != self._unknown and number < self._size
            ids.append(number if known or self._unknown is None else self._id(token, self._unknown))
        return ids

    def _id(self, token: str, otherwise: int) -> int:
        """Of a token that the source's model does not have, or that the vocabulary lacks."""
        number = self._texts.token_id(MARK + token)
        if number is None:
            number = self._texts.token_id(token)
        return otherwise if number is None or number >= self._size else number
