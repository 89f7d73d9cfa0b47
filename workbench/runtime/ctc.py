"""Text out of a model that says a letter, or nothing, every few milliseconds (connectionist temporal classification).

Graves et al. 2006; the letters by ``vocab.json`` as transformers' ``Wav2Vec2CTCTokenizer`` reads them, else by a
``tokenizer.json`` with a CTC decoder, as other tools write it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.errors import ModelError
from workbench.runtime.tokenizer_file import cleaned
from workbench.runtime.tokenizer_settings import special_token
from workbench.tasks.base import ModelFiles

__all__ = ["Letter", "Letters"]

IntArray = np.ndarray[Any, np.dtype[np.int64]]
CLASSES = frozenset({"Wav2Vec2CTCTokenizer", "Wav2Vec2Tokenizer"})
# Special tokens that a vocabulary lacks get the ids behind it, in this order.
ROLES = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}


@dataclass(frozen=True)
class Letter:
    """A letter that was said from the step ``start`` up to ``end`` (exclusive)."""

    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Letters:
    """``names`` are the tokens by id; ``blank`` the one that says nothing; ``delimiter`` the one that ends a word, and
    is written as ``space``."""

    names: Mapping[int, str]
    blank: str
    delimiter: str | None
    unknown: str
    space: str = " "
    lower_case: bool = False
    clean_up: bool = False

    @classmethod
    def of_model(cls, files: ModelFiles) -> Letters:
        """Raises ModelError: neither file, one that cannot be read, a class of tokenizers that is not known."""
        settings = files.read_json("tokenizer_config.json") or {}
        named = settings.get("tokenizer_class") or files.config.get("tokenizer_class")
        path = files.folder / "tokenizer_config.json"
        if named and named.removesuffix("Fast") not in CLASSES:
            raise ModelError("model-bad-setting", file=path, name="tokenizer_class", value=named)
        vocabulary = files.read_json("vocab.json")
        if vocabulary is None:
            return cls._of_tokenizer_file(files, settings)
        language = str(settings.get("target_lang"))
        nested = bool(vocabulary) and all(isinstance(value, dict) for value in vocabulary.values())
        if nested and language not in vocabulary:
            raise ModelError("model-bad-setting", file=path, name="target_lang", value=language)
        specials = files.read_json("special_tokens_map.json") or {}
        roles = {
            role: special_token(role, settings, specials) or usual
            for role, usual in ROLES.items()
            if not (role in settings and settings[role] is None)
        }
        return cls(
            names=_names(files, vocabulary[language] if nested else vocabulary, settings, roles),
            blank=roles.get("pad_token", ""),
            delimiter=special_token("word_delimiter_token", {"word_delimiter_token": "|"} | settings, {}),
            unknown=roles.get("unk_token", ""),
            space=str(settings.get("replace_word_delimiter_char", " ")),
            lower_case=bool(settings.get("do_lower_case", False)),
            clean_up=bool(settings.get("clean_up_tokenization_spaces", False)),
        )

    @classmethod
    def _of_tokenizer_file(cls, files: ModelFiles, settings: Mapping[str, Any]) -> Letters:
        document, path = files.read_json("tokenizer.json"), files.folder / "tokenizer.json"
        if document is None:
            raise ModelError("model-file-missing", file=files.folder / "vocab.json")
        decoder = document.get("decoder") or {}
        try:
            names = {int(number): str(name) for name, number in document["model"]["vocab"].items()}
            names |= {int(token["id"]): str(token["content"]) for token in document.get("added_tokens") or ()}
            if decoder.get("type") != "CTC":
                raise ValueError("it has no CTC decoder")
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ModelError("model-bad-file", file=path, reason=error) from error
        return cls(
            names=names,
            blank=str(decoder.get("pad_token", "<pad>")),
            delimiter=str(decoder.get("word_delimiter_token", "|")),
            unknown=str(document["model"].get("unk_token") or special_token("unk_token", settings, {}) or "<unk>"),
            lower_case=bool(settings.get("do_lower_case", False)),
            clean_up=bool(decoder.get("cleanup", False)),
        )

    def letters(self, token_ids: IntArray) -> list[Letter]:
        """What was said: the likeliest token of each step, int64 [steps], repeated ones together, without blanks."""
        if not len(token_ids):
            return []
        # Two ids of one name (both unknown) are the same letter.
        known = list(dict.fromkeys(self._name(number) for number in np.unique(token_ids).tolist()))
        place = {name: n for n, name in enumerate(known)}
        ids, inverse = np.unique(token_ids, return_inverse=True)
        same = np.array([place[self._name(number)] for number in ids.tolist()], dtype=np.int64)[inverse]
        starts = np.flatnonzero(np.diff(same, prepend=-1))
        ends = np.append(starts[1:], len(same))
        blank = place.get(self.blank, -1)
        return [
            Letter(self.space if known[n] == self.delimiter else known[n], start, end)
            for n, start, end in zip(same[starts].tolist(), starts.tolist(), ends.tolist(), strict=True)
            if n != blank
        ]

    def text(self, letters: Sequence[Letter]) -> str:
        """These letters as one text."""
        text = "".join(letter.text for letter in letters).strip()
        if self.lower_case:
            text = text.lower()
        return cleaned(text) if self.clean_up else text

    def words(self, letters: Sequence[Letter]) -> Iterator[Letter]:
        """What stands between spaces, each word from its first letter's start to its last one's end."""
        word: list[Letter] = []
        for letter in [*letters, Letter(self.space, 0, 0)]:
            if letter.text != self.space:
                word.append(letter)
            elif word:
                yield Letter("".join(item.text for item in word), word[0].start, word[-1].end)
                word = []

    def _name(self, number: int) -> str:
        return self.names.get(number, self.unknown)


def _names(
    files: ModelFiles, vocabulary: Mapping[str, Any], settings: Mapping[str, Any], roles: Mapping[str, str]
) -> dict[int, str]:
    """Tokens by id: the vocabulary, tokens that were added to it, and special ones that it lacks behind them."""
    try:
        names = {int(number): str(name) for name, number in vocabulary.items()}
        added = {int(n): str(token["content"]) for n, token in (settings.get("added_tokens_decoder") or {}).items()}
        added |= {int(n): str(name) for name, n in (files.read_json("added_tokens.json") or {}).items()}
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ModelError("model-bad-file", file=files.folder / "vocab.json", reason=error) from error
    names |= added
    there = set(names.values())
    for name in dict.fromkeys(roles.values()):
        if name not in there:
            names[len(names)] = name
    return names
