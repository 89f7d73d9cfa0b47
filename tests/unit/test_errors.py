from __future__ import annotations

import inspect
import pickle
import re
from pathlib import Path

import pytest

from workbench import errors
from workbench.errors import (
    Cancelled,
    EngineError,
    InputError,
    ModelError,
    Notice,
    UsageError,
    WorkbenchError,
    error_from_wire,
    error_to_wire,
)

CLASSES = [value for value in vars(errors).values() if inspect.isclass(value) and issubclass(value, WorkbenchError)]


def tree_of_the_docstring() -> list[tuple[str, str]]:
    """(class, parent) of each line of the drawn tree, from the depth of its indentation."""
    stack: list[tuple[int, str]] = []
    pairs = []
    for line in str(errors.__doc__).splitlines():
        match = re.match(r"( {4}[ │├└─]*)([A-Z]\w+)", line)
        if not match:
            continue
        depth, name = len(match[1]), match[2]
        while stack and stack[-1][0] >= depth:
            stack.pop()
        if stack:
            pairs.append((name, stack[-1][1]))
        stack.append((depth, name))
    return pairs


def test_the_tree_in_the_docstring_is_the_tree_of_classes() -> None:
    classes = [Cancelled, *CLASSES]
    assert sorted(tree_of_the_docstring()) == sorted((cls.__name__, cls.__bases__[0].__name__) for cls in classes)


def test_all_names_what_the_module_offers() -> None:
    public = [name for name, value in vars(errors).items() if getattr(value, "__module__", "") == errors.__name__]
    assert sorted(errors.__all__) == sorted(name for name in public if not name.startswith("_"))


def test_cancelled_is_no_error_of_the_app() -> None:
    assert not issubclass(Cancelled, WorkbenchError)


def test_an_error_says_its_sentence() -> None:
    error = UsageError("usage-unknown-task", task="sing", known="walk, talk")
    assert str(error) == "there is no task 'sing'; known tasks: walk, talk"
    assert error.code == "usage-unknown-task"
    assert error.arguments == {"task": "sing", "known": "walk, talk"}


def test_an_unknown_code_is_a_bug_at_once() -> None:
    with pytest.raises(KeyError, match="no-such-code"):
        UsageError("no-such-code")


def test_a_missing_argument_is_a_bug_at_once() -> None:
    with pytest.raises(KeyError, match="known"):
        UsageError("usage-unknown-task", task="sing")


@pytest.mark.parametrize("cls", CLASSES)
def test_each_error_survives_the_wire(cls: type[WorkbenchError]) -> None:
    error = cls("usage-unknown-task", task="sing", known="walk")
    back = error_from_wire(error_to_wire(error))
    # The base class itself stands for no area; a child that raises it says "the engine".
    assert type(back) is (EngineError if cls is WorkbenchError else cls)
    assert (str(back), back.code, back.arguments) == (str(error), error.code, error.arguments)


@pytest.mark.parametrize("cls", CLASSES)
def test_each_error_can_be_pickled(cls: type[WorkbenchError]) -> None:
    error = cls("usage-unknown-task", task="sing", known="walk")
    back = pickle.loads(pickle.dumps(error))
    assert (type(back), str(back), back.arguments) == (cls, str(error), error.arguments)


def test_paths_and_exceptions_become_text() -> None:
    error = ModelError("model-bad-file", file=Path("a") / "config.json", reason=ValueError("not JSON"))
    assert error.arguments == {"file": str(Path("a") / "config.json"), "reason": "not JSON"}


@pytest.mark.parametrize(
    "body", [{}, {"code": "of-a-newer-version", "message": "boom"}, {"code": 5, "arguments": None}]
)
def test_an_error_that_nobody_knows_is_shown_as_a_bug(body: dict[str, object]) -> None:
    error = error_from_wire(body)
    assert (type(error), error.code) == (EngineError, "engine-bug")
    assert str(body.get("message") or body.get("code")) in str(error)


def test_an_error_whose_arguments_do_not_fit_is_shown_as_a_bug() -> None:
    body = {"type": "InputError", "code": "usage-unknown-task", "message": "no sing", "arguments": {"tsk": "sing"}}
    error = error_from_wire(body)
    assert (type(error), error.code) == (EngineError, "engine-bug")
    assert "no sing" in str(error)


def test_a_type_that_nobody_knows_keeps_its_sentence() -> None:
    wire = error_to_wire(InputError("usage-unknown-task", task="sing", known="walk"))
    error = error_from_wire(wire | {"type": "SystemExit"})
    assert type(error) is EngineError
    assert str(error) == wire["message"]


def test_a_notice_survives_json_and_says_its_sentence() -> None:
    notice = Notice.of("model-file-missing", file=Path("model.onnx"))
    value = notice.to_json()
    assert value["message"] == str(notice)
    assert value["message"].startswith("model.onnx is missing")
    assert Notice.from_json(value) == notice


def test_what_a_damaged_file_has_in_the_place_of_a_number_is_cut() -> None:
    error = ModelError("model-bad-setting", file="config.json", name="size", value=[0] * 100_000)
    assert str(error).startswith("config.json sets size to [0, 0, 0,")
    assert str(error).endswith("…, which the workbench does not support")
    assert len(str(error)) < 250
    assert len(str(WorkbenchError("engine-bug", detail="x" * 10_000))) < 5000
