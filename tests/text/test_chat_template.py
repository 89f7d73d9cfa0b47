"""Chat templates of strangers: hostile ones end with a clear error, soon and in little memory."""

from __future__ import annotations

import json
import sys
import threading
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from workbench.cancellation import Cancellation
from workbench.errors import Cancelled, InputError, ModelError, WorkbenchError
from workbench.runtime import chat_template
from workbench.runtime.chat_template import ChatTemplate
from workbench.tasks.base import ModelFiles

HELLO = [{"role": "user", "content": "hello"}]
ENDLESS = "{% for _ in range(99999) %}" * 3 + "{% endfor %}" * 3
DOUBLED = "{%% set ns = namespace(x='abc') %%}{%% for i in range(99) %%}%s{%% endfor %%}"


def of(source: str) -> ChatTemplate:
    return ChatTemplate(source, Path("chat_template.jinja"))


def failure(source: str) -> WorkbenchError:
    with pytest.raises(WorkbenchError) as caught:
        of(source).render(HELLO)
    return caught.value


@pytest.mark.parametrize(
    "source",
    [
        ENDLESS,
        "{% set ns = namespace(n=0) %}{% for a in range(99999) %}{% for b in range(99999) %}{% set ns.n = ns.n + 1 %}"
        "{% endfor %}{% endfor %}",
        "{% for a in range(99999) %}{% for b in range(99999) %}{% for c in 'ab'|map('upper') %}{% break %}{% endfor %}"
        "{% endfor %}{% endfor %}",
        "{% macro turn() %}{% for a in range(99999) %}{{ '' }}{% endfor %}{% endmacro %}"
        "{% for a in range(99999) %}{% set x = turn() %}{% endfor %}",
    ],
)
def test_a_template_without_end_is_stopped(monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    monkeypatch.setattr(chat_template, "LIMIT_S", 0.2)
    started = time.thread_time()
    assert failure(source).code == "chat-template-too-slow"
    assert time.thread_time() - started < 2


@pytest.mark.parametrize(
    "source",
    [
        "{{ 'a' * 10**10 }}",
        "{{ ([0] * 10**9)|length }}",
        "{{ 2 ** 10000000 }}",
        "{{ ('f' * 99999)|int(base=16) // 3 }}",
        "{{ '%1000000000d' % 1 }}",
        "{{ '%*d' % (1000000000, 1) }}",
        "{{ '%(a(b))1000000000d' % {'a(b)': 1} }}",
        "{{ '%1000000000d'|format(1) }}",
        "{{ '{:1000000000}'.format(1) }}",
        "{{ ('{:1000000000}'|attr('format'))(1) }}",
        "{{ '{a:1000000000}'.format_map({'a': 1}) }}",
        "{{ 'a'|center(10**9) }}",
        "{{ 'a'|center(width=10**9) }}",
        "{{ 'a'.ljust(10**9) }}",
        "{{ ['a']|map('center', 10**9)|list }}",
        "{{ ('\\t' * 1000).expandtabs(10**7) }}",
        "{{ 'a'|indent(10**9, true) }}",
        "{{ [1]|batch(10**9, 'x')|list }}",
        "{{ [1]|slice(10**9)|list }}",
        "{{ messages|tojson(indent=10**9) }}",
        "{{ 1.5|round(10**9, 'ceil') }}",
        "{{ ('a' * 99999).replace('a', 'b' * 99999) }}",
        "{{ ('a' * 99999)|replace('a', 'b' * 99999) }}",
        "{{ ('b' * 99999).join('a' * 99999) }}",
        "{{ range(99999)|join('b' * 99999) }}",
        "{{ ('a ' * 9999)|wordwrap(1, wrapstring='x' * 9999) }}",
        "{{ strftime_now('x' * 99999) }}",
        DOUBLED % "{% set ns.x = ns.x ~ ns.x %}",
        DOUBLED % "{% set ns.x = ns.x + ns.x %}",
        DOUBLED % "{% set y %}{{ ns.x }}{{ ns.x }}{% endset %}{% set ns.x = y %}",
        "{% set y %}{% for i in range(99999) %}" + "y" * 9999 + "{% endfor %}{% endset %}",
        "{% set ns = namespace(l=[], s='x' * 99999) %}{% for i in range(9999) %}{% set ns.l = ns.l + [ns.s[1:]] %}"
        "{% endfor %}",
        "{% set ns = namespace(a=[1], b=[1]) %}{% for i in range(60) %}{% set ns.a = [ns.a, ns.a] %}"
        "{% set ns.b = [ns.b, ns.b] %}{% endfor %}{{ ns.a == ns.b }}",
        "{% set ns = namespace(a=(1,)) %}{% for i in range(60) %}{% set ns.a = (ns.a, ns.a) %}{% endfor %}"
        "{{ {ns.a: 1} }}",
        "{% set ns = namespace() %}{% set ns.a = ns %}{{ ns }}",
        "x" * (1 << 21),
    ],
)
def test_much_out_of_little_is_stopped_before_it_is_made(monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    monkeypatch.setattr(chat_template, "LIMIT_CHARACTERS", 1 << 20)
    tracemalloc.start()
    try:
        assert failure(source).code == "chat-template-too-large"
        assert tracemalloc.get_traced_memory()[1] < 48 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{% for x in %}", "line 1: Expected an expression"),
        ("a\n{% if %}", "line 2"),
        ("{{ nothing.there.at_all }}", "'nothing' is undefined"),
        ("{{ 1 / 0 }}", "ZeroDivisionError: division by zero"),
        ("{% for a in range(10**9) %}{% endfor %}", "Range too big"),
        ("{% macro m(x) %}{{ m(x) }}{% endmacro %}{{ m(1) }}", "calls itself without end"),
        ("{% macro m() %}{{ m() ~ m() }}{% endmacro %}{{ m() }}", "calls itself without end"),
        ("{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}", "nested too deep"),
        ("{% for a in [1] %}" * 60 + "{% endfor %}" * 60, "SyntaxError"),
        ("{% include 'other' %}", "no loader"),
        ("{{ messages()}}", "'list' cannot be called"),
        ("{{ 'a'.encode() }}", "'encode' cannot be called"),
        ("{{ 'a'.translate({97: 'b'}) }}", "'translate' cannot be called"),
        ("{{ (5).to_bytes(9, 'big') }}", "'to_bytes' cannot be called"),
        ("{{ messages.append(1) }}", "is unsafe"),
        ("{{ ''.__class__.__mro__ }}", "'__class__' of 'str' object is unsafe"),
        ("{{ cycler.__init__.__globals__ }}", "is unsafe"),
        ("{{ ''|attr('__class__')|attr('mro') }}{{ (''|attr('__class__')).x }}", "is unsafe"),
        ("{{ '{0.__class__.__mro__}'.format(1) }}", "is unsafe"),
        ("{{ raise_exception.__globals__.x }}", "is unsafe"),
        ("{{ '{:{}}'.format(1, 9) }}", "cannot be a field of its own"),
        ("{{ [[1]]|sum(start=[]) }}", "only numbers can be summed up"),
        ("{{ 'a'|urlize }}", "No filter named 'urlize'"),
        ("{{ lipsum(9) }}", "'lipsum' is undefined"),
    ],
)
def test_a_template_that_cannot_be_used_says_why(source: str, said: str) -> None:
    error = failure(source)
    assert (type(error), error.code) == (ModelError, "chat-template-broken")
    assert said in error.arguments["reason"]
    assert len(error.arguments["reason"]) <= 300


def test_what_a_template_raises_itself_is_passed_on() -> None:
    error = failure("{{ raise_exception('System role {x} not supported\x1b') }}")
    assert (type(error), error.code) == (InputError, "chat-template-refuses")
    assert error.arguments == {"reason": "System role {x} not supported\x1b"}
    assert "\x1b" not in str(error)


def test_a_stopped_template_can_be_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    template = of("{% if messages|length > 1 %}" + ENDLESS + "{% endif %}{{ messages[0].content }}")
    monkeypatch.setattr(chat_template, "LIMIT_S", 0.1)
    with pytest.raises(ModelError):
        template.render(HELLO * 2)
    assert template.render(HELLO) == "hello"


def test_a_cancellation_ends_it() -> None:
    cancellation = Cancellation()
    timer = threading.Timer(0.1, cancellation.cancel)
    timer.start()
    started = time.thread_time()
    with pytest.raises(Cancelled):
        of(ENDLESS).render(HELLO, cancellation=cancellation)
    timer.join()
    assert time.thread_time() - started < chat_template.LIMIT_S


def test_who_traces_this_thread_goes_on_doing_so() -> None:
    def trace(frame: Any, event: str, argument: Any) -> None:
        return None

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        of("{{ messages[0].content }}").render(HELLO)
        assert sys.gettrace() is trace
        failure("{{ x.y }}")
        assert sys.gettrace() is trace
    finally:
        sys.settrace(before)


def test_a_long_conversation_is_within_the_limits() -> None:
    messages = [{"role": "user", "content": "word " * 20_000}, {"role": "assistant", "content": "y" * 99_999}] * 20
    source = "{% for m in messages %}{% set text = m.content|trim %}{{ text ~ '!' }}{% endfor %}"
    assert len(of(source).render(messages)) == 20 * (99_999 + 1 + 99_999 + 1)


def test_messages_stay_what_they_were() -> None:
    messages = [{"role": "user", "content": "hello"}]
    assert "unsafe" in str(failure("{{ messages[0].update({'content': 'x'}) }}"))
    assert messages == HELLO


class TestSources:
    """Where a template is looked for, in transformers' order."""

    def found(self, folder: Path, **files: Any) -> str | None:
        for name, value in files.items():
            text = value if isinstance(value, str) else json.dumps(value)
            (folder / name.replace("__", ".")).write_text(text, "utf-8")
        template = ChatTemplate.of_model(ModelFiles(folder, {}))
        return template and template.render(HELLO)

    def test_none(self, tmp_path: Path) -> None:
        assert self.found(tmp_path) is None
        assert self.found(tmp_path, tokenizer_config__json={"chat_template": None}) is None

    def test_a_file_of_its_own_goes_first(self, tmp_path: Path) -> None:
        assert self.found(tmp_path, tokenizer_config__json={"chat_template": "config"}) == "config"
        assert self.found(tmp_path, chat_template__json={"chat_template": "processor"}) == "processor"
        assert self.found(tmp_path, chat_template__jinja="jinja") == "jinja"

    def test_the_default_of_several(self, tmp_path: Path) -> None:
        several = [{"name": "rag", "template": "a"}, {"name": "default", "template": "b"}]
        assert self.found(tmp_path, tokenizer_config__json={"chat_template": several}) == "b"
        with pytest.raises(ModelError, match="named rag, and none named default"):
            self.found(tmp_path, tokenizer_config__json={"chat_template": several[:1]})

    @pytest.mark.parametrize("value", [5, {"a": 1}, [1]])
    def test_what_is_no_template(self, tmp_path: Path, value: Any) -> None:
        with pytest.raises(ModelError) as caught:
            self.found(tmp_path, tokenizer_config__json={"chat_template": value})
        assert caught.value.code == "chat-template-broken"

    def test_a_file_that_is_no_text(self, tmp_path: Path) -> None:
        (tmp_path / "chat_template.jinja").write_bytes(b"\xff\xfe")
        with pytest.raises(ModelError) as caught:
            self.found(tmp_path)
        assert caught.value.code == "model-bad-file"

    def test_special_tokens_of_every_writing(self, tmp_path: Path) -> None:
        source = "{{ bos_token }} {{ eos_token }} {{ pad_token is defined }} {{ image_token }} "
        source += "{{ additional_special_tokens }}"
        settings = {
            "chat_template": source,
            "added_tokens_decoder": {},
            "bos_token": {"content": "<a>"},
            "eos_token": "<b>",
            "pad_token": None,
            "extra_special_tokens": {"image_token": "<i>"},
            "additional_special_tokens": ["<x>", {"content": "<y>"}],
        }
        older = {"bos_token": "<old>", "pad_token": "<p>"}
        got = self.found(tmp_path, tokenizer_config__json=settings, special_tokens_map__json=older)
        assert got == "<a> <b> False <i> ['<x>', '<y>']"
        del settings["added_tokens_decoder"]
        got = self.found(tmp_path, tokenizer_config__json=settings)
        assert got == "<old> <b> True <i> ['<x>', '<y>']"
