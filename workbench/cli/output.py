"""What the command line prints: tables, sizes, times, one progress line. JSON goes to stdout, the rest around it."""

from __future__ import annotations

import json
import sys
import time
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

from workbench.units import duration

__all__ = ["ProgressLine", "cut", "print_json", "printable", "table"]

REDRAW_S = 0.1


def print_json(value: Any) -> None:
    """One JSON document on stdout. Numbers that JSON does not know (NaN) become null rather than break a reader."""
    text = json.dumps(_finite(value), ensure_ascii=False, indent=2, allow_nan=False)
    sys.stdout.write(text.encode("utf-8", "backslashreplace").decode("utf-8") + "\n")


def printable(text: str, *, keep: str = "") -> str:
    """The text with control characters as escapes, which could steer the terminal; those in ``keep`` stay."""
    return "".join(c if c in keep or unicodedata.category(c) != "Cc" else repr(c)[1:-1] for c in text)


def cut(text: str, width: int) -> str:
    """The text in at most so many columns; wide characters count as two."""
    if _width(text) <= width:
        return text
    kept = text
    while _width(kept) > width - 1:
        kept = kept[:-1]
    return kept + "…"


def table(headings: Sequence[str], rows: Iterable[Sequence[object]], right: Sequence[int] | range = ()) -> str:
    """Columns two spaces apart, those in ``right`` aligned to the right; wide characters count as two."""
    cells = [list(headings), *([printable(str(cell)) for cell in row] for row in rows)]
    widths = [max(_width(row[n]) for row in cells) for n in range(len(headings))]
    lines = []
    for row in cells:
        padded = []
        for n, cell in enumerate(row):
            blank = " " * (widths[n] - _width(cell))
            padded.append(blank + cell if n in right else cell + blank)
        lines.append("  ".join(padded).rstrip())
    return "\n".join(lines)


class ProgressLine:
    """One line on stderr: redrawn on a terminal, else printed once per stage."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._live = self._stream.isatty()
        self._stage = ""
        self._shown = 0
        self._drawn = 0.0
        self._started = time.monotonic()

    def show(self, stage: str, done: float = 0, total: float = 0, unit: str = "") -> None:
        """Show a stage and, where it is known, how much of it is done."""
        elapsed = duration(time.monotonic() - self._started)
        text = f"[{elapsed:>9}] {stage}"
        if total:
            text += f" {done:.0f}/{total:.0f} {unit}"
        new = stage != self._stage
        self._stage = stage
        if not self._live:
            if new:
                print(text, file=self._stream, flush=True)
            return
        if new or done >= total or time.monotonic() - self._drawn > REDRAW_S:
            self._drawn = time.monotonic()
            self._stream.write("\r" + text + " " * max(0, self._shown - len(text)))
            self._stream.flush()
            self._shown = len(text)

    def clear(self) -> None:
        """Make room for other output."""
        if self._live and self._shown:
            self._stream.write("\r" + " " * self._shown + "\r")
            self._stream.flush()
            self._shown = 0


def _finite(value: Any) -> Any:
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 0 if unicodedata.combining(c) else 1 for c in text)
