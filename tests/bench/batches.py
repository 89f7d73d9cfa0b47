"""What it brings to take short texts through a graph together, and that memory stays flat.

    python -m tests.bench.batches MODEL [--task TASK] [--precision P] [--texts 512] [--rounds 3] [--many 10000] [--json]

The same texts, of 1 to 8 words, in turns: one after the other through the pipeline; and as the engine answers a run.
Medians, one thread in the session. Then many texts in one run of a real engine, whose memory is looked at after a tenth
of the answers and after the last.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import time
from collections.abc import Callable
from typing import Any

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import psutil

from workbench.api import RunTarget, Workbench
from workbench.engine.answering import answer_all
from workbench.engine.loading import load_model
from workbench.running import ItemReport
from workbench.tasks.base import Run
from workbench.tasks.catalog import check_params
from workbench.tasks.samples import samples

LABELS = ["technology", "cooking", "weather"]


def texts(count: int) -> list[str]:
    """Beginnings of the sample sentences, the same ones each time."""
    chance = random.Random(0)
    words = [word for text in samples("feature-extraction") if text.isascii() for word in text.split()]
    return [" ".join(chance.choices(words, k=chance.randint(1, 8))) for _ in range(count)]


def throughput(target: RunTarget, count: int, rounds: int) -> dict[str, float]:
    """Texts a second: ``one_by_one``, ``together``, and the ``ratio`` of both."""
    pipeline = load_model(target.choice).pipeline
    params = _params(target)
    inputs: list[Any] = texts(count)
    if target.task.id == "text-ranking":
        inputs = [{"query": inputs[0], "texts": [text]} for text in inputs]

    def one_by_one() -> None:
        for item in inputs:
            pipeline(item, params, Run())

    def together() -> None:
        for _ in answer_all(pipeline, inputs, params, lambda index: Run(), lambda item: None):
            pass

    together()
    times: dict[str, list[float]] = {"one_by_one": [], "together": []}
    ways: dict[str, Callable[[], None]] = {"one_by_one": one_by_one, "together": together}
    for _ in range(rounds):
        for name, way in ways.items():
            started = time.perf_counter()
            way()
            times[name].append(time.perf_counter() - started)
    found = {name: round(count / statistics.median(values), 1) for name, values in times.items()}
    ratio = statistics.median(a / b for a, b in zip(times["one_by_one"], times["together"], strict=True))
    return found | {"ratio": round(ratio, 2)}


def memory(workbench: Workbench, target: RunTarget, count: int) -> dict[str, float]:
    """Resident MB of the engine after a tenth of ``count`` answers and after all of them."""
    seen: list[float] = []

    def done(index: int, item: ItemReport) -> None:
        if index in (count // 10, count - 1):
            children = psutil.Process().children(recursive=True)
            seen.append(max(child.memory_info().rss for child in children) / 1e6)

    workbench.run(target, texts(count), _params(target), interactive=False, on_item=done)
    return {"first_mb": round(seen[0], 1), "last_mb": round(seen[-1], 1)}


def _params(target: RunTarget) -> dict[str, Any]:
    zero_shot = target.task.id == "zero-shot-classification"
    return check_params(target.task, {"candidate_labels": LABELS} if zero_shot else {})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("model")
    parser.add_argument("--task", default="feature-extraction")
    parser.add_argument("--precision", default="fp32")
    parser.add_argument("--texts", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--many", type=int, default=10_000, help="0: leave memory out")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with Workbench() as workbench:
        target = workbench.target(
            arguments.model, task=arguments.task, precision=arguments.precision, provider="cpu", threads=1
        )
        figures = throughput(target, arguments.texts, arguments.rounds)
        if arguments.many:
            figures |= memory(workbench, target, arguments.many)
    if arguments.json:
        print(json.dumps(figures))
        return
    print(f"one by one {figures['one_by_one']:8.1f} texts/s")
    print(f"together   {figures['together']:8.1f} texts/s, {figures['ratio']:.2f} times as many")
    if arguments.many:
        first, last = figures["first_mb"], figures["last_mb"]
        print(f"memory after a tenth of {arguments.many} texts {first:.0f} MB, at the end {last:.0f} MB")


if __name__ == "__main__":
    main()
