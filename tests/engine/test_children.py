"""The host of child processes, with real processes."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from workbench import children
from workbench.cancellation import Cancellation
from workbench.children import Child, ChildGone
from workbench.errors import Cancelled, InputError, WorkbenchError
from workbench.wire import Message

SCRIPT = """
import os, signal, sys, threading, time
from workbench.wire import VERSION, Channel, Message, claim_standard_streams
channel = claim_standard_streams()
channel.send(Message("hello", 0, {"name": "test", "wire": VERSION}))
while (message := channel.receive()) is not None:
    method = message.body.get("method")
    if message.kind == "cancel" and "polite" in sys.argv:
        channel.send(Message("error", message.id, {"code": "cancelled"}))
    elif method == "echo":
        print("a library talks to stdout")
        os.write(1, b"so does a C library\\n")
        channel.send(Message("partial", message.id, {"part": 1}))
        channel.send(Message("result", message.id, {"text": message.body["text"]}))
    elif method == "fail":
        error = {"type": "InputError", "code": "usage-unknown-task", "arguments": {"task": "x", "known": "y"}}
        channel.send(Message("error", message.id, error))
    elif method == "crash":
        print("last words", file=sys.stderr)
        signal.signal(signal.SIGABRT, signal.SIG_DFL)
        os.abort()
    elif method == "garbage":
        channel._writer.write(b"not a frame at all, but long enough"); channel._writer.flush()
"""


def start(tmp_path: Path, *words: str, script: str = SCRIPT) -> Child:
    path = tmp_path / "child.py"
    path.write_text(script)
    root = str(Path(__file__).parents[2])
    code = f"import sys; sys.path.insert(0, {root!r}); exec(open({str(path)!r}).read())"
    return Child("test", [sys.executable, "-c", code, *words])


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Child]:
    child = start(tmp_path)
    child.hello()
    yield child
    child.close()
    assert not psutil.pid_exists(child.pid) or psutil.Process(child.pid).status() == psutil.STATUS_ZOMBIE


def test_a_request_gets_its_events_and_its_result(child: Child) -> None:
    events: list[Message] = []
    result = child.request({"method": "echo", "text": "héllo 中文"}, events.append).wait()
    assert result == {"text": "héllo 中文"}
    assert [event.body for event in events] == [{"part": 1}]


def test_requests_from_many_threads_get_their_own_answers(child: Child) -> None:
    answers: dict[int, object] = {}

    def ask(number: int) -> None:
        answers[number] = child.request({"method": "echo", "text": number}).wait()["text"]

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {n: n for n in range(20)}


def test_an_error_arrives_as_the_exception_it_is(child: Child) -> None:
    with pytest.raises(InputError, match="there is no task 'x'"):
        child.request({"method": "fail"}).wait()
    assert child.request({"method": "echo", "text": "on"}).wait() == {"text": "on"}


def test_an_error_in_a_callback_reaches_the_caller_and_stops_nobody_else(child: Child) -> None:
    def fail(message: Message) -> None:
        raise BrokenPipeError("whoever read it has left")

    with pytest.raises(BrokenPipeError):
        child.request({"method": "echo", "text": ""}, fail).wait()
    assert child.request({"method": "echo", "text": "on"}).wait() == {"text": "on"}


@pytest.mark.skipif(sys.platform == "win32", reason="signals have names on POSIX only")
def test_a_crash_names_the_signal_and_keeps_the_last_lines(child: Child) -> None:
    waiting = child.request({"method": "silence"})
    with pytest.raises(ChildGone) as failure:
        child.request({"method": "crash"}).wait()
    assert failure.value.how == "SIGABRT"
    assert "last words" in failure.value.log
    with pytest.raises(ChildGone):
        waiting.wait()
    with pytest.raises(ChildGone):
        child.request({"method": "echo", "text": ""}).wait()


def test_garbage_on_the_line_ends_the_child(child: Child) -> None:
    with pytest.raises(ChildGone, match="not a frame"):
        child.request({"method": "garbage"}).wait()
    assert not child.killed  # it is to blame: whoever asks again would get the same


def test_a_polite_child_survives_a_cancel(tmp_path: Path) -> None:
    child = start(tmp_path, "polite")
    child.hello()
    cancellation = Cancellation()
    pending = child.request({"method": "silence"})
    cancellation.cancel()
    with pytest.raises(Cancelled):
        pending.wait(cancellation)
    assert child.request({"method": "echo", "text": "still here"}).wait() == {"text": "still here"}
    child.close()


def test_a_deaf_child_is_ended(child: Child, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "CANCEL_GRACE_S", 0.05)
    cancellation = Cancellation()
    pending = child.request({"method": "silence"})
    cancellation.cancel()
    with pytest.raises(Cancelled):
        pending.wait(cancellation)
    assert child.killed
    assert child.gone


def test_a_child_that_ends_before_its_hello(tmp_path: Path) -> None:
    child = start(tmp_path, script="import sys; sys.exit('no such library')")
    with pytest.raises(ChildGone) as failure:
        child.hello()
    assert failure.value.log == "no such library"
    child.close()


def test_a_child_that_never_says_hello(tmp_path: Path) -> None:
    child = start(tmp_path, script="import sys; sys.stdin.read()")
    with pytest.raises(ChildGone, match="said nothing"):
        child.hello(timeout_s=0.2)
    child.close()


def test_a_child_of_another_version(tmp_path: Path) -> None:
    child = start(tmp_path, script=SCRIPT.replace('"wire": VERSION', '"wire": 99'))
    with pytest.raises(WorkbenchError, match="of another version"):
        child.hello()
    child.close()


def test_a_command_that_does_not_exist() -> None:
    with pytest.raises(ChildGone):
        Child("test", ["/no/such/program"])


class LateDone(threading.Event):
    """The answer comes between a cancel's look at it and what the cancel does then."""

    def __init__(self, waiter: Callable[[], None]) -> None:
        super().__init__()
        self._waiter = waiter

    def is_set(self) -> bool:
        before = super().is_set()
        if not before:
            self.set()
            self._waiter()
        return before


def test_a_cancel_that_comes_with_the_answer_ends_no_child(child: Child, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "CANCEL_GRACE_S", 0.05)
    pending = child.request({"method": "silence"})
    waiting = threading.Thread(target=pending.wait)
    pending._done = LateDone(waiting.start)
    pending.cancel()
    waiting.join(10)
    assert pending._timer is not None
    pending._timer.join(10)
    assert not child.killed


@pytest.mark.skipif(sys.platform == "win32", reason="process groups are POSIX's")
def test_a_crash_is_told_though_a_grandchild_keeps_the_log_open(tmp_path: Path) -> None:
    script = SCRIPT.replace("os.abort()", "import subprocess; subprocess.Popen(['sleep', '600']); os.abort()")
    child = start(tmp_path, script=script)
    child.hello()
    with pytest.raises(ChildGone, match="SIGABRT"):
        child.request({"method": "crash"}).wait()
    child.close()


@pytest.mark.skipif(sys.platform == "win32", reason="process groups are POSIX's")
def test_kill_ends_grandchildren_too(tmp_path: Path) -> None:
    script = SCRIPT.replace(
        "while (message",
        "import subprocess; p = subprocess.Popen(['sleep', '600']); print(p.pid, file=sys.stderr)\nwhile (message",
        1,
    )
    lines: list[str] = []
    seen = threading.Event()

    def log(line: str) -> None:
        lines.append(line)
        seen.set()

    path = tmp_path / "child.py"
    path.write_text(script)
    root = str(Path(__file__).parents[2])
    code = f"import sys; sys.path.insert(0, {root!r}); exec(open({str(path)!r}).read())"
    child = Child("test", [sys.executable, "-c", code], on_log=log)
    child.hello()
    assert seen.wait(10)
    grandchild = psutil.Process(int(lines[0]))
    child.kill()
    child.close()
    psutil.wait_procs([grandchild], timeout=5)
    assert not grandchild.is_running() or grandchild.status() == psutil.STATUS_ZOMBIE
