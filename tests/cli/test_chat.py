"""``workbench chat``: one question, a pipe, a terminal; stopped answers and killed engines."""

from __future__ import annotations

import codecs
import contextlib
import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.cli.conftest import Command
from tests.cli.test_commands import one_line
from tests.text.tiny_chat import write_tiny_chat

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo terminal or signals")
ENDLESS = ("--param", "max_new_tokens=100000000")


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    write_tiny_chat(tmp_path / "tiny")
    return tmp_path / "tiny"


class TestOneQuestion:
    def test_the_answer_is_all_that_stdout_has(self, workbench: Command, tiny: Path) -> None:
        done = workbench("chat", tiny, "one")
        assert (done.status, done.out.split(), done.err) == (0, ["two", "three"], "")

    def test_options_may_stand_before_it(self, workbench: Command, tiny: Path, tmp_path: Path) -> None:
        (tmp_path / "system.txt").write_text("two", "utf-8")
        words = ("--threads", "1", "--provider", "cpu", "--precision", "fp32", "--param", "max_new_tokens=1", "--json")
        done = workbench("chat", tiny, *words, "--system", f"@{tmp_path / 'system.txt'}", "one")
        assert done.status == 0
        assert done.json["messages"][0] == {"role": "system", "content": "two"}
        assert done.json["messages"][1] == {"role": "user", "content": "one"}
        assert done.json["messages"][2]["content"].strip() == "two"
        assert done.json["turns"][0]["result"]["finish_reason"] == "length"
        assert done.json["providers"] == {"asked": "cpu", "got": ["cpu"]}
        assert (done.json["task"], done.json["variant"]) == ("text-generation", "fp32")

    def test_it_may_come_from_stdin_as_a_whole(self, workbench: Command, tiny: Path) -> None:
        done = workbench("chat", tiny, "-", stdin=b"two\none")
        assert done.out.split() == ["two", "three"]

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (("one", "two"), "2 were given"),
            (("--json", "--nonsense"), "unknown words"),
            (("one", "--param", "max_new_tokens=0"), "max_new_tokens"),
            (("one", "--param", "colour=red"), "colour"),
        ],
    )
    def test_wrong_use(self, workbench: Command, tiny: Path, words: tuple[str, ...], said: str) -> None:
        done = workbench("chat", tiny, *words)
        assert done.status == 2
        assert said in one_line(done.err)

    def test_an_empty_question_is_told(self, workbench: Command, tiny: Path) -> None:
        done = workbench("chat", tiny, " ")
        assert done.status == 1
        assert "is empty" in one_line(done.err)

    def test_a_model_without_a_template(self, workbench: Command, tmp_path: Path) -> None:
        write_tiny_chat(tmp_path / "plain", template=None)
        done = workbench("chat", tmp_path / "plain", "one")
        assert done.status == 1
        assert "has no chat template" in one_line(done.err)
        assert workbench("run", tmp_path / "plain", "--task", "text-generation", "one").out.split() == ["two", "three"]

    def test_a_hostile_template(self, workbench: Command, tmp_path: Path) -> None:
        write_tiny_chat(tmp_path / "hostile", template="{{ 'a' * 10**10 }}")
        done = workbench("chat", tmp_path / "hostile", "one")
        assert done.status == 1
        assert "makes more of these messages than can be kept" in one_line(done.err)

    def test_a_message_that_is_too_long(self, workbench: Command, tmp_path: Path) -> None:
        write_tiny_chat(tmp_path / "short", context=16)
        done = workbench("chat", tmp_path / "short", "one " * 20)
        assert done.status == 1
        assert "33 more than leave room for an answer" in one_line(done.err)

    def test_control_characters_of_a_model_do_not_reach_the_terminal(self, workbench: Command, tiny: Path) -> None:
        file = tiny / "tokenizer.json"
        file.write_text(file.read_text("utf-8").replace('"three"', '"\\u001b[31m"'), "utf-8")
        done = workbench("chat", tiny, "one")
        assert done.out.split() == ["two", "\\x1b[31m"]

    @POSIX
    def test_ctrl_c_is_no_success(self, workbench: Command, tiny: Path) -> None:
        process = workbench.start("chat", tiny, "again", *ENDLESS)
        assert process.stdout
        assert process.stdout.read(6) == b" again"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 130
        assert set(out.split()) <= {b"again"}
        assert err == b"stopped\n"


class TestPipe:
    def test_each_line_is_a_turn(self, workbench: Command, tiny: Path) -> None:
        done = workbench("chat", tiny, stdin="one\r\n\n/two\nüber two".encode())
        assert (done.status, done.err) == (0, "")
        assert [line.strip() for line in done.out.splitlines()] == ["two three", "", "three"]

    def test_json_is_one_document_of_all_turns(self, workbench: Command, tiny: Path) -> None:
        value = workbench("chat", tiny, "--json", stdin=b"one\ntwo\n").json
        assert [message["role"] for message in value["messages"]] == ["user", "assistant"] * 2
        assert [turn["result"]["generated_text"].strip() for turn in value["turns"]] == ["two three", "three"]
        assert all(turn["result"]["token_count"] for turn in value["turns"])

    def test_what_is_left_out_is_told(self, workbench: Command, tmp_path: Path) -> None:
        write_tiny_chat(tmp_path / "short", context=32)
        done = workbench("chat", tmp_path / "short", stdin=b"one\n" * 4)
        assert done.status == 0
        assert len(done.out.splitlines()) == 4
        assert "2 oldest messages were left out" in done.err

    def test_nothing_to_say(self, workbench: Command, tiny: Path) -> None:
        done = workbench("chat", tiny, stdin=b"")
        assert (done.status, done.out, done.err) == (0, "", "")

    @POSIX
    def test_a_killed_engine_is_told_and_the_conversation_goes_on(self, workbench: Command, tiny: Path) -> None:
        process = workbench.start("chat", tiny, *ENDLESS)
        assert process.stdin
        assert process.stdout
        process.stdin.write(b"one\nagain\n")
        process.stdin.flush()
        assert process.stdout.readline().split() == [b"two", b"three"]
        assert process.stdout.read(6) == b" again"
        for child in psutil.Process(process.pid).children():
            child.kill()
        out, err = process.communicate(b"two\n", timeout=60)
        assert process.returncode == 1
        assert out.splitlines()[-1].split() == [b"three"]
        assert "the engine stopped while running tiny" in one_line(err.decode())

    @POSIX
    def test_ctrl_c_ends_a_pipe(self, workbench: Command, tiny: Path) -> None:
        process = workbench.start("chat", tiny, *ENDLESS)
        assert process.stdin
        assert process.stdout
        process.stdin.write(b"again\n")
        process.stdin.flush()
        assert process.stdout.read(6) == b" again"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 130
        assert err == b"stopped\n"

    @POSIX
    def test_ctrl_c_while_a_line_is_awaited(self, workbench: Command, tiny: Path) -> None:
        process = workbench.start("chat", tiny)
        assert process.stdin
        assert process.stdout
        process.stdin.write(b"one\n")
        process.stdin.flush()
        assert process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        for stream in (process.stdin, process.stdout, process.stderr):
            assert stream
            stream.close()


class Terminal:
    """``workbench chat`` in a pseudo terminal."""

    LIMIT_S = 20

    def __init__(self, *words: object) -> None:
        import pty

        self._end, other = pty.openpty()
        command = [sys.executable, "-m", "workbench", "chat", *map(str, words)]
        environment = os.environ | {"TERM": "xterm", "NO_COLOR": "1"}
        self.process = subprocess.Popen(
            command, stdin=other, stdout=other, stderr=other, env=environment, start_new_session=True
        )
        os.close(other)
        self._text = ""
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode  # a read may end within a character

    def type(self, text: str) -> None:
        os.write(self._end, text.encode())

    def expect(self, pattern: str) -> str:
        """Wait for what matches; what was shown up to there."""
        deadline = time.monotonic() + self.LIMIT_S
        while not (found := re.search(pattern, self._text)):
            assert time.monotonic() < deadline, self._text[-2000:]
            self._read()
        shown, self._text = self._text[: found.end()], self._text[found.end() :]
        return shown

    def stop(self, number: int = signal.SIGINT) -> None:
        """Send a signal once the process waits for something: in the moment between a prompt and the waiting for a key,
        readline does not hear one before the next key."""
        process = psutil.Process(self.process.pid)
        while process.status() == psutil.STATUS_RUNNING:
            pass
        self.process.send_signal(number)

    def ended(self) -> int:
        """Wait for the end; the exit status."""
        deadline = time.monotonic() + self.LIMIT_S
        while self.process.poll() is None:
            assert time.monotonic() < deadline, self._text[-2000:]
            self._read()
        return self.process.returncode

    def _read(self) -> None:
        """Take in what was written, waiting a moment for it."""
        if select.select([self._end], [], [], 0.1)[0]:
            with contextlib.suppress(OSError):  # the other end was closed
                self._text += self._decode(os.read(self._end, 1 << 16)).replace("\r", "")

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._end)


@POSIX
class TestTerminal:
    @pytest.fixture
    def terminal(self, tiny: Path) -> Iterator[Terminal]:
        terminal = Terminal(tiny, *ENDLESS)
        try:
            terminal.expect("/help lists the commands")
            terminal.expect("> ")
            yield terminal
        finally:
            terminal.close()

    def test_a_conversation_and_its_commands(self, terminal: Terminal, tmp_path: Path) -> None:
        terminal.type("one\n")
        assert "two three" in terminal.expect(r"2 tokens[^\n]*\n.*?> ")
        terminal.type("/regenerate\n")
        assert "two three" in terminal.expect("2 tokens[^\n]*\n.*?> ")
        terminal.type("/edit two\n")
        assert "three" in terminal.expect("1 tokens[^\n]*\n.*?> ")
        terminal.type("/system Be brief.\n")
        terminal.expect("Be brief.\n.*?Be brief.\n.*?> ")
        terminal.type("//two\\\n")
        terminal.expect("… ")
        terminal.type("one\n")
        terminal.expect("2 tokens[^\n]*\n.*?> ")
        terminal.type("/stats\n")
        assert "tiny, fp32 (only) on cpu" in terminal.expect(r"last answer[^\n]*\n[^\n]*known already\s+> ")
        terminal.type("/nonsense\n")
        terminal.expect("no command /nonsense")
        terminal.type(f"/save {tmp_path / 'talk.json'}\n")
        terminal.expect("saved ")
        terminal.type(f"/save {tmp_path / 'talk.md'}\n")
        terminal.expect("saved ")
        terminal.type("/reset\n")
        terminal.expect("a new conversation")
        terminal.type("/edit\n")
        terminal.expect("nothing was asked yet")
        terminal.type("/quit\n")
        assert terminal.ended() == 0
        messages = json.loads((tmp_path / "talk.json").read_text("utf-8"))["messages"]
        texts = [(message["role"], message["content"].strip()) for message in messages]
        assert texts == [
            ("system", "Be brief."),
            ("user", "two"),
            ("assistant", "three"),
            ("user", "/two\none"),
            ("assistant", "two three"),
        ]
        assert "## You\n\n/two\none" in (tmp_path / "talk.md").read_text("utf-8")

    def test_nothing_is_overwritten(self, terminal: Terminal, tmp_path: Path) -> None:
        (tmp_path / "there.md").write_text("mine", "utf-8")
        terminal.type(f"/save {tmp_path / 'there.md'}\n")
        terminal.expect("is there already[^\n]*\n> ")
        assert (tmp_path / "there.md").read_text("utf-8") == "mine"
        terminal.type("\x04")
        assert terminal.ended() == 0

    def test_ctrl_c_stops_the_answer_and_keeps_it_and_a_second_ends(self, terminal: Terminal, tmp_path: Path) -> None:
        terminal.type("again\n")
        terminal.expect("again\n.*?again again")
        terminal.stop()
        terminal.expect("\n.*?> ")
        terminal.type(f"/save {tmp_path / 'talk.json'}\n")
        terminal.expect("saved [^\n]*\n.*?> ")
        messages = json.loads((tmp_path / "talk.json").read_text("utf-8"))["messages"]
        assert messages[-1]["role"] == "assistant"
        assert messages[-1]["content"].strip().startswith("again again")
        terminal.stop()
        terminal.expect("Ctrl-C once more ends")
        terminal.expect("> ")
        terminal.stop()
        assert terminal.ended() == 0

    def test_a_killed_engine_is_told_and_the_question_can_be_asked_again(self, terminal: Terminal) -> None:
        terminal.type("again\n")
        terminal.expect("again\n.*?again again")
        for child in psutil.Process(terminal.process.pid).children():
            child.kill()
        terminal.expect("the engine stopped while running tiny[^\n]*\n.*?> ")
        terminal.type("/edit one\n")
        assert "two three" in terminal.expect("2 tokens[^\n]*\n> ")
        terminal.type("\x04")
        assert terminal.ended() == 0

    def test_sigterm_ends_it_at_the_prompt(self, terminal: Terminal) -> None:
        terminal.stop(signal.SIGTERM)
        assert terminal.ended() == 130

    def test_json_needs_a_question(self, tiny: Path) -> None:
        terminal = Terminal(tiny, "--json")
        try:
            terminal.expect("--json needs a PROMPT")
            assert terminal.ended() == 2
        finally:
            terminal.close()
