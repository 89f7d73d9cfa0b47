"""Every text of the views has its Chinese, with the same fields, and none is left over."""

from __future__ import annotations

import ast
import re
import string
from pathlib import Path

import workbench.gui.views
from workbench.gui.languages import chinese, chinese_views

VIEWS = Path(workbench.gui.views.__path__[0])
FILES = [*VIEWS.glob("*.py"), *(VIEWS.parent / "widgets" / f"{name}.py" for name in ("waveform", "picture"))]
CJK = re.compile(r"[\u4e00-\u9fff]")
TOUCHING = re.compile(r"[\u4e00-\u9fff][A-Za-z0-9{]|[A-Za-z0-9}%][\u4e00-\u9fff]")


def calls() -> list[ast.Call]:
    trees = [ast.parse(path.read_text("utf-8")) for path in FILES]
    nodes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [node for node in nodes if isinstance(node.func, ast.Name) and node.func.id == "tr"]


def fields_of(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_every_text_is_constant_and_gets_its_fields() -> None:
    assert calls()
    for call in calls():
        text = call.args[0]
        assert isinstance(text, ast.Constant), ast.unparse(call)
        assert fields_of(text.value) == {keyword.arg for keyword in call.keywords}, ast.unparse(call)


def test_the_table_has_the_texts_of_the_views_and_no_more() -> None:
    texts = {ast.literal_eval(call.args[0]) for call in calls()}
    assert texts - set(chinese.TEXTS) == set()
    assert set(chinese_views.TEXTS) - texts == set()


def test_chinese_texts_have_the_same_fields_and_are_set_as_such() -> None:
    for english, text in chinese_views.TEXTS.items():
        assert fields_of(text) == fields_of(english), english
        assert TOUCHING.findall(text) == [], english
        assert CJK.search(text), english
