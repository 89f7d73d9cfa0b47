"""What an export with everything around it costs beside Optimum's own command alone.

    python -m tests.bench.export MODEL_FOLDER [--task TASK] [--rounds 3] [--json]

In turns: ``optimum-cli export onnx`` of the toolchain named by WORKBENCH_TEST_TOOLCHAIN, which makes the fp32 graph
and validates it; and an export of the workbench in fp32 and int8, from the plan to the published artifact: staging, the
worker's start, torch's answers to the samples, both precisions, the engine's start and its verification, the hashes.
Medians of wall-clock seconds, and the stages of the median export. Both find their files in the system's cache, which
one unmeasured round of each fills. Other work on the machine disturbs Optimum's threads more than ours: run it alone.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from workbench.api import Workbench
from workbench.exporting.report import ExportReport
from workbench.tasks.catalog import task_info

PRECISIONS = ("fp32", "int8")


def optimum_s(python: Path, source: Path, task: str) -> float:
    """Seconds of ``optimum-cli export onnx``, offline."""
    command = [
        str(python),
        "-c",
        "from optimum.commands.optimum_cli import main; main()",
        *("export", "onnx", "--model", str(source), "--task", task_info(task).layouts[0].export_task),
    ]
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": folder}
        started = time.perf_counter()
        subprocess.run([*command, f"{folder}/out"], env=environment, check=True, capture_output=True)
        return time.perf_counter() - started


def workbench_s(source: Path, task: str) -> tuple[float, ExportReport]:
    """Seconds of a whole export by the workbench, its engine's start included."""
    shutil.rmtree(os.environ["WORKBENCH_DATA_DIR"], ignore_errors=True)
    started = time.perf_counter()
    with Workbench() as workbench:
        report = workbench.export(workbench.plan_export(str(source), task=task, precisions=PRECISIONS))
    return time.perf_counter() - started, report


def measure(python: Path, source: Path, task: str, rounds: int) -> dict[str, Any]:
    """Seconds by name, the ratio, the stages of the workbench's median round and its worker's peak memory."""
    optimum_s(python, source, task)
    workbench_s(source, task)
    theirs, ours = [], []
    for _ in range(rounds):
        theirs.append(optimum_s(python, source, task))
        ours.append(workbench_s(source, task))
    ours.sort(key=lambda pair: pair[0])
    median_s, report = ours[len(ours) // 2]
    reference_s = statistics.median(theirs)
    return {
        "optimum_s": round(reference_s, 2),
        "workbench_s": round(median_s, 2),
        "ratio": round(median_s / reference_s, 2),
        "stages_s": {stage: round(seconds, 2) for stage, seconds in report.times_s.items()},
        "peak_mb": report.worker_peak_bytes // 1_000_000,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("model", type=Path, help="the folder of a checkpoint")
    parser.add_argument("--task", default="sentence-similarity")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    python = Path(os.environ["WORKBENCH_TEST_TOOLCHAIN"])
    with tempfile.TemporaryDirectory() as folder:
        os.environ["WORKBENCH_DATA_DIR"] = f"{folder}/data"
        os.environ["WORKBENCH_TOOLCHAIN_PYTHON"] = str(python)
        figures = measure(python, arguments.model.absolute(), arguments.task, arguments.rounds)
    if arguments.json:
        print(json.dumps(figures))
        return
    stages = ", ".join(f"{stage} {seconds:.2f}" for stage, seconds in figures["stages_s"].items())
    print(f"optimum-cli {figures['optimum_s']:8.2f} s   (fp32)")
    print(f"workbench   {figures['workbench_s']:8.2f} s   ({', '.join(PRECISIONS)}, verified: {stages})")
    print(f"ratio       {figures['ratio']:8.2f}     peak memory of the worker {figures['peak_mb']} MB")


if __name__ == "__main__":
    main()
