"""The window's texts: constant, translated, and with the same fields in both languages."""

from __future__ import annotations

import ast
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

import workbench.gui
from workbench.errors import EngineError, InputError, Notice
from workbench.gui import language
from workbench.gui.languages.chinese import TEXTS
from workbench.tasks.catalog import TASKS

GUI = Path(workbench.gui.__file__).parent
# What looks the same in both.
SAME = {"Ctrl+Enter", "JSON", "Offline AI Workbench"}


def calls() -> Iterator[tuple[str, ast.Call]]:
    for path in sorted(GUI.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "tr":
                yield f"{path.relative_to(GUI)}:{node.lineno}", node


def fields_of(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


CALLS = list(calls())


def test_there_is_something_to_look_at() -> None:
    assert len(CALLS) > 100


@pytest.mark.parametrize(("where", "call"), CALLS, ids=[where for where, _ in CALLS])
def test_a_text_is_constant_translated_and_gets_its_fields(where: str, call: ast.Call) -> None:
    text = call.args[0]
    assert isinstance(text, ast.Constant), "no f-string and no variable inside tr()"
    assert isinstance(text.value, str)
    assert text.value in TEXTS, f"{text.value!r} has no Chinese"
    assert fields_of(TEXTS[text.value]) == fields_of(text.value)
    assert {keyword.arg for keyword in call.keywords} == fields_of(text.value)


def test_no_translation_is_left_over() -> None:
    used = {call.args[0].value for _, call in CALLS if isinstance(call.args[0], ast.Constant)}
    assert set(TEXTS) - used == set()


def test_every_translation_is_chinese() -> None:
    def has_chinese(text: str) -> bool:
        return any("\u4e00" <= sign <= "\u9fff" for sign in text)

    def has_words(text: str) -> bool:
        return any(part.strip(" ,.·/()…:") for part, _, _, _ in string.Formatter().parse(text))

    missing = [text for text, chinese in TEXTS.items() if not has_chinese(chinese) and has_words(text)]
    assert set(missing) - SAME == set()


@pytest.mark.parametrize(
    ("wish", "system", "chosen"),
    [
        ("system", ["zh-CN", "en"], "zh_CN"),
        ("system", ["zh-Hans-CN"], "zh_CN"),
        ("system", ["de-DE", "zh-CN"], "en"),
        ("system", [], "en"),
        ("en", ["zh-CN"], "en"),
        ("zh_CN", ["en"], "zh_CN"),
    ],
)
def test_the_language_is_the_wish_or_the_systems_first(wish: str, system: list[str], chosen: str) -> None:
    assert language.resolve(wish, system) == chosen


def test_a_message_is_a_whole_sentence_in_either_language() -> None:
    error = InputError("input-not-found", file="a\nb.txt")
    try:
        assert language.message_of(error) == "There is no file a\\nb.txt."
        language.set_current("zh_CN")
        said = language.message_of(error)
    finally:
        language.set_current("en")
    assert "a\\nb.txt" in said
    assert said.endswith("。")


def test_a_message_calls_tasks_and_kinds_by_their_titles() -> None:
    error = EngineError("engine-stopped", doing=Notice.of("doing-run", model="a/b", task="fill-mask"), how="SIGKILL")
    lacking = InputError("samples-none", path="/s", task="sentence-similarity", kind="image")
    assert f"running a/b ({TASKS['fill-mask'].title.lower()})" in language.message_of(error)
    assert "for sentence similarity, which takes those of the kind 'picture'" in language.message_of(lacking)
    language.set_current("zh_CN")
    assert "任务句子相似度的样本" in language.message_of(lacking)
    assert "图片" in language.message_of(lacking)
