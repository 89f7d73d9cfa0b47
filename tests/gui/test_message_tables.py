"""The window's tables: every code, task, parameter and choice has its text in both languages, with the same fields."""

from __future__ import annotations

import re
import string

import pytest

from workbench.gui.languages import chinese_messages as chinese
from workbench.gui.languages import english_messages as english
from workbench.messages import MESSAGES
from workbench.tasks.catalog import TASKS

OPTION = re.compile(r"(?<![\w-])--[a-z]")
COMMAND = re.compile(r"`workbench ")
CJK = re.compile(r"[\u4e00-\u9fff]")
# A Chinese character beside a Latin letter, a digit or a field, with no space between them.
TOUCHING = re.compile(r"[\u4e00-\u9fff][A-Za-z0-9{`]|[A-Za-z0-9}`%][\u4e00-\u9fff]")
# Chinese text has marks of its own; those of names of files and of numbers stand between Latin letters or digits.
HALF_WIDTH = re.compile(r"[,;:?!()\"']|\.(?![A-Za-z0-9])")
# Names of functions, which are the same in every language.
KEPT = {"softmax", "sigmoid"}

# A code without a Chinese sentence fails one test, not all of them.
CODES = [code for code in MESSAGES if code in chinese.MESSAGES]
PARAMS = [param for task in TASKS.values() for param in task.params]


def fields_of(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name is not None}


def shown_in_english(code: str) -> str:
    return english.MESSAGES.get(code, MESSAGES[code])


def test_every_code_has_a_chinese_sentence() -> None:
    assert [code for code in MESSAGES if code not in chinese.MESSAGES] == []


def test_no_table_has_a_code_that_the_core_does_not_know() -> None:
    assert [code for code in (*chinese.MESSAGES, *english.MESSAGES) if code not in MESSAGES] == []


def test_no_code_stands_in_two_tables() -> None:
    assert len(chinese.MESSAGES) == sum(len(table) for table in chinese.TABLES)


def test_the_english_table_has_only_what_it_says_otherwise() -> None:
    assert [code for code, text in english.MESSAGES.items() if text == MESSAGES[code]] == []


@pytest.mark.parametrize("code", CODES)
def test_the_fields_are_those_of_the_core(code: str) -> None:
    wanted = fields_of(MESSAGES[code])
    assert fields_of(chinese.MESSAGES[code]) == wanted
    assert fields_of(shown_in_english(code)) == wanted


@pytest.mark.parametrize("code", CODES)
def test_no_sentence_speaks_of_the_command_line(code: str) -> None:
    for sentence in (shown_in_english(code), chinese.MESSAGES[code]):
        assert not OPTION.search(sentence)
        assert not COMMAND.search(sentence)


@pytest.mark.parametrize("code", CODES)
def test_a_chinese_sentence_is_chinese_and_set_as_such(code: str) -> None:
    sentence = chinese.MESSAGES[code]
    assert CJK.search(sentence)
    assert sentence == sentence.strip()
    assert not sentence.endswith("。")
    assert TOUCHING.findall(sentence) == []
    assert HALF_WIDTH.findall(sentence) == []


@pytest.mark.parametrize("code", english.MESSAGES)
def test_an_english_sentence_begins_and_ends_as_those_of_the_core(code: str) -> None:
    sentence = english.MESSAGES[code]
    assert sentence[0].islower() or sentence[0] == "{"
    assert not sentence.endswith(".")


def test_both_languages_name_the_same_tasks() -> None:
    assert set(english.TASKS).isdisjoint(TASKS)
    assert set(chinese.TASKS) == {*TASKS, *english.TASKS}


def test_every_param_has_a_label_and_a_help_in_chinese() -> None:
    names = {param.name for param in PARAMS}
    assert set(chinese.PARAMS) == names
    assert set(english.PARAMS) == names
    assert set(chinese.PARAM_HELP) == {param.help for param in PARAMS}


def test_every_choice_has_a_label() -> None:
    choices = {choice for param in PARAMS for choice in param.choices} - KEPT
    assert set(chinese.CHOICES) == choices
    assert set(english.CHOICES) == choices


@pytest.mark.parametrize("table", ["TASKS", "PARAMS", "PARAM_HELP", "CHOICES"])
def test_no_chinese_label_is_left_in_english(table: str) -> None:
    texts: dict[str, str] = getattr(chinese, table)
    assert [text for text in texts.values() if not CJK.search(text) or TOUCHING.search(text)] == []


def test_no_two_tasks_or_params_have_one_name() -> None:
    for texts in (chinese.TASKS, {**{info.id: info.title for info in TASKS.values()}, **english.TASKS}):
        assert len(set(texts.values())) == len(texts)
    for labels in (chinese.PARAMS, english.PARAMS):
        assert len(set(labels.values())) == len(labels)
