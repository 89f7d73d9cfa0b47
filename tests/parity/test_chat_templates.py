"""Chat templates against ``apply_chat_template`` of transformers: the text, and its tokens."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.parity.records import record
from tests.text.chat_templates import CONVERSATIONS, TEMPLATES
from workbench.errors import WorkbenchError
from workbench.runtime.chat_template import ChatTemplate
from workbench.runtime.tokens import Vocabulary
from workbench.tasks.base import ModelFiles, Run

pytestmark = pytest.mark.toolchain


@pytest.fixture(scope="session")
def made(run_toolchain_script: Callable[..., Path]) -> Path:
    return run_toolchain_script("chat_templates")


def check(folder: Path, name: str) -> list[Any]:
    """Compare all conversations of one template; returns those that were refused."""
    files = ModelFiles(folder / name, {})
    template, vocabulary = ChatTemplate.of_model(files), Vocabulary.of_model(files)
    assert template
    cases = [case for case in json.loads((folder / "cases.json").read_text("utf-8")) if case["template"] == name]
    assert len(cases) == 2 * len(CONVERSATIONS)
    refused = []
    for case in cases:
        messages, prompt = CONVERSATIONS[case["conversation"]], case["add_generation_prompt"]
        if "error" in case:
            with pytest.raises(WorkbenchError) as caught:
                template.render(messages, add_generation_prompt=prompt)
            said = case["error"].partition("\n")[0]  # jinja adds lines of the source to some
            assert said in caught.value.arguments["reason"]
            refused.append((case["conversation"], caught.value))
        else:
            text = template.render(messages, add_generation_prompt=prompt)
            assert text == case["text"], case
            assert vocabulary.encode(text, Run(), special=False) == case["token_ids"]
    record("chat templates", name, len(cases), "text and tokens identical, or refused with the same words")
    return refused


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_makes_what_it_makes_in_transformers(made: Path, name: str) -> None:
    refused = check(made, name)
    if name in ("broken-syntax", "undefined", "bad-sum"):
        assert {error.code for _, error in refused} == {"chat-template-broken"}
        assert len(refused) == 2 * len(CONVERSATIONS)
    elif name == "gemma":
        assert {name for name, _ in refused} == {"system", "system-turns", "odd-order"}
        assert {error.code for _, error in refused} == {"chat-template-refuses"}
        assert "System role not supported" in str(refused[0][1])


@pytest.mark.slow
@pytest.mark.real_model
def test_the_template_of_a_real_model(run_toolchain_script: Callable[..., Path], real_hub: Path) -> None:
    (snapshot,) = (real_hub / "models--HuggingFaceTB--SmolLM2-135M-Instruct" / "snapshots").iterdir()
    assert check(run_toolchain_script("chat_templates", snapshot), "real") == []
