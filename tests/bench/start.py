"""How long a user waits for the first sign: the version, and the engine.

    python -m tests.bench.start [--rounds 15]

In turns: ``python -c pass``, ``workbench --version``, and an engine from its start until it has said hello. Medians.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

from workbench.engine.host import EngineHost


def command(*words: str) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def engine() -> float:
    host = EngineHost()
    try:
        started = time.perf_counter()
        host.start()
        return time.perf_counter() - started
    finally:
        host.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    ways: dict[str, Callable[[], float]] = {
        "python -c pass": lambda: command("-c", "pass"),
        "workbench --version": lambda: command("-m", "workbench", "--version"),
        "engine ready": engine,
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            times[name].append(way())
    for name, values in times.items():
        print(f"{name:22}{statistics.median(values) * 1000:8.1f} ms")


if __name__ == "__main__":
    main()
