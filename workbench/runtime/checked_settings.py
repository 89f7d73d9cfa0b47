"""Values of a model's JSON file in the kinds that they must have: what else stands there is told with file and name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workbench.errors import ModelError

__all__ = ["MAX_ID", "CheckedSettings"]

MAX_ID = (1 << 31) - 1
MAX_SHOWN = 60


class CheckedSettings:
    """``values`` of ``file``. A value that is null counts as none; each method raises ModelError."""

    def __init__(self, values: Mapping[str, Any], file: Path) -> None:
        self._values, self._file = values, file

    def bad(self, name: str) -> ModelError:
        """The error for a value that makes no sense."""
        return ModelError("model-bad-setting", file=self._file, name=name, value=str(self._values[name])[:MAX_SHOWN])

    def count(self, name: str, *, least: int = 0, most: int = MAX_ID) -> int | None:
        """A whole number in this range: how many, or the id of a token."""
        value = self._values.get(name)
        if value is not None and not _is_count(value, least, most):
            raise self.bad(name)
        return value

    def needed(self, name: str, *, least: int = 0, default: int | None = None) -> int:
        """A whole number that the model cannot do without."""
        value = self.count(name, least=least)
        if value is None and default is None:
            raise ModelError("model-setting-missing", file=self._file, name=name)
        return default if value is None else value  # type: ignore[return-value]

    def figure(self, name: str, default: float) -> float:
        """A finite number over 0."""
        value = self._values.get(name)
        if value is None:
            return default
        if type(value) not in (int, float) or not 0 < value <= MAX_ID:
            raise self.bad(name)
        return float(value)

    def ids(self, name: str) -> tuple[int, ...]:
        """A list of ids of tokens; one alone counts as a list of one."""
        value = self._values.get(name)
        if value is None:
            return ()
        found = value if isinstance(value, list) else [value]
        if not all(_is_count(item, 0, MAX_ID) for item in found):
            raise self.bad(name)
        return tuple(found)

    def ids_by_name(self, name: str) -> dict[str, int]:
        """An object whose values are ids of tokens."""
        value = self._values.get(name)
        if value is None:
            return {}
        if not isinstance(value, dict) or not all(_is_count(item, 0, MAX_ID) for item in value.values()):
            raise self.bad(name)
        return dict(value)

    def ids_by_place(self, name: str) -> dict[int, int | None]:
        """A list of pairs, a position with the id of a token or null."""
        value = self._values.get(name)
        if value is None:
            return {}
        if not isinstance(value, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in value):
            raise self.bad(name)
        for place, token in value:
            if not _is_count(place, 0, MAX_ID) or not (token is None or _is_count(token, 0, MAX_ID)):
                raise self.bad(name)
        return dict(value)

    def flag(self, name: str, default: bool) -> bool:
        """True or false."""
        value = self._values.get(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self.bad(name)
        return value

    def text(self, name: str) -> str | None:
        """A text that is not empty."""
        value = self._values.get(name)
        if value is not None and not isinstance(value, str):
            raise self.bad(name)
        return value or None


def _is_count(value: Any, least: int, most: int) -> bool:
    return type(value) is int and least <= value <= most
