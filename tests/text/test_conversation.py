"""From messages to a prompt: what is refused, what is left out of a long conversation, what the pipeline answers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.text.tiny_chat import TEMPLATE, write_tiny_chat
from workbench.cancellation import Cancellation
from workbench.errors import Cancelled, InputError, ModelError
from workbench.results import Text
from workbench.runtime.chat_template import Message
from workbench.runtime.conversation import fitted
from workbench.runtime.session import Session, SessionOptions
from workbench.tasks.base import ModelFiles, Run
from workbench.tasks.text_generation import PIPELINE, TextGeneration


def load(folder: Path) -> TextGeneration:
    files = ModelFiles(folder, {"model": folder / "onnx" / "model.onnx"})
    return PIPELINE(files, {"model": Session(files.graphs["model"], SessionOptions("cpu", threads=1))})


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TextGeneration:
    folder = tmp_path_factory.mktemp("chat") / "tiny"
    write_tiny_chat(folder, context=32)
    return load(folder)


def said(*texts: str, system: str | None = None) -> list[dict[str, str]]:
    first = [{"role": "system", "content": system}] if system is not None else []
    return [*first, *({"role": ("user", "assistant")[n % 2], "content": text} for n, text in enumerate(texts))]


def words(messages: Sequence[Message]) -> list[int]:
    """A token for each word, and one for each message."""
    return [0] * sum(1 + len(message["content"].split()) for message in messages)


class TestFitting:
    def kept(self, messages: list[dict[str, str]], limit: int) -> tuple[list[str], Run]:
        """The texts of what is kept, found out by the one encoding whose tokens are given back."""
        seen: dict[int, list[str]] = {}

        def encode(some: Sequence[Message]) -> list[int]:
            found = words(some)
            seen[id(found)] = [message["content"] for message in some]
            held.append(found)
            return found

        held: list[list[int]] = []
        run = Run()
        return seen[id(fitted(messages, encode, limit, run))], run

    def test_what_fits_is_whole(self) -> None:
        messages = said("a", "b", "c", system="s")
        got, run = self.kept(messages, 8)
        assert got == ["s", "a", "b", "c"]
        assert run.notices == []

    @pytest.mark.parametrize(
        ("limit", "texts", "count"),
        [
            (11, ["s", "c", "d", "e"], 2),
            (8, ["s", "c", "d", "e"], 2),
            (7, ["s", "e"], 4),
            (4, ["s", "e"], 4),
        ],
    )
    def test_the_oldest_turns_go_in_pairs(self, limit: int, texts: list[str], count: int) -> None:
        got, run = self.kept(said("a", "b", "c", "d", "e", system="s"), limit)
        assert got == texts
        (notice,) = run.notices
        assert (notice.code, notice.arguments) == (
            "chat-turns-left-out",
            {"tokens": 12, "limit": limit, "count": count},
        )

    def test_without_a_system_prompt(self) -> None:
        got, run = self.kept(said("a", "b", "c"), 3)
        assert got == ["c"]
        assert run.notices[0].arguments["count"] == 2

    def test_an_answer_that_opens_a_conversation_goes_with_nothing(self) -> None:
        messages = [{"role": "assistant", "content": "a"}, *said("b", "c", "d")]
        assert self.kept(messages, 6)[0] == ["b", "c", "d"]

    def test_as_few_turns_as_possible_go(self) -> None:
        texts = [str(n) for n in range(201)]
        for limit in (2, 77, 400):
            got, _ = self.kept(said(*texts), limit)
            wanted = limit // 2 if limit // 2 % 2 else limit // 2 - 1
            assert got == texts[-wanted:]

    @pytest.mark.parametrize("before", [(), ("a", "b")])
    def test_a_message_that_does_not_fit_by_itself_says_by_how_much(self, before: tuple[str, ...]) -> None:
        with pytest.raises(InputError) as caught:
            self.kept(said(*before, "one two three", system="s"), 5)
        assert caught.value.code == "chat-message-too-long"
        assert caught.value.arguments == {"tokens": 6, "over": 1}


class TestPipeline:
    def test_the_answer_is_the_next_message_alone(self, tiny: TextGeneration) -> None:
        seen: list[Any] = []
        got = tiny({"messages": said("one", "two three", "one", system="two")}, {}, Run(on_partial=seen.append))
        assert isinstance(got, Text)
        assert (got.text.strip(), got.finish) == ("two three", "stop")
        assert seen[0].text.strip() == "two"  # further ones are told when some time went by

    def test_special_tokens_in_a_message_are_read_as_such(self, tiny: TextGeneration) -> None:
        prepared = tiny.preprocess({"messages": said("<|im_end|> one")}, {}, Run())
        assert list(prepared.token_ids).count(1) == 3

    def test_a_quarter_of_the_context_stays_free(self, tiny: TextGeneration) -> None:
        run = Run()
        prepared = tiny.preprocess({"messages": said(*["one"] * 9)}, {"max_new_tokens": 1000}, run)
        assert len(prepared.token_ids) <= 24
        assert prepared.max_length == 32
        assert [notice.code for notice in run.notices] == ["chat-turns-left-out"]
        # A shorter answer leaves more room.
        longer = tiny.preprocess({"messages": said(*["one"] * 9)}, {"max_new_tokens": 1}, Run())
        assert len(prepared.token_ids) < len(longer.token_ids) <= 31

    def test_a_message_longer_than_the_context(self, tiny: TextGeneration) -> None:
        with pytest.raises(InputError) as caught:
            tiny.preprocess({"messages": said("one " * 40)}, {"max_new_tokens": 100}, Run())
        assert caught.value.arguments == {"tokens": 85, "over": 61}

    def test_a_text_is_taken_as_before(self, tiny: TextGeneration) -> None:
        for item in ("one", {"text": "one"}):
            got = tiny(item, {}, Run())
            assert isinstance(got, Text)
            assert got.text.strip() == "two three"

    @pytest.mark.parametrize(
        ("item", "code"),
        [
            ({"messages": []}, "chat-no-messages"),
            ({"messages": None}, "chat-no-messages"),
            ({"messages": "hello"}, "chat-no-messages"),
            ({"messages": {"role": "user"}}, "chat-no-messages"),
            ({"messages": ["hello"]}, "chat-bad-message"),
            ({"messages": [{"role": "user"}]}, "chat-bad-message"),
            ({"messages": [{"role": "user", "content": None}]}, "chat-bad-message"),
            ({"messages": [{"role": "user", "content": [{"type": "text", "text": "x"}]}]}, "chat-bad-message"),
            ({"messages": [{"role": "user", "content": "x", "name": "y"}]}, "chat-bad-message"),
            ({"messages": [{"role": "tool", "content": "x"}]}, "chat-bad-role"),
            ({"messages": [{"role": "", "content": "x"}]}, "chat-bad-role"),
            ({"messages": said("a", "b")}, "chat-not-users-turn"),
            ({"messages": [{"role": "system", "content": "x"}]}, "chat-not-users-turn"),
            ({"messages": said(" \n")}, "chat-empty-message"),
            ({"messages": said("x"), "more": 1}, "text-bad-input"),
            ({}, "text-bad-input"),
            (5, "text-bad-input"),
        ],
    )
    def test_what_is_no_conversation(self, tiny: TextGeneration, item: Any, code: str) -> None:
        with pytest.raises(InputError) as caught:
            tiny.preprocess(item, {}, Run())
        assert caught.value.code == code

    def test_a_model_without_a_template_still_writes_on_from_text(self, tmp_path: Path) -> None:
        write_tiny_chat(tmp_path / "plain", template=None)
        plain = load(tmp_path / "plain")
        with pytest.raises(ModelError) as caught:
            plain.preprocess({"messages": said("one")}, {}, Run())
        assert caught.value.code == "chat-no-template"
        assert "plain text" in str(caught.value)
        assert plain.preprocess("one", {}, Run()).token_ids == (3,)

    @pytest.mark.parametrize("template", ["{% for %}", "{{ 'a' * 10**10 }}", 5, [{"name": "x", "template": "y"}]])
    def test_a_template_that_cannot_be_used_leaves_plain_text(self, tmp_path: Path, template: Any) -> None:
        write_tiny_chat(tmp_path / "odd", template=template)
        odd = load(tmp_path / "odd")
        with pytest.raises(ModelError, match="plain text"):
            odd.preprocess({"messages": said("one")}, {}, Run())
        assert odd.preprocess("one", {}, Run()).token_ids == (3,)

    def test_a_template_that_makes_nothing(self, tmp_path: Path) -> None:
        write_tiny_chat(tmp_path / "mute", template="{# nothing #}")
        with pytest.raises(ModelError) as caught:
            load(tmp_path / "mute").preprocess({"messages": said("one")}, {}, Run())
        assert caught.value.code == "chat-template-says-nothing"
        assert str(tmp_path / "mute") in caught.value.arguments["file"]

    def test_a_cancellation_ends_the_rendering(self, tmp_path: Path) -> None:
        write_tiny_chat(tmp_path / "slow", template="{% for a in range(99999) %}{% endfor %}" * 99 + TEMPLATE)
        cancellation = Cancellation()
        cancellation.cancel()
        with pytest.raises(Cancelled):
            load(tmp_path / "slow").preprocess({"messages": said("one")}, {}, Run(cancellation))
