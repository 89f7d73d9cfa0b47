"""Model cards: the YAML front matter of a README.md and the text below it.

A card is written by strangers: all its values are read as texts (no numbers, dates or merged mappings, each of which a
few lines can make endless), bounded in size and in what aliases can blow it up to, and a broken one costs its metadata,
not the model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workbench.errors import Notice

__all__ = ["Card", "parse_card", "read_card", "words_of"]

MAX_CARD_BYTES = 8 << 20
MAX_NODES = 100_000
MAX_DEPTH = 40

NOTHING = frozenset({"", "~", "null", "Null", "NULL"})


@dataclass(frozen=True)
class Card:
    """``metadata`` is the front matter: mappings, lists and texts; ``text`` is the Markdown below it."""

    metadata: Mapping[str, Any] = field(default_factory=dict)
    text: str = ""
    warnings: tuple[Notice, ...] = ()


class _TooMuch(Exception):
    """The front matter unfolds to more than any honest card has."""


def read_card(path: Path, *, shown: Path | None = None) -> Card:
    """The card in this file, of which warnings speak as ``shown``. Raises OSError."""
    with path.open("rb") as stream:
        data = stream.read(MAX_CARD_BYTES + 1)
    card = parse_card(data[:MAX_CARD_BYTES].decode("utf-8", "replace"), shown or path)
    if len(data) <= MAX_CARD_BYTES:
        return card
    cut = Notice.of("card-too-long", file=shown or path, limit_mib=MAX_CARD_BYTES >> 20)
    return Card(card.metadata, card.text, (*card.warnings, cut))


def parse_card(text: str, file: Path) -> Card:
    """Split and parse a card. Broken front matter becomes a warning that names ``file``."""
    front, body = _split(text)
    if front is None:
        return Card(text=body)
    import yaml  # not at the top: a listing whose index knows every card needs no parser

    # The C parser is the same loader, ten times as fast; a card with thousands of benchmark figures needs it.
    loader: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    try:
        budget = [MAX_NODES]
        value = _plain(yaml.load(front, Loader=loader), budget, 0)
    except (yaml.YAMLError, _TooMuch, ValueError, RecursionError) as error:
        return Card(text=body, warnings=(Notice.of("card-broken", file=file, reason=_one_line(error)),))
    if value is None or (isinstance(value, str) and value in NOTHING):
        return Card(text=body)
    if not isinstance(value, dict):
        reason = "its front matter is not a mapping"
        return Card(text=body, warnings=(Notice.of("card-broken", file=file, reason=reason),))
    return Card(value, body)


def words_of(value: Any) -> tuple[str, ...]:
    """A text or a list of texts, as cards have either; without what is empty."""
    items = value if isinstance(value, list) else [value]
    words = (item.strip() for item in items if isinstance(item, str))
    return tuple(word for word in words if word not in NOTHING)


def _split(text: str) -> tuple[str | None, str]:
    lines = text.removeprefix("\ufeff").lstrip().splitlines(keepends=True)
    if not lines or lines[0].strip() != "---":
        return None, text
    for number, line in enumerate(lines[1:], start=1):
        if line.rstrip() == "---":
            return "".join(lines[1:number]), "".join(lines[number + 1 :]).lstrip("\r\n")
    return None, text


def _plain(value: Any, budget: list[int], depth: int) -> Any:
    """A copy of the value. Counts what aliases repeat, so that a few lines cannot become gigabytes."""
    budget[0] -= 1
    if budget[0] < 0 or depth > MAX_DEPTH:
        raise _TooMuch("it unfolds to too much")
    if isinstance(value, dict):
        return {str(key): _plain(item, budget, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item, budget, depth + 1) for item in value]
    return value


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
