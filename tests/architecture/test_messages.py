"""Every code has its sentence, every sentence its code, and both have the same fields. Read from the source."""

from __future__ import annotations

import ast
import string
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import exporters
import workbench
from workbench.errors import KINDS
from workbench.messages import MESSAGES

ROOTS = (Path(workbench.__file__).parent, Path(exporters.__file__).parent)
RAISED = {*KINDS, "WorkbenchError", "ExportFailure"}


@dataclass(frozen=True)
class Use:
    """A place that says a code. ``fields`` is None where the arguments are gathered elsewhere (``**values``)."""

    where: str
    code: str
    fields: frozenset[str] | None


def sources() -> Iterator[tuple[Path, ast.Module]]:
    for root in ROOTS:
        for path in sorted(root.rglob("*.py")):
            # The window's tables hold every code once more, in its languages, and say none.
            if path.name != "messages.py" and "languages" not in path.parts:
                yield path, ast.parse(path.read_text("utf-8"), str(path))


def says_a_code(call: ast.Call) -> bool:
    """``Error("code")``, ``Notice.of("code")``, ``run.warn("code")``."""
    match call.func:
        case ast.Name(name):
            return name in RAISED
        case ast.Attribute(ast.Name("Notice"), "of") | ast.Attribute(_, "warn"):
            return True
    return False


def constants(node: ast.expr) -> list[str]:
    """The texts an expression can be, where that is plain to see."""
    match node:
        case ast.Constant(str(text)):
            return [text]
        case ast.IfExp():
            return constants(node.body) + constants(node.orelse)
    return []


def uses() -> list[Use]:
    found = []
    for path, tree in sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and node.args and says_a_code(node):
                names = [keyword.arg for keyword in node.keywords]
                fields = None if None in names else frozenset(name for name in names if name)
                where = f"{path.parent.name}/{path.name}:{node.lineno}"
                found += [Use(where, code, fields) for code in constants(node.args[0])]
    return found


def fields_of(sentence: str) -> frozenset[str]:
    return frozenset(name for _, name, _, _ in string.Formatter().parse(sentence) if name)


USES = uses()


def test_there_is_something_to_look_at() -> None:
    assert len(USES) > 40


@pytest.mark.parametrize("use", USES, ids=lambda use: f"{use.where} {use.code}")
def test_a_code_that_is_said_has_a_sentence_with_its_fields(use: Use) -> None:
    assert use.code in MESSAGES
    if use.fields is not None:
        assert use.fields == fields_of(MESSAGES[use.code])


def test_every_sentence_is_said_somewhere() -> None:
    texts = {
        node.value
        for _, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert [code for code in MESSAGES if code not in texts] == []


@pytest.mark.parametrize("code", MESSAGES)
def test_a_sentence_is_one_clear_line(code: str) -> None:
    sentence = MESSAGES[code]
    assert sentence == sentence.strip()
    assert "\n" not in sentence
    assert not sentence.endswith(".")
    assert sentence[0].islower() or sentence[0] in "{`" or sentence.split()[0].isupper()
    assert code == code.lower()
    assert " " not in code
