"""The tokens of a model that makes text: a prompt into ids, ids into text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tokenizers import Tokenizer

from workbench.runtime.tokenizer_file import cleaned, decoded, encoded, id_of, read_tokenizer, whole_characters
from workbench.runtime.tokenizer_settings import apply_settings
from workbench.tasks.base import ModelFiles, Run

__all__ = ["Vocabulary"]

# Under these names a tokenizer_config.json tells the tokens that are no text.
NAMES = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")


@dataclass(frozen=True)
class Vocabulary:
    """``tokenizer.json`` of a model that makes text. ``special_ids`` are tokens that are no text."""

    tokenizer: Tokenizer
    special_ids: frozenset[int]
    clean_up: bool

    @classmethod
    def of_model(cls, files: ModelFiles) -> Vocabulary:
        """Raises ModelError: no such file, or one that cannot be read."""
        tokenizer = read_tokenizer(files)
        # Settings for batches of equal length, which some files carry.
        tokenizer.no_truncation()
        tokenizer.no_padding()
        settings = files.read_json("tokenizer_config.json") or {}
        apply_settings(tokenizer, settings, files.config)
        return cls.of_tokenizer(tokenizer, settings)

    @classmethod
    def of_tokenizer(cls, tokenizer: Tokenizer, settings: Mapping[str, Any]) -> Vocabulary:
        """Of a tokenizer that is in use already; ``settings`` is tokenizer_config.json."""
        special = {number for number, token in tokenizer.get_added_tokens_decoder().items() if token.special}
        special |= {number for name in _named(settings) if (number := id_of(tokenizer, name)) is not None}
        return cls(tokenizer, frozenset(special), bool(settings.get("clean_up_tokenization_spaces", False)))

    def token_id(self, token: str) -> int | None:
        return id_of(self.tokenizer, token)

    def encode(self, text: str, run: Run, *, special: bool = True) -> list[int]:
        """The tokens of a text, with ``special`` those that the model wants around it; may be none. Raises InputError.

        A half of a surrogate pair that stands alone is no Unicode: it is read as U+FFFD, with a warning.
        """
        return list(encoded(self.tokenizer, whole_characters(text, run), special=special).ids)

    def decode(self, token_ids: Sequence[int]) -> str:
        """The text of these tokens, without special ones."""
        kept = [token for token in token_ids if token not in self.special_ids]
        text = decoded(self.tokenizer, kept)
        return cleaned(text) if self.clean_up else text


def _named(settings: Mapping[str, Any]) -> list[str]:
    """The special tokens of a ``tokenizer_config.json``, each a text or an object with its ``content``."""
    more = settings.get("additional_special_tokens")
    found = [settings.get(name) for name in NAMES] + (more if isinstance(more, list) else [])
    texts = [token.get("content") if isinstance(token, Mapping) else token for token in found]
    return [text for text in texts if isinstance(text, str)]
