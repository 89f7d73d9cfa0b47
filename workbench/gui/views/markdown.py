"""Markdown in pieces of bearable length, each drawn by a widget of its own: running text, code, tables.

A text that grows is divided anew from its last piece on; what came before is settled and is not looked at again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

__all__ = ["Piece", "Pieces", "clean"]

Kind = Literal["prose", "code", "table"]

# A piece of running text ends at the next paragraph once it has this many characters, and anywhere at the second
# number: laying out a piece must never take longer than a moment.
PROSE = 2_500
LONGEST = 5_000
# A larger table is shown as it was written: Qt takes a second for a thousand columns.
MAX_COLUMNS = 24
MAX_CELLS = 600

FENCE = re.compile(r"^([ \t]*)(`{3,}|~{3,})[ \t]*([^`\n]*)$")
DELIMITERS = re.compile(r"^ {0,3}\|?[ \t]*:?-+:?[ \t]*(\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$")
# What Qt takes for signs of its own: frames, objects, ends of blocks.
RESERVED = dict.fromkeys(map(ord, "\0\ufdd0\ufdd1\ufffc"), "\N{REPLACEMENT CHARACTER}")
LINE_ENDS = {0x2028: "\n", 0x2029: "\n\n", ord("\f"): "\n", ord("\v"): "\n"}


@dataclass(frozen=True)
class Piece:
    """A stretch of an answer. ``text`` of code is the code alone, ``info`` its language; ``start`` is where the piece
    begins in the whole text."""

    kind: Kind
    text: str
    start: int
    info: str = ""


class Pieces:
    """The pieces of one text that grows."""

    def __init__(self) -> None:
        self.all: list[Piece] = []
        self._text = ""

    def update(self, text: str) -> int:
        """Divide the text as it is now; the number of pieces that stayed as they were."""
        kept = len(self.all) - 1
        if kept < 0 or text[: self.all[kept].start] != self._text[: self.all[kept].start]:
            kept = 0
        start = self.all[kept].start if self.all and kept else 0
        self._text = text
        self.all[kept:] = _pieces(text, start)
        return kept


def clean(text: str) -> str:
    """The text without half characters, signs that Qt reserves, and line ends of other systems."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").translate(RESERVED).translate(LINE_ENDS)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _pieces(text: str, start: int) -> Iterator[Piece]:
    prose_from = at = start
    while at < len(text):
        end = _line_end(text, at)
        line = text[at:end].rstrip("\n")
        if fence := FENCE.match(line):
            yield from _prose(text, prose_from, at)
            body, after = _code(text, end, fence[1], fence[2])
            yield Piece("code", body, at, fence[3].strip()[:40])
            prose_from = at = after
        elif "|" in line and _is_delimiters(text[end : _line_end(text, end)]):
            after = _table_end(text, end)
            yield from _prose(text, prose_from, at)
            yield _table(text, at, after)
            prose_from = at = after
        elif at - prose_from >= PROSE and line and not line[0].isspace() and _begins(text, at):
            yield from _prose(text, prose_from, at)
            prose_from, at = at, end
        elif end - prose_from > LONGEST:
            cut = _cut(text, prose_from, at, end)
            yield from _prose(text, prose_from, cut)
            prose_from = at = cut
        else:
            at = end
    yield from _prose(text, prose_from, len(text))


def _line_end(text: str, at: int) -> int:
    """Behind the line that begins here, its end included."""
    return text.find("\n", at) + 1 or len(text)


def _begins(text: str, at: int) -> bool:
    """Whether a paragraph may begin here: the line before is empty, or there is none."""
    return at == 0 or text[text.rfind("\n", 0, at - 1) + 1 : at].isspace()


def _is_delimiters(line: str) -> bool:
    return "|" in line and DELIMITERS.match(line.rstrip("\n")) is not None


def _cut(text: str, start: int, line: int, end: int) -> int:
    """Where to divide a text without paragraphs: before this line, else at a space, else anywhere."""
    if line > start:
        return line
    limit = min(end, start + LONGEST)
    space = text.rfind(" ", start + LONGEST // 2, limit)
    return space + 1 if space > 0 else limit


def _prose(text: str, start: int, end: int) -> Iterator[Piece]:
    said = text[start:end].strip("\n")
    if said.strip():
        yield Piece("prose", said, start)


def _code(text: str, at: int, indent: str, fence: str) -> tuple[str, int]:
    """The code behind a fence that ends here, and where the text goes on. A fence may be open still."""
    lines: list[str] = []
    while at < len(text):
        end = _line_end(text, at)
        line = text[at:end].rstrip("\n")
        bare = line.strip()
        if len(bare) >= len(fence) and bare == fence[0] * len(bare):
            return "\n".join(lines), end
        lines.append(line.removeprefix(indent))
        at = end
    return "\n".join(lines), at


def _table_end(text: str, at: int) -> int:
    """Behind the last row of a table whose line of dashes begins here."""
    while at < len(text):
        end = _line_end(text, at)
        line = text[at:end]
        if "|" not in line or FENCE.match(line.rstrip("\n")):
            break
        at = end
    return at


def _table(text: str, start: int, end: int) -> Piece:
    said = text[start:end].strip("\n")
    rows = said.split("\n")
    columns = max(row.count("|") for row in rows[:2])
    if columns > MAX_COLUMNS or columns * len(rows) > MAX_CELLS or len(said) > 4 * LONGEST:
        return Piece("code", said, start)
    return Piece("table", said, start)
