"""Everything that can go wrong for a user, as exceptions with a stable code.

    Exception
    ├─ Cancelled              the user stopped it; never an error text
    └─ WorkbenchError         a sentence for the user: what happened, to which file, what to do
       ├─ UsageError          the words of the command or the values of a setting are off (exit status 2)
       ├─ ModelError          a model in the library: not there, incomplete, damaged, cannot run
       ├─ InputError          what the user gave a model to work on: a text, a picture, a sound
       ├─ AudioError          a microphone or loudspeaker that cannot be had, or was lost
       ├─ ProviderError       an execution provider that cannot be had
       ├─ EngineError         the engine stopped, or a graph failed in it
       ├─ ExportError         an export that could not be finished
       └─ ToolchainError      the environment that exports: missing, broken, not installable

The English sentence of each code stands in :mod:`workbench.messages`; other languages belong to the GUI.
Anything that is not one of these is a bug, and is shown as one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from workbench.messages import MESSAGES

__all__ = [
    "AudioError",
    "Cancelled",
    "EngineError",
    "ExportError",
    "InputError",
    "ModelError",
    "Notice",
    "ProviderError",
    "ToolchainError",
    "UsageError",
    "WorkbenchError",
    "error_from_wire",
    "error_to_wire",
    "sentence",
]


MAX_VALUE, MAX_TEXT = 120, 4000


class Cancelled(Exception):
    """The user stopped what was running."""


class WorkbenchError(Exception):
    """A sentence for the user: the text of ``code`` in :data:`~workbench.messages.MESSAGES`, with ``arguments``."""

    def __init__(self, code: str, **args: Any) -> None:
        self.code = code
        self.arguments: dict[str, Any] = {name: _plain(value) for name, value in args.items()}
        super().__init__(_one_line(sentence(code, self.arguments, MESSAGES.__getitem__)))

    def __reduce__(self) -> Any:
        return _rebuild, (type(self), self.code, self.arguments)


class UsageError(WorkbenchError):
    """The words of the command or the values of a setting are off."""


class ModelError(WorkbenchError):
    """A model in the library: not there, incomplete, damaged, cannot run."""


class InputError(WorkbenchError):
    """What the user gave a model to work on."""


class AudioError(WorkbenchError):
    """A microphone or loudspeaker that cannot be had, or was lost."""


class ProviderError(WorkbenchError):
    """An execution provider that cannot be had."""


class EngineError(WorkbenchError):
    """The engine stopped, or a graph failed in it."""


class ExportError(WorkbenchError):
    """An export that could not be finished."""


class ToolchainError(WorkbenchError):
    """The environment that exports: missing, broken, not installable."""


@dataclass(frozen=True)
class Notice:
    """Something to know that stopped nothing: a warning in a scan or beside a result, the reason of a state.

    An argument may be a list of further ones, as :meth:`to_json` gives them: parts of a sentence. One that is given as
    an argument, or an error, becomes such a list, so that a reason is told in the language of the sentence around it.
    """

    code: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, code: str, **args: Any) -> Notice:
        return cls(code, {name: _plain(value) for name, value in args.items()})

    def __str__(self) -> str:
        return _one_line(sentence(self.code, self.arguments, MESSAGES.__getitem__))

    def to_json(self) -> dict[str, Any]:
        return {"code": self.code, "message": str(self), "arguments": dict(self.arguments)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Notice:
        return cls(value["code"], dict(value["arguments"]))


def sentence(code: str, arguments: Mapping[str, Any], text_of: Callable[[str], str], comma: str = ", ") -> str:
    """The sentence of a code with its fields filled in; ``text_of`` gives that of a code in some language, ``comma``
    stands between parts of a sentence, see :class:`Notice`."""

    def filled(value: Any) -> Any:
        if not (isinstance(value, list) and value and all(isinstance(item, dict) and "code" in item for item in value)):
            return _cut(value)
        return comma.join(sentence(item["code"], item["arguments"], text_of, comma) for item in value)

    return text_of(code).format(**{name: filled(value) for name, value in arguments.items()})


class _Cut(str):
    """A text that stands in a sentence as it is, also where a value would stand in quotes."""

    def __repr__(self) -> str:
        return str(self)


def _cut(value: Any) -> Any:
    """A value that a sentence can hold: of what a damaged file has in a number's place, the beginning says enough."""
    if isinstance(value, (list, dict)) and len(shown := repr(value)) > MAX_VALUE:
        return _Cut(shown[:MAX_VALUE] + "…")
    return value[:MAX_TEXT] + "…" if isinstance(value, str) and len(value) > MAX_TEXT else value


_ESCAPES = {number: f"\\x{number:02x}" for number in (*range(32), *range(127, 160))} | {10: "\\n", 13: "\\r", 9: "\\t"}
KINDS: dict[str, type[WorkbenchError]] = {
    cls.__name__: cls
    for cls in (UsageError, ModelError, InputError, AudioError, ProviderError, EngineError, ExportError, ToolchainError)
}


def error_to_wire(error: WorkbenchError) -> dict[str, Any]:
    """The body of an ``error`` message."""
    return {
        "type": type(error).__name__,
        "code": error.code,
        "message": str(error),
        "arguments": error.arguments,
    }


def error_from_wire(body: Mapping[str, Any]) -> WorkbenchError:
    """The exception that an ``error`` message stands for; one that this version cannot say is a bug of the child."""
    code, arguments = str(body.get("code")), dict(body.get("arguments") or {})
    try:
        return KINDS.get(str(body.get("type")), EngineError)(code, **arguments)
    except KeyError:  # an unknown code, or one whose sentence needs other arguments
        return EngineError("engine-bug", detail=str(body.get("message") or code))


def _one_line(text: str) -> str:
    """The text with control characters as escapes: names of files and what strangers wrote may hold any of them."""
    return text.translate(_ESCAPES)


def _plain(value: Any) -> Any:
    if isinstance(value, Notice):
        return [value.to_json()]
    if isinstance(value, WorkbenchError):
        return [error_to_wire(value)]
    return value if isinstance(value, (str, int, float, bool, list, dict, type(None))) else str(value)


def _rebuild(cls: type[WorkbenchError], code: str, arguments: dict[str, Any]) -> WorkbenchError:
    return cls(code, **arguments)
