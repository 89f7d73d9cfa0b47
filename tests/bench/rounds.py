"""Processes that are measured in turns, so that a busy moment of the machine meets all of them.

Each writes a line of JSON when it is ready, and one with ``seconds``, ``text`` and ``peak_bytes`` for each line it
gets; its own side of that is :func:`answer_rounds`. Standard library only: peers run it in Pythons of their own.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

__all__ = ["answer_rounds", "measure"]


def answer_rounds(work: Callable[[], str]) -> None:
    """Do ``work``, which gives a text, for each line that comes in, and tell how it went."""
    print(json.dumps({"ready": True}), flush=True)
    for _ in sys.stdin:
        started = time.perf_counter()
        text = work()
        seconds = time.perf_counter() - started
        print(json.dumps({"seconds": seconds, "text": text, "peak_bytes": _peak_bytes()}), flush=True)


def measure(commands: Mapping[str, Sequence[str]], rounds: int) -> dict[str, dict[str, Any]]:
    """For each named command its median ``seconds``, its ``text`` and ``peak_bytes``; a round before counts for
    nothing."""
    running = {name: _start(command) for name, command in commands.items()}
    times_s: dict[str, list[float]] = {name: [] for name in commands}
    last: dict[str, dict[str, Any]] = {}
    try:
        for process in running.values():
            _line(process)
        for number in range(rounds + 1):
            for name, process in running.items():
                assert process.stdin
                process.stdin.write("go\n")
                process.stdin.flush()
                last[name] = _line(process)
                times_s[name] += [last[name]["seconds"]] if number else []
    finally:
        for process in running.values():
            process.kill()
            process.wait()
    return {name: {**last[name], "seconds": statistics.median(times_s[name])} for name in commands}


def _start(command: Sequence[str]) -> subprocess.Popen[str]:
    environment = os.environ | {"HF_HUB_OFFLINE": "1"}
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)


def _line(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout
    for line in process.stdout:
        if line.startswith("{"):  # libraries print too
            answer: dict[str, Any] = json.loads(line)
            return answer
    raise SystemExit(f"{process.args} ended early")


def _peak_bytes() -> int | None:
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
