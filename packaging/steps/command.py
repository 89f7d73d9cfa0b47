"""The words of ``packaging/bootstrap.py``."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Sequence

from steps.console import Console, Failure
from steps.environment import STATE

__all__ = ["main"]

INTERRUPTED = 130


def main(words: Sequence[str], description: str) -> int:
    """Carry out one command; the exit status: that of the tests, 1 for a step that failed, 130 for Ctrl-C."""
    arguments = _parse(words, description)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError):  # replaced by something that is no text file
            stream.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr]
    console = Console(STATE / "logs" / f"{arguments.command}.log")
    try:
        if arguments.command == "demo":
            from steps import demo

            return demo.run(console, open_window=not arguments.no_window)
        from steps import testing

        return testing.run(console, arguments.pytest, slow=arguments.slow, prepare=arguments.prepare)
    except Failure as failure:
        console.say()
        console.say(f"Stopped: {failure}.")
        return 1
    except KeyboardInterrupt:
        console.say()
        console.say("Stopped. Run the same command again to go on.")
        return INTERRUPTED


def _parse(words: Sequence[str], description: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bootstrap.py", description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    demo = commands.add_parser("demo", help="install the app here and do its main job on a real model")
    demo.add_argument("--no-window", action="store_true", help="do not open the window at the end")
    test = commands.add_parser("test", help="install the test tools as well, and run the tests")
    test.add_argument("--slow", action="store_true", help="also the long tests, with the models that they need")
    test.add_argument(
        "--prepare",
        nargs="?",
        const="all",
        choices=("all", "app"),
        help="install and build all that the tests need, or the app's environment alone, and run none",
    )
    test.add_argument("pytest", nargs="*", metavar="ARGS", help="what follows -- goes to pytest, as in: -- -k wire")
    return parser.parse_args(list(words))
