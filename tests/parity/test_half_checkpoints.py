"""Checkpoints in half precision become the models in float32 that transformers makes of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.toolchain
# Those that the exporter reads by itself; transformers reads the others.
OURS = {"tied": True, "sharded": True, "base": True, "prefixed": True, "whole": False, "eighths": False}


@pytest.fixture(scope="module")
def found(run_toolchain_script: Callable[..., Path]) -> dict[str, Any]:
    made: dict[str, Any] = json.loads((run_toolchain_script("half_checkpoints") / "found.json").read_text("utf-8"))
    assert made.keys() == OURS.keys()
    return made


@pytest.mark.parametrize("name", OURS)
def test_a_model_is_the_one_that_transformers_reads(found: dict[str, Any], name: str) -> None:
    assert found[name] == {"read": OURS[name], "differing": []}
