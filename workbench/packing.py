"""Results as bodies of messages: plain values, arrays as buffers."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Any, Union

from workbench.results import RESULT_TYPES, Result
from workbench.wire import Buffer

__all__ = ["pack", "unpack"]


def pack(result: Result) -> dict[str, Any]:
    """The result as the body of a message: its type's name and its fields, arrays as buffers."""
    return {"type": type(result).__name__, "fields": _pack(result)}


def unpack(body: Mapping[str, Any]) -> Result:
    """The result out of the body that :func:`pack` made. Arrays are read-only views of the message."""
    cls = RESULT_TYPES[body["type"]]
    return typing.cast(Result, _unpack(cls, body["fields"]))


def _pack(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, (type, Buffer)):
        return {field.name: _pack(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, tuple):
        return [_pack(item) for item in value]
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        return Buffer.of(value)
    return value


def _unpack(hint: Any, value: Any) -> Any:
    if isinstance(value, Buffer):
        return value.array()
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        hints = _hints(hint)
        return hint(**{name: _unpack(hints[name], item) for name, item in value.items()})
    origin = typing.get_origin(hint)
    if origin is tuple:
        return tuple(_unpack(typing.get_args(hint)[0], item) for item in value)
    if origin in (Union, types.UnionType) and value is not None:
        inner = [item for item in typing.get_args(hint) if item is not type(None)]
        return _unpack(inner[0], value)
    return value


def _hints(cls: type[Any]) -> dict[str, Any]:
    # Types of arrays exist for type checkers only: at run time an array is recognised by being a Buffer.
    return typing.get_type_hints(cls, localns={"FloatArray": object, "ByteArray": object})
