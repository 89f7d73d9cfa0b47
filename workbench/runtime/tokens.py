"""The tokens of a model that makes text: a prompt into ids, ids into text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tokenizers import Tokenizer

from workbench.errors import InputError, ModelError
from workbench.tasks.base import ModelFiles

__all__ = ["Vocabulary"]

FILE = "tokenizer.json"
# What `clean_up_tokenization_spaces` in tokenizer_config.json stands for.
CLEAN_UP = (
    (" .", "."),
    (" ?", "?"),
    (" !", "!"),
    (" ,", ","),
    (" ' ", "'"),
    (" n't", "n't"),
    (" 'm", "'m"),
    (" 's", "'s"),
    (" 've", "'ve"),
    (" 're", "'re"),
)


@dataclass(frozen=True)
class Vocabulary:
    """``tokenizer.json`` of a model. ``special_ids`` are tokens that are no text."""

    tokenizer: Tokenizer
    special_ids: frozenset[int]
    clean_up: bool

    @classmethod
    def of_model(cls, files: ModelFiles) -> Vocabulary:
        """Raises ModelError: no such file, or one that cannot be read."""
        path = files.folder / FILE
        if not path.is_file():
            raise ModelError("model-file-missing", file=path)
        try:
            tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # the library raises nothing narrower
            raise ModelError("model-bad-file", file=path, reason=str(error)[:300]) from error
        special = frozenset(number for number, token in tokenizer.get_added_tokens_decoder().items() if token.special)
        # Settings for batches of equal length, which some files carry.
        tokenizer.no_truncation()
        tokenizer.no_padding()
        settings = files.read_json("tokenizer_config.json") or {}
        return cls(tokenizer, special, bool(settings.get("clean_up_tokenization_spaces", False)))

    def token_id(self, token: str) -> int | None:
        number: int | None = self.tokenizer.token_to_id(token)
        return number

    def encode(self, text: str) -> list[int]:
        """The tokens of a text, with those that the model wants around it. Raises InputError."""
        try:
            ids: list[int] = self.tokenizer.encode(text).ids
        except BaseException as error:  # a panic in the library's Rust code is no Exception
            if type(error).__name__ != "PanicException":
                raise
            raise InputError("text-not-encoded", reason=str(error)[:300]) from error
        return ids

    def decode(self, token_ids: Sequence[int]) -> str:
        """The text of these tokens, without special ones."""
        text: str = self.tokenizer.decode(
            [token for token in token_ids if token not in self.special_ids], skip_special_tokens=False
        )
        if self.clean_up:
            for found, kept in CLEAN_UP:
                text = text.replace(found, kept)
        return text
