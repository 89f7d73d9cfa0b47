"""From words to a command: the parser, and what becomes of errors and Ctrl-C."""

from __future__ import annotations

import io
import os
import sys
import threading
import traceback
from collections.abc import Sequence
from typing import Any

from workbench.api import Workbench
from workbench.cancellation import Cancellation
from workbench.cli.foreground import STOPPED, Foreground, Stops, serve_until
from workbench.cli.parser import build_parser
from workbench.errors import Cancelled, UsageError, WorkbenchError
from workbench.settings import Settings

__all__ = ["exit_status", "outcome_of", "run"]


def run(words: Sequence[str]) -> int:
    """Carry out one command and return its exit status."""
    _mend_streams()
    parser = build_parser()
    if "_ARGCOMPLETE" in os.environ:
        import argcomplete

        argcomplete.autocomplete(parser)
    arguments, rest = parser.parse_known_args(list(words))
    if rest and (any(word.startswith("--") for word in rest) or not hasattr(arguments, "inputs")):
        parser.error(f"unknown words: {' '.join(rest)}")
    if rest:  # argparse stops filling a list of words at the first option between them
        arguments.inputs = [*arguments.inputs, *rest]
    if arguments.command is None:
        parser.print_help()
        return 0
    cancellation = Cancellation()
    outcome: list[Any] = []
    done = threading.Event()

    def work() -> None:
        outcome.append(outcome_of(arguments, cancellation))
        done.set()

    # The work has a thread of its own, so that Ctrl-C never interrupts a half-done step. An event is waited for: Python
    # 3.11 takes a thread for ended when a signal comes into its join.
    stops, arguments.foreground = Stops(), Foreground()
    threading.Thread(target=work, name="command", daemon=True).start()
    serve_until(done, stops, arguments.foreground, cancellation)
    return exit_status(outcome[0])


def outcome_of(arguments: Any, cancellation: Cancellation) -> int | BaseException:
    """The exit status, or what the main thread tells the user."""
    try:
        status = _carry_out(arguments, cancellation)
    except BaseException as error:
        return error
    # Whoever was asked to stop says so, even where the work was done by then: what comes next is to stop as well.
    return STOPPED if status == 0 and cancellation.requested else status


def _carry_out(arguments: Any, cancellation: Cancellation) -> int:
    settings = Settings.load()
    if arguments.cache_dir:
        settings = settings.with_value("hub_cache", arguments.cache_dir)
    with Workbench(settings) as workbench:
        status = int(arguments.command(workbench, arguments, cancellation))
    sys.stdout.flush()  # while an error of it can still be told
    return status


def exit_status(outcome: Any) -> int:
    """The exit status for an outcome; one that is an error is told on stderr."""
    if isinstance(outcome, int):
        return outcome
    if isinstance(outcome, Cancelled):
        print("stopped", file=sys.stderr)
        return STOPPED
    if isinstance(outcome, WorkbenchError):
        print(f"workbench: {outcome}", file=sys.stderr)
        return 2 if isinstance(outcome, UsageError) else 1
    if isinstance(outcome, OSError):
        return _status_of_files(outcome)
    print("workbench: an unexpected error; please report it with these lines:", file=sys.stderr)
    traceback.print_exception(outcome, file=sys.stderr)
    return 1


def _status_of_files(error: OSError) -> int:
    """What the file system refused where nobody foresaw it, in one line; without a file's name it was our output."""
    if error.filename is None:
        # Python would complain about what is left of the output once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if isinstance(error, BrokenPipeError):
        return 1  # whoever read our output has had enough (`| head`)
    reason = error.strerror or error
    if error.filename is None:
        told = WorkbenchError("output-not-written", reason=reason)
    else:
        told = WorkbenchError("file-unusable", file=os.fsdecode(error.filename), reason=reason)
    print(f"workbench: {told}", file=sys.stderr)
    return 1


def _mend_streams() -> None:
    """Text goes out as UTF-8. A stream that was closed (``>&-``) leads nowhere, before a file takes its number. One
    without a buffer (``PYTHONUNBUFFERED``) gets one a line: Python takes what a disk wrote until it was full for all.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        stream = getattr(sys, name)
        if stream is None:
            stream = open(os.devnull, "w" if number else "r", encoding="utf-8")  # noqa: PTH123, SIM115
            setattr(sys, name, stream)
        elif number and isinstance(getattr(stream, "buffer", None), io.RawIOBase):
            stream = open(stream.fileno(), "w", buffering=1, encoding="utf-8", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)
        if number and hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
