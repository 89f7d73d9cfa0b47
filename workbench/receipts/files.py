"""Receipts on disk: ``<created>-<hash>.json``, each written once and never changed.

They travel with artifacts, so they may come from a stranger: everything is checked, sizes and numbers are bounded.
"""

from __future__ import annotations

import hashlib
import json
import re
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, Union

from workbench.errors import ModelError, Notice
from workbench.files import write_atomically
from workbench.receipts.receipt import RECEIPT_SCHEMA, Receipt, receipt_json
from workbench.versioned_json import load_document, schema_of, to_figure, to_text

__all__ = ["RECEIPTS", "StoredReceipts", "newest_receipt", "parse_receipt", "read_receipts", "write_receipt"]

# The folder in an artifact.
RECEIPTS = "receipts"
NAME = re.compile(r"\d{8}T\d{6,12}Z-[0-9a-f]{8}\.json")
MAX_BYTES = 16 << 20
# So many of the newest are listed.
MAX_LISTED = 500
MAX_TEXT = 10_000
MAX_ITEMS = 100_000
MAX_WHOLE = 1 << 62


@dataclass(frozen=True)
class StoredReceipts:
    """Receipts, newest first, and what could not be read."""

    receipts: tuple[Receipt, ...] = ()
    warnings: tuple[Notice, ...] = ()


def write_receipt(folder: Path, receipt: Receipt) -> Path:
    """Write a receipt into this folder of receipts, in one step; its file. Raises OSError."""
    text = json.dumps(receipt_json(receipt), ensure_ascii=False, indent=1, allow_nan=False) + "\n"
    when = re.sub(r"[-:.]|\+00:00", "", receipt.created).removesuffix("Z")
    path = folder / f"{when}Z-{hashlib.sha256(text.encode()).hexdigest()[:8]}.json"
    write_atomically(path, text)
    return path


def read_receipts(folder: Path, limit: int = MAX_LISTED) -> StoredReceipts:
    """All receipts of a folder of receipts. A broken one, and one of a newer workbench, is told and hides no other."""
    receipts: list[Receipt] = []
    warnings: list[Notice] = []
    try:
        names = sorted((path.name for path in folder.iterdir() if NAME.fullmatch(path.name)), reverse=True)
    except FileNotFoundError:
        return StoredReceipts()
    except OSError as error:
        return StoredReceipts((), (Notice.of("folder-unreadable", folder=folder, reason=error.strerror or error),))
    for name in names:
        try:
            receipts.append(_read(folder / name))
        except ModelError as error:
            warnings.append(Notice(error.code, error.arguments))
        if len(receipts) >= limit:
            break
    receipts.sort(key=lambda receipt: receipt.created, reverse=True)
    return StoredReceipts(tuple(receipts), tuple(warnings))


def newest_receipt(folder: Path) -> Receipt | None:
    """The last receipt that can be read."""
    return next(iter(read_receipts(folder, limit=1).receipts), None)


def parse_receipt(document: Any, path: Path) -> Receipt:
    """The receipt that a JSON value is; ``path`` is for messages. Raises ModelError."""
    try:
        schema = schema_of(document)
        if schema > RECEIPT_SCHEMA:
            raise ModelError("receipt-newer", file=path, schema=schema, known=RECEIPT_SCHEMA)
        receipt = _value(Receipt, document)
        assert isinstance(receipt, Receipt)
        for row in receipt.rows:
            _check_error(row.error)
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise ModelError("receipt-broken", file=path, reason=f"{type(error).__name__}: {error}"[:300]) from error
    return receipt


def _read(path: Path) -> Receipt:
    try:
        document = load_document(path, MAX_BYTES, follow_links=False)
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError("receipt-broken", file=path, reason=error) from error
    return parse_receipt(document, path)


def _value(hint: Any, value: Any) -> Any:
    """The value as this type says it; unknown fields of an object are passed over. Raises ValueError, TypeError."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if is_dataclass(hint) and isinstance(hint, type):
        return _object(hint, value)
    if origin is Literal:
        return _one_of(inner, value)
    if origin in (Union, types.UnionType):
        return None if value is None else _value(next(item for item in inner if item is not type(None)), value)
    if origin is tuple:
        return _row(inner, value)
    if origin is Mapping:
        if not isinstance(value, dict) or len(value) > MAX_ITEMS:
            raise ValueError("it is not a list of names and values")
        return {_text(name): _value(inner[1], item) for name, item in value.items()}
    if hint is Any:
        return value
    return {str: _text, int: _whole, float: to_figure}[hint](value)


def _object(cls: type, value: Any) -> Any:
    if not isinstance(value, dict):
        raise ValueError(f"it is no {cls.__name__}")
    hints = typing.get_type_hints(cls)
    found: dict[str, Any] = {}
    for item in fields(cls):
        if item.name in value:
            found[item.name] = _value(hints[item.name], value[item.name])
        elif item.default is MISSING and item.default_factory is MISSING:
            raise ValueError(f"{cls.__name__} lacks {item.name}")
    return cls(**found)


def _row(inner: tuple[Any, ...], value: Any) -> tuple[Any, ...]:
    if not isinstance(value, list) or len(value) > MAX_ITEMS:
        raise ValueError("it is not a list")
    if inner[-1] is Ellipsis:
        return tuple(_value(inner[0], item) for item in value)
    return tuple(_value(hint, item) for hint, item in zip(inner, value, strict=True))


def _one_of(known: tuple[Any, ...], value: Any) -> Any:
    if value not in known:
        raise ValueError(f"{value!r} is none of {known}"[:200])
    return value


def _text(value: Any) -> str:
    text = to_text(value)
    if len(text) > MAX_TEXT:
        raise ValueError(f"a text of more than {MAX_TEXT} characters")
    return text


def _whole(value: Any) -> int:
    if type(value) is not int or abs(value) > MAX_WHOLE:
        raise ValueError(f"{value!r}"[:100] + " is not a whole number")
    return value


def _check_error(error: Mapping[str, Any] | None) -> None:
    if error is not None:
        _text(error["code"])
        _text(error["message"])
        if not isinstance(error["arguments"], dict):
            raise ValueError("an error without arguments")
