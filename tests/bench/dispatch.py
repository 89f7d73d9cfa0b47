"""What the way through the engine costs beside the graph itself.

    python -m tests.bench.dispatch MODEL_FOLDER [--task TASK] [--rounds 200] [--json]

The same text in turns: bare ``session.run`` on arrays made beforehand, in this process; and a whole request to the
engine. Of the request the time in preprocessing, the session and postprocessing is known, so what remains is dispatch
and transport: framing, pipes, threads. Medians, one thread in each session.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from pathlib import Path
from typing import Any

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

from workbench.api import Workbench
from workbench.runtime.session import Session, SessionOptions
from workbench.tasks.base import ModelFiles, Run
from workbench.tasks.catalog import check_params
from workbench.tasks.samples import samples


def measure(model: str, task: str, rounds: int) -> dict[str, Any]:
    """Milliseconds: ``bare`` session.run, ``session`` in the engine, the ``whole`` request, and the ``overhead``."""
    import importlib

    with Workbench() as workbench:
        target = workbench.target(model, task=task, provider="cpu", threads=1)
        text = samples(task)[0]
        params = check_params(target.task, {})
        options = SessionOptions("cpu", threads=1)
        sessions = {name: Session(Path(path), options) for name, path in target.choice.graphs.items()}
        module = importlib.import_module(f"workbench.tasks.{target.task.module}")
        files = ModelFiles(Path(target.choice.folder), {name: Path(p) for name, p in target.choice.graphs.items()})
        calls: list[Any] = []
        for session in sessions.values():
            session.recorded = calls
        module.PIPELINE(files, sessions)(text, params, Run())
        for session in sessions.values():
            session.recorded = None
        workbench.run(target, [text], params)
        bare, inside, whole, overhead = [], [], [], []
        for _ in range(rounds):
            started = time.perf_counter()
            for call in calls:
                call.session.run(call.outputs, call.feeds)
            bare.append(time.perf_counter() - started)
            started = time.perf_counter()
            report = workbench.run(target, [text], params)
            whole.append(time.perf_counter() - started)
            times = report.items[0].times_s
            inside.append(times["session"])
            overhead.append(whole[-1] - sum(times.get(step, 0.0) for step in ("preprocess", "session", "postprocess")))
    figures = {"bare": bare, "session": inside, "whole": whole, "overhead": overhead}
    return {name: round(statistics.median(values) * 1000, 3) for name, values in figures.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("model")
    parser.add_argument("--task", default="feature-extraction")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    figures = measure(arguments.model, arguments.task, arguments.rounds)
    if arguments.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:10}{value:10.3f} ms")
    print(f"overhead is {figures['overhead'] / figures['bare']:.1%} of bare session.run")


if __name__ == "__main__":
    main()
