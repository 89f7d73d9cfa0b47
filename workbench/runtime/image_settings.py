"""The values of a ``preprocessor_config.json``, each checked as it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

from workbench.errors import ModelError
from workbench.runtime.image_sizes import Bounded, Exact, Within

__all__ = ["Values"]

# No model takes more, and a file that asks for more would fill the memory.
MAX_SIDE_PX = 8192


@dataclass(frozen=True)
class Values:
    """The settings of one file over the defaults of its class."""

    file: Path
    values: Mapping[str, Any]

    def bad(self, name: str) -> ModelError:
        return ModelError("model-bad-setting", file=self.file, name=name, value=self.values.get(name))

    def flag(self, name: str) -> bool:
        value = self.values.get(name)
        if value not in (None, False, True):
            raise self.bad(name)
        return bool(value)

    def number(self, name: str) -> float:
        value = self.values.get(name)
        if not _is_number(value):
            raise self.bad(name)
        return float(value)

    def pixels(self, name: str) -> int:
        value = self.values.get(name)
        if not _is_length(value):
            raise self.bad(name)
        return int(value)

    def channels(self, name: str) -> tuple[float, ...]:
        """Three numbers, or one for all three channels."""
        value = self.values.get(name)
        rows: list[Any] = value if isinstance(value, list) else [value] * 3
        if len(rows) != 3 or not all(map(_is_number, rows)):
            raise self.bad(name)
        return tuple(float(item) for item in rows)

    def exact(self, name: str) -> Exact:
        """``[height, width]``, ``{"height", "width"}``, or one number for a square."""
        value = self._lengths(name, ("height", "width"))
        if set(value) != {"height", "width"}:
            raise self.bad(name)
        return Exact(value["height"], value["width"])

    def edge_or_exact(self, name: str) -> Exact | Bounded:
        """As :meth:`exact`, or ``{"shortest_edge"}``, which is also what one number means.

        ``longest_edge`` is refused: the classes of transformers with and without torchvision do not agree on it.
        """
        value = self._lengths(name, ("shortest_edge",))
        if set(value) == {"shortest_edge"}:
            return Bounded(value["shortest_edge"])
        return self.exact(name)

    def bounded(self, name: str, rule: Bounded) -> Exact | Bounded | Within:
        """``{"height", "width"}``, ``{"max_height", "max_width"}``, or ``{"shortest_edge", "longest_edge"}`` by
        ``rule``; of one number for the shortest edge, the longest is the setting ``max_size``."""
        value = self._lengths(name, ("shortest_edge",))
        if set(value) == {"shortest_edge"} and not isinstance(self.values.get(name), dict):
            value["longest_edge"] = self.pixels("max_size")
        names = set(value)
        if names == {"height", "width"}:
            return Exact(value["height"], value["width"])
        if names == {"max_height", "max_width"}:
            return Within(value["max_height"], value["max_width"])
        if names == {"shortest_edge", "longest_edge"}:
            return Bounded(value["shortest_edge"], value["longest_edge"], rule.detr, rule.down_to, rule.up_to)
        raise self.bad(name)

    def _lengths(self, name: str, number_is: tuple[str, ...]) -> dict[str, int]:
        value = self.values.get(name)
        if isinstance(value, int):
            value = dict.fromkeys(number_is, value)
        elif isinstance(value, list) and len(value) == 2:
            value = {"height": value[0], "width": value[1]}
        if not isinstance(value, dict) or not all(map(_is_length, value.values())):
            raise self.bad(name)
        return dict(value)


def _is_length(value: Any) -> TypeGuard[int]:
    return type(value) is int and 1 <= value <= MAX_SIDE_PX


def _is_number(value: Any) -> TypeGuard[int | float]:
    return type(value) in (int, float)
