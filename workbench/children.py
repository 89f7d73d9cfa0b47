"""A child process that speaks the framing: start, hello, requests in flight, cancel, and how it ended.

The engine, the audio process and each export worker are such children. A child gets a process group of its own, so
that Ctrl-C in the terminal reaches the front alone and ending a child ends what it started too.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from workbench.cancellation import Cancellation
from workbench.errors import Cancelled, Notice, WorkbenchError, error_from_wire
from workbench.wire import VERSION, Channel, Message, WireError

__all__ = ["Child", "ChildGone", "Pending", "end_process_group", "module_command"]

CANCEL_GRACE_S = 2.0
CLOSE_GRACE_S = 2.0
LOG_GRACE_S = 2.0
LAST_LINES = 40


class ChildGone(Exception):
    """The child ended (or never began) while it was needed. ``how`` says it, ``log`` holds its last lines."""

    def __init__(self, how: Notice | str, log: str = "") -> None:
        super().__init__(str(how))
        self.how = how
        self.log = log


class Pending:
    """One request in flight, ``number`` is its id. ``on_event`` gets its ``progress`` and ``partial`` messages, in the
    receiving thread.

    When ``on_event`` raises, the request is cancelled and :meth:`wait` raises the same: the receiving thread serves all
    requests and must go on.
    """

    def __init__(self, child: Child, number: int, on_event: Callable[[Message], None] | None) -> None:
        self._child = child
        self.number = number
        self._on_event = on_event
        self._done = threading.Event()
        self._result: Mapping[str, Any] = {}
        self._error: Exception | None = None
        self._event_error: Exception | None = None
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def wait(self, cancellation: Cancellation | None = None) -> Mapping[str, Any]:
        """The body of the result. Raises WorkbenchError, Cancelled, :class:`ChildGone`, or what ``on_event`` raised.

        A cancelled request that is not answered within two seconds ends the child.
        """
        if cancellation is None:
            self._done.wait()
        else:
            with cancellation.calling(self.cancel):
                self._done.wait()
        with self._lock:  # a cancel that comes with the answer has its timer set by now, or sees that it is done
            timer = self._timer
        if timer:
            timer.cancel()
            timer.join()
        if self._event_error is not None:
            raise self._event_error
        if self._error is None:
            return self._result
        if cancellation is not None and cancellation.requested and isinstance(self._error, ChildGone):
            raise Cancelled from self._error
        raise self._error

    def cancel(self) -> None:
        """Ask the child to stop this request; end the child if it does not answer in time."""
        with self._lock:
            if self._done.is_set() or self._timer:
                return
            self._timer = threading.Timer(CANCEL_GRACE_S, self._child.kill)
            self._timer.daemon = True
            self._timer.start()
        self._child.send(Message("cancel", self.number))

    def receive(self, message: Message) -> None:
        if message.kind == "result":
            self._result = message.body
            self._done.set()
        elif message.kind == "error":
            cancelled = message.body.get("code") == "cancelled"
            self.fail(Cancelled() if cancelled else error_from_wire(message.body))
        elif self._on_event and self._event_error is None:
            try:
                self._on_event(message)
            except Exception as error:  # raised by wait, where the caller is
                self._event_error = error
                self.cancel()

    def fail(self, error: Exception) -> None:
        self._error = error
        self._done.set()


class Child:
    """The process and the requests in flight to it. Requests may come from many threads."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str] | None = None,
        on_log: Callable[[str], None] | None = None,
    ) -> None:
        """Start the process; :meth:`hello` waits until it is ready. Raises :class:`ChildGone`."""
        self.name = name
        self.hello_body: Mapping[str, Any] = {}
        self._on_log = on_log
        self._lock = threading.Lock()
        self._pending: dict[int, Pending] = {}
        self._next = 1
        self._greeted = threading.Event()
        self._gone: ChildGone | None = None
        self.killed = False
        self._lines: deque[str] = deque(maxlen=LAST_LINES)
        group: dict[str, Any] = {"start_new_session": True}
        if sys.platform == "win32":
            group = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
        try:
            self._process: subprocess.Popen[bytes] = subprocess.Popen(
                list(command),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=dict(environment) if environment is not None else None,
                **group,
            )
        except OSError as error:
            raise ChildGone(str(error)) from error
        assert self._process.stdin
        assert self._process.stdout
        self._channel = Channel(self._process.stdout, self._process.stdin)
        self._threads = [
            threading.Thread(target=self._read_log, name=f"{name}-log", daemon=True),
            threading.Thread(target=self._read, name=f"{name}-messages", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def gone(self) -> ChildGone | None:
        """How it ended; None while it runs."""
        return self._gone

    def hello(self, timeout_s: float = 30.0) -> Mapping[str, Any]:
        """Wait for the child's hello. Raises :class:`ChildGone`, or WorkbenchError where the versions differ."""
        if not self._greeted.wait(timeout_s):
            self.kill()
            raise ChildGone(Notice.of("child-silent", seconds=f"{timeout_s:.0f}"), self.last_lines())
        if self._gone:
            raise self._gone
        got = self.hello_body.get("wire")
        if got != VERSION:
            self.kill()
            raise WorkbenchError("child-version", name=self.name, got=got, wanted=VERSION)
        return self.hello_body

    def request(self, body: Mapping[str, Any], on_event: Callable[[Message], None] | None = None) -> Pending:
        """Send a request. It may fail later with :class:`ChildGone`, never silently."""
        with self._lock:
            pending = Pending(self, self._next, on_event)
            if self._gone:
                pending.fail(self._gone)
                return pending
            number, self._next = self._next, self._next + 1
            self._pending[number] = pending
        self.send(Message("request", number, body))
        return pending

    def send(self, message: Message) -> None:
        # A child that is gone fails its requests from the reading side.
        with contextlib.suppress(OSError, ValueError):
            self._channel.send(message)

    def close(self) -> None:
        """Let the child end by itself, and end it if it takes over two seconds. Safe to call twice."""
        self._channel.close()
        try:
            self._process.wait(CLOSE_GRACE_S)
        except subprocess.TimeoutExpired:
            self.kill()
        self._join()

    def kill(self) -> None:
        """End the child and all it started, at once. Safe from any thread; nothing happens where it is gone."""
        if self._gone is None:
            self.killed = True
            end_process_group(self._process)

    def last_lines(self) -> str:
        """The end of what the child wrote to stderr."""
        return "\n".join(self._lines)

    def _join(self) -> None:
        self._process.wait()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(LOG_GRACE_S)

    def _read_log(self) -> None:
        assert self._process.stderr
        with self._process.stderr as stream:
            for raw in stream:
                line = raw.decode("utf-8", "replace").rstrip()
                self._lines.append(line)
                if self._on_log:
                    self._on_log(line)

    def _read(self) -> None:
        how: Notice | str = ""
        try:
            while (message := self._channel.receive()) is not None:
                self._dispatch(message)
        except (WireError, OSError) as error:
            how = str(error)
            end_process_group(self._process)  # not kill: that it ended so is its own fault
        status = self._process.wait()
        if sys.platform != "win32":
            end_process_group(self._process)  # what it started must not outlive it, nor keep its log open
        self._threads[0].join(LOG_GRACE_S)  # its last lines belong to the reason
        with self._lock:
            self._gone = ChildGone(how or _describe(status), self.last_lines())
            waiting, self._pending = list(self._pending.values()), {}
        self._greeted.set()
        for pending in waiting:
            pending.fail(self._gone)
        assert self._process.stdout
        self._process.stdout.close()
        self._channel.close()

    def _dispatch(self, message: Message) -> None:
        if message.kind == "hello":
            self.hello_body = message.body
            self._greeted.set()
        elif message.kind == "log" and self._on_log:
            self._on_log(str(message.body.get("line", "")))
        with self._lock:
            pending = self._pending.get(message.id)
            if message.kind in ("result", "error"):
                self._pending.pop(message.id, None)
        if pending:
            pending.receive(message)


def end_process_group(process: subprocess.Popen[bytes]) -> None:
    """End a child that was started as the leader of a process group, with all of that group."""
    if sys.platform == "win32":
        subprocess.run(
            ["taskkill", "/T", "/F", "/PID", str(process.pid)], capture_output=True, check=False
        )  # a process that is gone already is what was wanted
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS says the latter of one that has just ended
        os.killpg(process.pid, signal.SIGKILL)


def module_command(module: str) -> list[str]:
    """The command that starts one of our own modules as a child; in a packaged app the app itself is no Python."""
    if getattr(sys, "frozen", False):
        return [sys.executable, "--child", module]
    return [sys.executable, "-m", module]


def _describe(status: int) -> Notice | str:
    """An exit status, or the name of the signal."""
    if status >= 0:
        return Notice.of("child-status", status=status)
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"
