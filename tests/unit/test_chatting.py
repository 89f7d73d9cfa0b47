from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from workbench.chatting import Conversation, Turn, can_chat
from workbench.errors import InputError

TALK = Conversation("Be brief.").with_user("a").with_answer("b").with_user("c").with_answer("d")


def texts(conversation: Conversation) -> list[str]:
    return [turn.text for turn in conversation.turns]


def test_turns_follow_each_other() -> None:
    assert [turn.role for turn in TALK.turns] == ["user", "assistant"] * 2
    assert not TALK.waiting
    assert TALK.with_user("e").waiting
    assert TALK.last_asked == 2
    assert Conversation().last_asked is None
    with pytest.raises(ValueError, match="no question"):
        TALK.with_answer("e")


def test_a_question_that_was_not_answered_is_replaced() -> None:
    assert texts(TALK.with_user("lost").with_user("e")) == ["a", "b", "c", "d", "e"]


def test_editing_drops_what_came_after() -> None:
    assert texts(TALK.edited(0, "A")) == ["A"]
    assert texts(TALK.edited(3, "D")) == ["a", "b", "c", "D"]
    assert TALK.edited(2, "C").waiting
    assert texts(TALK) == ["a", "b", "c", "d"]


def test_another_answer_can_be_asked_for() -> None:
    again = TALK.without_last_answer()
    assert texts(again) == ["a", "b", "c"]
    assert again.without_last_answer() == again
    assert Conversation().without_last_answer() == Conversation()


def test_messages_begin_with_the_system_prompt() -> None:
    assert [message["role"] for message in TALK.messages()] == ["system", "user", "assistant", "user", "assistant"]
    assert TALK.with_system("").messages() == TALK.messages()[1:]
    assert TALK.with_system(None).system is None


def test_a_saved_conversation_comes_back() -> None:
    for conversation in (TALK, TALK.with_user("ü\n🐉"), Conversation(), Conversation("", (Turn("user", ""),))):
        assert Conversation.from_json(json.loads(json.dumps(conversation.to_json()))) == conversation


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "no list of messages"),
        ([], "no list of messages"),
        ({"messages": "x"}, "no list of messages"),
        ({"schema": 2, "messages": []}, "version is 2"),
        ({"messages": [1]}, "message 1 has no text"),
        ({"messages": [{"role": "user"}]}, "message 1 has no text"),
        ({"messages": [{"role": "assistant", "content": "x"}]}, "message 1 has the role 'assistant'"),
        ({"messages": [{"role": "user", "content": "x"}] * 2}, "message 2 has the role 'user'"),
        ({"messages": [{"role": ["x"], "content": "x"}]}, "message 1 has the role"),
        ({"messages": [{"role": "user", "content": "x"}, {"role": "system", "content": "x"}]}, "message 2"),
    ],
)
def test_what_is_no_saved_conversation(value: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        Conversation.from_json(value)


def test_markdown_has_a_heading_for_each_turn() -> None:
    assert Conversation("s").with_user("**a**\n").with_answer("```\nb\n```").to_markdown("Title") == (
        "# Title\n\n## System\n\ns\n\n## You\n\n**a**\n\n## Model\n\n```\nb\n```\n"
    )
    assert Conversation().to_markdown() == "\n"


@pytest.mark.parametrize(
    ("name", "text", "chats"),
    [
        ("chat_template.jinja", "x", True),
        ("chat_template.json", '{"chat_template": "x"}', True),
        ("tokenizer_config.json", '{"chat_template": [{"name": "default", "template": "x"}]}', True),
        ("tokenizer_config.json", '{"chat_template": null}', False),
        ("tokenizer_config.json", "{}", False),
        ("tokenizer_config.json", "[1]", False),
        ("tokenizer_config.json", "[" * 100_000, False),
        ("tokenizer_config.json", "\x00", False),
        ("README.md", "x", False),
    ],
)
def test_models_that_can_chat(tmp_path: Path, name: str, text: str, chats: bool) -> None:
    (tmp_path / name).write_text(text, "utf-8")
    assert can_chat(tmp_path) is chats
