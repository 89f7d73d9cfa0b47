"""The window's languages: English text → Chinese text, and codes of the core → text in either.

The English text itself is the key, so the source reads as it looks. Fields are filled in after the translation; a test
compares the fields of both languages and finds texts without a translation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from workbench.errors import Notice, WorkbenchError, sentence
from workbench.gui.languages import chinese, chinese_messages, english_messages
from workbench.gui.provider_names import provider_names
from workbench.messages import MESSAGES

if TYPE_CHECKING:
    from workbench.tasks.catalog import Param, TaskInfo

__all__ = [
    "Language",
    "choice_text",
    "current",
    "field_title",
    "message",
    "message_of",
    "param_help",
    "param_title",
    "resolve",
    "set_current",
    "task_title",
    "tr",
]

Language = Literal["en", "zh_CN"]

# Arguments of codes that hold what a user calls a provider, or several; some hold other things in other sentences.
# Names are put into Chinese sentences with spaces, which stay beside Latin letters alone.
BETWEEN_CHINESE = re.compile("(?<=[\u4e00-\u9fff]) (?=[\u4e00-\u9fff])")
PROVIDER_FIELDS = ("provider", "wanted", "got")

# One window, one language. The only state of this module; ``Appearance`` alone sets it.
_current: list[Language] = ["en"]


def current() -> Language:
    return _current[0]


def set_current(language: Language) -> None:
    _current[0] = language


def resolve(wish: str, system_languages: list[str]) -> Language:
    """The language for a setting (``system``, ``en``, ``zh_CN``) and the languages that the system prefers."""
    if wish == "system":
        first = system_languages[0] if system_languages else "en"
        return "zh_CN" if first.replace("-", "_").split("_")[0] == "zh" else "en"
    return "zh_CN" if wish == "zh_CN" else "en"


def tr(text: str, **fields: Any) -> str:
    """The text in the current language, with its fields filled in."""
    known = chinese.TEXTS.get(text, text) if current() == "zh_CN" else text
    return known.format(**fields) if fields else known


def message(code: str, arguments: Mapping[str, Any]) -> str:
    """The sentence of a code of the core, as a whole sentence."""
    text = _one_line(sentence(code, _with_titles(arguments), _text_of, tr(", ")))
    if current() == "zh_CN":
        return BETWEEN_CHINESE.sub("", text) + "。"
    # The name of a precision is written as it is.
    return (text if _text_of(code).startswith("{precision}") else text[:1].upper() + text[1:]) + "."


def _text_of(code: str) -> str:
    text = english_messages.MESSAGES.get(code) or MESSAGES[code]
    return chinese_messages.MESSAGES.get(code, text) if current() == "zh_CN" else text


def message_of(what: WorkbenchError | Notice) -> str:
    return message(what.code, what.arguments)


def task_title(task: str | None) -> str:
    """The title of a pipeline tag of the hub, ours or not; the tag itself where nobody has named it."""
    if task is None:
        return tr("Unknown task")
    if current() == "zh_CN" and task in chinese_messages.TASKS:
        return chinese_messages.TASKS[task]
    if task in _tasks():
        return _tasks()[task].title
    return english_messages.TASKS.get(task, task)


@cache
def _tasks() -> Mapping[str, TaskInfo]:
    """The tasks that there are. Nobody sees one before the window is shown, and they take a while to import."""
    from workbench.tasks.catalog import TASKS

    return TASKS


def param_title(param: Param) -> str:
    """The label of a parameter in a form."""
    if current() == "zh_CN" and param.name in chinese_messages.PARAMS:
        return chinese_messages.PARAMS[param.name]
    return english_messages.PARAMS.get(param.name, param.name.replace("_", " ").capitalize())


def param_help(param: Param) -> str:
    return chinese_messages.PARAM_HELP.get(param.help, param.help) if current() == "zh_CN" else param.help


def field_title(name: str) -> str:
    """The label of a field of a structured input, by its name in the hub's schemas."""
    table = chinese_messages.FIELDS if current() == "zh_CN" else english_messages.FIELDS
    return table.get(name, name.replace("_", " ").capitalize())


def choice_text(value: str) -> str:
    """The label of one of a parameter's choices."""
    table = chinese_messages.CHOICES if current() == "zh_CN" else english_messages.CHOICES
    return table.get(value, value)


def _with_titles(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments with providers as their makers write them and tasks by their titles, also in the sentences among
    them."""

    def shown(name: str, value: Any) -> Any:
        if isinstance(value, list):
            return [shown("", item) for item in value]
        if isinstance(value, dict) and "arguments" in value:
            return {**value, "arguments": _with_titles(value["arguments"])}
        if name == "task" and isinstance(value, str):
            title = task_title(value)  # in the middle of a sentence
            return title if title == value else title[:1].lower() + title[1:]
        if name in ("kind", "got") and value in ("text", "image", "audio"):
            return {"text": tr("text"), "image": tr("picture"), "audio": tr("sound")}[value]
        return provider_names(value) if name in PROVIDER_FIELDS else value

    return {name: shown(name, value) for name, value in arguments.items()}


def _one_line(text: str) -> str:
    """Names of files may hold control characters, which would break a label."""
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text)
