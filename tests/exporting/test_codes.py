"""The worker cannot see the app's messages, so this holds its codes and their arguments to them."""

from __future__ import annotations

import ast
import string
from pathlib import Path

import exporters
from workbench.messages import MESSAGES


def failures() -> list[tuple[str, set[str]]]:
    """Each ``ExportFailure("code", argument=…)`` in the exporter's source."""
    found = []
    for path in sorted(Path(exporters.__file__).parent.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "ExportFailure":
                assert isinstance(node.args[0], ast.Constant), path
                found.append((str(node.args[0].value), {str(item.arg) for item in node.keywords}))
    return found


def test_every_code_of_the_worker_has_a_sentence_with_the_same_fields() -> None:
    used = failures()
    assert len(used) > 10
    for code, arguments in used:
        fields = {name for _, name, _, _ in string.Formatter().parse(MESSAGES[code]) if name}
        assert fields == arguments, code
