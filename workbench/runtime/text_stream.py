"""Text of tokens as they come: whole characters only, and nothing of a text that ends the answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

__all__ = ["REPLACEMENT", "StopTexts", "TextStream"]

# What byte-level decoders put in the place of bytes that are no whole character.
REPLACEMENT = "\ufffd"


class TextStream:
    """Text of tokens that come one after the other, by whole characters.

    A token may hold a part of a character, and what it adds may depend on its neighbours (a space that opens a text is
    dropped by some tokenizers): new text is what the tokens since the last whole character add behind those before.
    """

    def __init__(self, decode: Callable[[Sequence[int]], str], before: Sequence[int] = ()) -> None:
        self._decode = decode
        self._tokens = list(before)
        self._settled = 0  # tokens before this one are not needed any more
        self._read = len(before)  # the text of tokens before this one is given out
        self.text = ""

    def add(self, *tokens: int) -> str:
        """What these tokens add to :attr:`text`, which may be nothing yet."""
        self._tokens += tokens
        known = self._decode(self._tokens[self._settled : self._read])
        now = self._decode(self._tokens[self._settled :])
        if len(now) <= len(known) or now.endswith(REPLACEMENT):
            return ""
        self._settled, self._read = self._read, len(self._tokens)
        self.text += now[len(known) :]
        return now[len(known) :]


class StopTexts:
    """Texts before which an answer ends, the first one that comes. Empty ones do not count."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._texts = tuple(text for text in texts if text)

    def __bool__(self) -> bool:
        return bool(self._texts)

    def cut(self, text: str) -> str | None:
        """The text up to the first of them, None where there is none."""
        places = [place for stop in self._texts if (place := text.find(stop)) >= 0]
        return text[: min(places)] if places else None

    def shown(self, text: str) -> str:
        """The text up to the first of them, or without an end that may become one."""
        before = self.cut(text)
        if before is not None:
            return before
        held = max((_overlap(text, stop) for stop in self._texts), default=0)
        return text[: len(text) - held]


def _overlap(text: str, stop: str) -> int:
    """How many characters at the end of a text are a beginning of ``stop``."""
    return next((n for n in range(min(len(stop) - 1, len(text)), 0, -1) if text.endswith(stop[:n])), 0)
