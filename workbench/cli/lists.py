"""Options whose value is a list with commas. Whatever is no such list is wrong use, before a model is looked for."""

from __future__ import annotations

from collections.abc import Sequence

from workbench.errors import UsageError
from workbench.providers import PROVIDERS

__all__ = ["numbers_of", "providers_of", "words_of"]

MAX_DIGITS = 9


def words_of(option: str, text: str | None) -> tuple[str, ...]:
    """The words of an option, each once; none where it was not given. Raises UsageError for one without words."""
    if text is None:
        return ()
    words = tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
    if not words:
        raise UsageError("usage-bad-list", option=option, value=text, expected="words with commas between them")
    return words


def providers_of(text: str | None, also: Sequence[str] = ()) -> tuple[str, ...]:
    """The providers that ``--provider`` names, or words of ``also``. Raises UsageError for a word that is neither."""
    words, known = words_of("--provider", text), (*also, *PROVIDERS)
    if not all(word in known for word in words):
        raise UsageError("usage-bad-list", option="--provider", value=text, expected=f"of {', '.join(known)}")
    return words


def numbers_of(option: str, text: str, least: int, most: int) -> tuple[int, ...]:
    """The whole numbers of an option, each once. Raises UsageError."""
    words = words_of(option, text)
    if not all(word.isdecimal() and len(word) <= MAX_DIGITS and least <= int(word) <= most for word in words):
        expected = f"whole number from {least} to {most}"
        raise UsageError("usage-bad-list", option=option, value=text, expected=expected)
    return tuple(dict.fromkeys(int(word) for word in words))
