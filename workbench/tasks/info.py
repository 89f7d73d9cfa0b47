"""What is said of a task: what it takes, its parameters, the graphs it needs, what it returns. Plain data."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from workbench.errors import UsageError

__all__ = ["Field", "Graphs", "InputKind", "Layout", "Modality", "Param", "TaskInfo", "check_needed", "check_params"]

InputKind = Literal["text", "image", "audio", "fields"]
Modality = Literal["text", "image", "audio"]
# The ONNX files that a pipeline needs, each entry a set of alternatives in order of preference.
Graphs = tuple[tuple[str, ...], ...]

MAX_SHOWN = 60
# What a parameter takes, by its type, for who gave something else.
EXPECTED: Mapping[type, str] = {
    bool: "true or false",
    float: "a number",
    int: "a whole number",
    list: "a list of texts",
    str: "a text",
}

ENCODER_DECODER: Graphs = (
    ("encoder_model",),
    # Older repositories have the decoder in two graphs, with and without a cache.
    ("decoder_model_merged", "decoder_model"),
    ("decoder_model_merged", "decoder_with_past_model"),
)


@dataclass(frozen=True)
class Param:
    """One parameter of a task, declared once for the form, ``--help`` and the REST schema.

    ``type`` is that of the value, ``list`` several texts (a tuple once it is checked); ``default`` None means "as the
    model's own files say", an empty list that some must be given. A bool with ``choices`` is yes, no, or one of them.
    """

    name: str
    type: type[int] | type[float] | type[str] | type[bool] | type[list[str]]
    default: int | float | str | bool | tuple[str, ...] | None
    help: str
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None

    @property
    def is_needed(self) -> bool:
        """Whether a run makes no sense without it."""
        return self.type is list and self.default == ()

    @property
    def words(self) -> tuple[str, ...]:
        """The words that may stand for it on a command line, where they can be listed."""
        return ("true", "false", *self.choices) if self.type is bool and self.choices else self.choices


@dataclass(frozen=True)
class Field:
    """One field of a structured input, by its name in the hub's schemas. ``texts`` is a list of them."""

    name: str
    kind: Literal["text", "texts", "image", "audio"] = "text"


@dataclass(frozen=True)
class Layout:
    """One kind of model that does a task.

    ``export_task`` is Optimum's name for what to export; ``architectures`` are endings of class names in a
    ``config.json``; ``graphs`` the ONNX files that come of it; ``files`` what must lie beside them.
    """

    export_task: str
    architectures: tuple[str, ...] = ()
    graphs: Graphs = (("model",),)
    files: tuple[str, ...] = ("tokenizer.json",)


@dataclass(frozen=True)
class TaskInfo:
    """A task. ``id`` is the hub's pipeline tag.

    ``input`` is what one input is; ``fields`` tells its parts when it is structured. ``gathers`` tasks work on all
    inputs of a call together (several texts make one similarity matrix). ``layouts`` are the kinds of models that do
    it, the usual one first. An export is verified by the task ``verified_as`` with the parameters ``verified_with``,
    where one sample alone is no input of the task itself.
    """

    id: str
    title: str
    input: InputKind
    result: str
    layouts: tuple[Layout, ...]
    verified_as: str = ""
    verified_with: Mapping[str, Any] = field(default_factory=dict)
    fields: tuple[Field, ...] = ()
    gathers: bool = False
    params: tuple[Param, ...] = ()

    @property
    def module(self) -> str:
        """The module of ``workbench.tasks`` that holds its pipeline."""
        return self.id.replace("-", "_")

    @property
    def modality(self) -> Modality:
        """What a model for it reads beside text, or text."""
        if self.input != "fields":
            return self.input
        kinds = {item.kind for item in self.fields}
        return "image" if "image" in kinds else "audio" if "audio" in kinds else "text"

    @property
    def architectures(self) -> tuple[str, ...]:
        """Endings of class names that do it; none where any encoder does."""
        return tuple(dict.fromkeys(name for layout in self.layouts for name in layout.architectures))

    def layout_for(self, architectures: tuple[str, ...]) -> Layout:
        """The layout of a model with these class names, the usual one where they do not tell."""
        return self.layouts_for(architectures)[0]

    def layouts_for(self, architectures: tuple[str, ...]) -> tuple[Layout, ...]:
        """The layouts that a model with these class names can have, all of them where they do not tell."""
        fitting = (item for item in self.layouts if any(name.endswith(item.architectures) for name in architectures))
        return tuple(fitting) or self.layouts


def check_params(task: TaskInfo, given: Mapping[str, Any]) -> dict[str, Any]:
    """All parameters of a task with their values: those given, converted and checked, else the defaults.

    Values may be strings, as a command line has them. Raises UsageError.
    """
    known = {param.name: param for param in task.params}
    for name in given:
        if name not in known:
            names = ", ".join(known) or "none"
            raise UsageError("usage-unknown-param", task=task.id, name=name, known=names)
    return {name: _convert(param, given[name]) if name in given else param.default for name, param in known.items()}


def check_needed(task: TaskInfo, params: Mapping[str, Any], inputs: Iterable[Any]) -> None:
    """Raises UsageError where an input is left without a list that must be given, in ``params`` or as a field of the
    input: to be asked before a model is loaded for nothing."""
    for name in (param.name for param in task.params if param.is_needed and not params.get(param.name)):
        if not all(isinstance(item, Mapping) and item.get(name) for item in inputs):
            raise UsageError("usage-param-needed", task=task.id, name=name)


def _convert(param: Param, value: Any) -> Any:
    expected = EXPECTED[param.type]
    if param.choices:
        expected = "one of " + ", ".join(param.words)
    try:
        if value is None:
            return None
        if param.type is list:
            return _texts(value)
        if param.type is bool and value in param.choices:
            return value
        if isinstance(value, str) and param.type is not str:
            value = json.loads(value.strip().lower() if param.type is bool else value)
        if param.type is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if type(value) is not param.type or (param.choices and param.type is not bool and value not in param.choices):
            raise ValueError
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError
    except (ValueError, RecursionError):
        shown = value[:MAX_SHOWN] + "…" if isinstance(value, str) and len(value) > MAX_SHOWN else value
        raise UsageError("usage-bad-param", name=param.name, value=shown, expected=expected) from None
    outside = isinstance(value, (int, float)) and (
        (param.minimum is not None and value < param.minimum) or (param.maximum is not None and value > param.maximum)
    )
    if outside:
        low = "…" if param.minimum is None else param.minimum
        high = "…" if param.maximum is None else param.maximum
        raise UsageError("usage-bad-param", name=param.name, value=value, expected=f"{low} to {high}")
    return value


def _texts(value: Any) -> tuple[str, ...]:
    """A list of texts; in a string, JSON or divided by commas. Raises ValueError."""
    if isinstance(value, str):
        listed = value.strip().startswith("[")
        value = json.loads(value) if listed else [part.strip() for part in value.split(",") if part.strip()]
    if not isinstance(value, (list, tuple)) or not all(isinstance(item, str) for item in value):
        raise ValueError
    return tuple(value)
