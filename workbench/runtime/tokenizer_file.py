"""``tokenizer.json`` as every task reads it. The one place that knows how ``tokenizers`` fails.

Its errors are plain Exceptions, and its panics are not even that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from tokenizers import Encoding, Tokenizer

from workbench.errors import InputError, ModelError, WorkbenchError
from workbench.tasks.base import ModelFiles, Run

__all__ = ["cleaned", "decoded", "encoded", "id_of", "read_tokenizer", "whole_characters"]

FILE = "tokenizer.json"
# What `clean_up_tokenization_spaces` in a tokenizer_config.json stands for: these lose their spaces, in this order.
CLEANED = (" .", " ?", " !", " ,", " ' ", " n't", " 'm", " 's", " 've", " 're")
MAX_REASON = 300

T = TypeVar("T")


def read_tokenizer(files: ModelFiles) -> Tokenizer:
    """The tokenizer of a model, as it stands in the file. Raises ModelError: no such file, or a broken one."""
    path = files.folder / FILE
    if not path.is_file():
        raise ModelError("tokenizer-missing", file=path)

    def failed(reason: str) -> WorkbenchError:
        return ModelError("model-bad-file", file=path, reason=reason)

    return _guarded(lambda: Tokenizer.from_file(str(path)), failed)


def encoded(tokenizer: Tokenizer, text: str, pair: str | None = None, *, special: bool = True) -> Encoding:
    """The tokens of a text or of a pair, with ``special`` those that the model wants around it. Raises InputError."""
    return _guarded(
        lambda: tokenizer.encode(text, pair, add_special_tokens=special),
        lambda reason: InputError("text-not-encoded", reason=reason),
    )


def decoded(tokenizer: Tokenizer, token_ids: Sequence[int], *, special: bool = True) -> str:
    """The text of these tokens, with ``special`` the special ones as well. Raises InputError."""
    return _guarded(
        lambda: str(tokenizer.decode(list(token_ids), skip_special_tokens=not special)),
        lambda reason: InputError("text-not-encoded", reason=reason),
    )


def id_of(tokenizer: Tokenizer, token: str) -> int | None:
    """The id of a token of the vocabulary; None where it is none, as half of a surrogate pair is in no vocabulary."""
    try:
        number: int | None = tokenizer.token_to_id(token)
    except UnicodeEncodeError:
        return None
    return number


def cleaned(text: str) -> str:
    """Decoded text without the spaces that tokenizers leave before marks."""
    for found in CLEANED:
        text = text.replace(found, found.strip())
    return text


def whole_characters(text: str, run: Run) -> str:
    """The text with U+FFFD, and a warning, for each half of a surrogate pair that stands alone: it is no Unicode."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        repaired = "".join("\ufffd" if "\ud800" <= character <= "\udfff" else character for character in text)
        run.warn("text-repaired", count=sum(a != b for a, b in zip(text, repaired, strict=True)))
        return repaired
    return text


def _guarded(call: Callable[[], T], failed: Callable[[str], WorkbenchError]) -> T:
    try:
        return call()
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise failed(str(error)[:MAX_REASON] or type(error).__name__) from error
