"""Model cards, honest and hostile."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from workbench.library import cards
from workbench.library.cards import parse_card, read_card, words_of

FILE = Path("README.md")


def laughs(opening: str) -> str:
    """A few lines that unfold to a thousand million: each level repeats the one before nine times."""
    lines = ["a: &a {x: 1}"]
    for before, name in zip("abcdefgh", "bcdefghi", strict=True):
        lines.append(f"{name}: &{name} {opening % ', '.join([f'*{before}'] * 9)}")
    return "\n".join(lines)


def test_metadata_and_text() -> None:
    card = parse_card("\ufeff---\r\nlicense: mit\r\ntags: [a, b]\r\nmore: {x: 1}\r\n---\r\n\r\n# Title\r\n", FILE)
    assert card.metadata == {"license": "mit", "tags": ["a", "b"], "more": {"x": "1"}}
    assert card.text == "# Title\r\n"
    assert card.warnings == ()


@pytest.mark.parametrize("text", ["# Title\n", "", "---\nnever: closed\n", "----\na: b\n---\n"])
def test_without_front_matter(text: str) -> None:
    card = parse_card(text, FILE)
    assert (card.metadata, card.text) == ({}, text)


@pytest.mark.parametrize("front", ["", "# nothing", "~", "null"])
def test_empty_front_matter(front: str) -> None:
    card = parse_card(f"---\n{front}\n---\nText", FILE)
    assert (card.metadata, card.text, card.warnings) == ({}, "Text", ())


def test_norwegian_is_no_boolean_and_a_version_no_number() -> None:
    card = parse_card("---\nlanguage: [no, en]\nv: 1.10\nday: 2024-01-01\n---\n", FILE)
    assert card.metadata == {"language": ["no", "en"], "v": "1.10", "day": "2024-01-01"}


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("mit", ("mit",)),
        ([" a ", "b", ["c"], {"d": "e"}, ""], ("a", "b")),
        (None, ()),
        ("", ()),
        ("null", ()),
        ({"a": "b"}, ()),
    ],
)
def test_words(value: object, words: tuple[str, ...]) -> None:
    assert words_of(value) == words


@pytest.mark.parametrize(
    "front",
    [
        "a: [",
        "a: b: c",
        "\tx: y",
        "- a list",
        "just a text",
        "? [a]\n: b",
        "a: &a [*a]",
        "a: *nowhere",
        "a: " + "[" * 100_000,
        "".join("  " * depth + "a:\n" for depth in range(2000)),
        laughs("[%s]"),
        laughs("{k: [%s]}"),
        laughs("{<<: [%s]}"),
    ],
    ids=[
        "cut off",
        "two colons",
        "a tab",
        "a list",
        "a text",
        "a list as key",
        "a circle",
        "an alias of nothing",
        "deep flow",
        "deep block",
        "laughs in lists",
        "laughs in maps",
        "laughs in merged maps",
    ],
)
def test_broken_front_matter_costs_the_metadata_only(front: str) -> None:
    began = time.process_time()
    card = parse_card(f"---\n{front}\n---\nText", FILE)
    assert time.process_time() - began < 2
    assert card.metadata == {}
    assert card.text == "Text"
    (warning,) = card.warnings
    assert warning.code == "card-broken"
    assert "\n" not in str(warning)


@pytest.mark.parametrize(
    "front",
    [
        "a: " + "1:" * 100_000 + "1",
        "a: !!timestamp x\nb: !!int ''\nc: !!python/name:os.system ''",
    ],
    ids=["a number to base 60", "tags"],
)
def test_what_makes_other_readers_work_for_hours_is_a_text_like_any(front: str) -> None:
    began = time.process_time()
    card = parse_card(f"---\n{front}\n---\n", FILE)
    assert time.process_time() - began < 2
    assert "a" in card.metadata


def test_a_card_without_end_is_cut_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cards, "MAX_CARD_BYTES", 1 << 20)
    path = tmp_path / "README.md"
    path.write_bytes(b"---\nlicense: mit\n---\n" + b"x" * (2 << 20))
    card = read_card(path)
    assert card.metadata == {"license": "mit"}
    assert len(card.text) < 1 << 20
    assert [warning.code for warning in card.warnings] == ["card-too-long"]


def test_a_card_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_bytes(b"---\nlicense: mi\xfft\n---\n\xff\xfe")
    card = read_card(tmp_path / "README.md")
    assert card.metadata == {"license": "mi\ufffdt"}
