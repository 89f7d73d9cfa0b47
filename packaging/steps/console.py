"""What the user reads: steps with their times, tables, and one clear line when something fails."""

from __future__ import annotations

import shutil
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Console", "Failure", "live_line", "table"]

INTERRUPT_GRACE_S = 10.0
WIDTH = min(100, shutil.get_terminal_size((100, 24)).columns)


class Failure(Exception):
    """A step that could not be done; the text says what happened and what to do."""


@dataclass
class Console:
    """Prints what happens and keeps everything that commands say in a log file."""

    log: Path

    def __post_init__(self) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.log.write_text("", "utf-8")
        self._started = time.monotonic()

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self._started

    def say(self, text: str = "", indent: str = "") -> None:
        """A paragraph."""
        lines = textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)
        print("\n".join(lines), flush=True)

    def heading(self, text: str) -> None:
        print(f"\n{text}", flush=True)

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Say what begins, count the seconds where a terminal can show them, and say how long it took."""
        started = time.monotonic()
        done = threading.Event()
        live = sys.stdout.isatty()
        ticker = threading.Thread(target=_tick, args=(what, started, done), daemon=True)
        if live:
            ticker.start()
        else:
            print(f"  {what} …", end="", flush=True)
        outcome = "stopped"
        try:
            yield
            outcome = f"{time.monotonic() - started:.1f} s"
        except Failure:
            outcome = "failed"
            raise
        finally:
            done.set()
            if live:
                ticker.join()
                print(f"\r  {what} …", end="")
            print(f" {outcome}", flush=True)

    def run(
        self,
        command: Sequence[str | Path],
        failing: str,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> str:
        """Standard output of a command; what it says on both streams goes to the log.

        Raises Failure with the sentence ``failing``, the command's last line and where the log is.
        """
        words = [str(word) for word in command]
        with self.log.open("a", encoding="utf-8") as log:
            log.write(f"\n$ {' '.join(words)}\n")
            log.flush()
            try:
                process = subprocess.Popen(
                    words, stdout=subprocess.PIPE, stderr=log, env=environment, cwd=folder, text=True, encoding="utf-8"
                )
            except OSError as error:
                raise Failure(f"{failing}: {error}") from error
            output = _output(process)
            log.write(output)
        if process.returncode:
            raise Failure(f"{failing}: {self._last_line()}. All of it is in {self.log}; run this again to go on")
        return output

    def _last_line(self) -> str:
        lines = [line.strip() for line in self.log.read_text("utf-8", "replace").splitlines() if line.strip()]
        wrong = [line for line in lines[-40:] if line.lower().startswith(("error", "workbench:"))]
        return (wrong or lines)[-1].removeprefix("ERROR: ").rstrip(".")[:300]


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns under their headings: the first to the left, the others to the right."""
    widths = [max(len(line[n]) for line in (headings, *rows)) for n in range(len(headings))]

    def line(cells: Sequence[str]) -> str:
        first, *others = zip(cells, widths, strict=True)
        return "  " + "  ".join([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)])

    return "\n".join([line(headings), "  " + "  ".join("─" * width for width in widths), *map(line, rows)])


def _output(process: subprocess.Popen[str]) -> str:
    """What it prints until it ends. Ctrl-C reaches it too, and it gets a moment to tidy up."""
    with process:
        try:
            return process.communicate()[0]
        except KeyboardInterrupt:
            try:
                process.wait(INTERRUPT_GRACE_S)
            except subprocess.TimeoutExpired:
                process.kill()
            raise


def _tick(what: str, started: float, done: threading.Event) -> None:
    while not done.wait(0.25):
        columns = shutil.get_terminal_size((100, 24)).columns
        print("\r" + live_line(what, time.monotonic() - started, columns), end="", flush=True)


def live_line(what: str, elapsed_s: float, columns: int) -> str:
    """What is being done and for how long, within one line of a terminal: a longer one would begin a new line with each
    second, because a carriage return leads to the last of its lines only."""
    counted = f" … {elapsed_s:.0f} s"
    room = max(0, columns - 1 - len("  ") - len(counted))
    return f"  {what[:room]}{counted}"
