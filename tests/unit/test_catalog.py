from __future__ import annotations

import inspect
from typing import Any

import pytest

from workbench.errors import UsageError
from workbench.results import RESULT_TYPES
from workbench.tasks.catalog import TASKS, Param, TaskInfo, check_params, same_graph, task_info

EXAMPLE = TaskInfo(
    id="example",
    title="",
    input="text",
    result="Labels",
    layouts=(),
    params=(
        Param("count", int, None, "", minimum=1, maximum=9),
        Param("share", float, 0.5, "", minimum=0),
        Param("name", str, "x", ""),
        Param("mode", str, "slow", "", choices=("slow", "fast")),
        Param("loud", bool, False, ""),
        Param("words", list, (), ""),
    ),
)


def test_what_is_not_given_has_its_default() -> None:
    assert check_params(EXAMPLE, {}) == {
        "count": None,
        "share": 0.5,
        "name": "x",
        "mode": "slow",
        "loud": False,
        "words": (),
    }


@pytest.mark.parametrize(
    ("name", "given", "value"),
    [
        ("count", "3", 3),
        ("count", 9, 9),
        ("count", None, None),
        ("share", "0.25", 0.25),
        ("share", 2, 2.0),
        ("share", "2", 2.0),
        ("name", "7", "7"),
        ("name", "", ""),
        ("mode", "fast", "fast"),
        ("loud", "true", True),
        ("loud", "True", True),
        ("loud", False, False),
        ("words", "", ()),
        ("words", "a, b c,,d", ("a", "b c", "d")),
        ("words", '["a, b", "c"]', ("a, b", "c")),
        ("words", ["a", "b"], ("a", "b")),
    ],
)
def test_values_are_converted(name: str, given: Any, value: Any) -> None:
    got = check_params(EXAMPLE, {name: given})[name]
    assert got == value
    assert type(got) is type(value)


@pytest.mark.parametrize(
    ("name", "given", "says"),
    [
        ("count", "three", "a whole number"),
        ("count", "3.5", "a whole number"),
        ("count", 3.0, "a whole number"),
        ("count", True, "a whole number"),
        ("count", "true", "a whole number"),
        ("count", "0", "1 to 9"),
        ("count", 10, "1 to 9"),
        ("count", "[1]", "a whole number"),
        ("share", "-0.1", "0 to …"),
        ("share", True, "a number"),
        ("share", "NaN", "a number"),
        ("share", "Infinity", "a number"),
        ("share", float("nan"), "a number"),
        ("name", 7, "a text"),
        ("mode", "idle", "one of slow, fast"),
        ("loud", "1", "true or false"),
        ("loud", "yes", "true or false"),
        ("loud", 1, "true or false"),
        ("words", "[1]", "a list of texts"),
        ("words", "[a", "a list of texts"),
        ("words", 7, "a list of texts"),
        pytest.param("words", "[" * 100_000, "a list of texts", id="nested"),
    ],
)
def test_other_values_are_refused_with_what_was_expected(name: str, given: Any, says: str) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        check_params(EXAMPLE, {name: given})
    assert caught.value.code == "usage-bad-param"
    assert name in str(caught.value)
    assert len(str(caught.value)) < 200


def test_an_unknown_parameter_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="count, share, name, mode, loud, words"):
        check_params(EXAMPLE, {"volume": 1})


def test_an_unknown_task_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="text-classification") as caught:
        task_info("telepathy")
    assert "telepathy" in str(caught.value)


@pytest.mark.parametrize("task", TASKS.values(), ids=lambda task: task.id)
class TestEachTask:
    def test_is_found_by_its_id(self, task: TaskInfo) -> None:
        assert task_info(task.id) is task

    def test_returns_a_known_type(self, task: TaskInfo) -> None:
        assert task.result in RESULT_TYPES

    def test_names_its_fields_when_its_input_is_structured(self, task: TaskInfo) -> None:
        assert bool(task.fields) == (task.input == "fields")

    def test_has_defaults_that_pass_its_own_checks(self, task: TaskInfo) -> None:
        defaults = check_params(task, {})
        assert check_params(task, defaults) == defaults

    def test_is_verified_by_a_task_that_exists(self, task: TaskInfo) -> None:
        other = task_info(task.verified_as or task.id)
        assert check_params(other, task.verified_with) is not None
        assert same_graph(other.id, task.id)

    def test_explains_every_parameter(self, task: TaskInfo) -> None:
        assert task.title
        assert all(inspect.cleandoc(param.help) for param in task.params)
