"""How much memory the workers of an export take at most, for each byte of the checkpoint.

    python -m tests.bench.export_memory MODEL_FOLDER [--task TASK] [--precisions fp32 int8 …] [--json]

Each precision by itself, of the checkpoint and of its twin, a seeded model of the same kind with hardly any weights:
what that takes is the toolchain's own (its libraries, what they make on the way, the samples, the scores of all words).
The ratio is what the checkpoint takes beyond it, by the bytes of weights that it has beyond it. The toolchain is that
of WORKBENCH_TEST_TOOLCHAIN.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from workbench.api import Workbench

TWIN = Path(__file__).resolve().parents[1] / "toolchain_scripts" / "small_twin.py"


def weights_bytes(source: Path) -> int:
    return sum(path.stat().st_size for path in source.glob("*.safetensors"))


def exported(source: Path, task: str, precision: str) -> tuple[int, int]:
    """The most memory that a worker of the export had, and what was said beforehand, in bytes."""
    shutil.rmtree(os.environ["WORKBENCH_DATA_DIR"], ignore_errors=True)
    with Workbench() as workbench:
        plan = workbench.plan_export(str(source), task=task, precisions=(precision,))
        return workbench.export(plan, receipt=False).worker_peak_bytes, plan.estimate.memory_bytes


def measure(source: Path, twin: Path, task: str, precision: str) -> dict[str, Any]:
    (peak, said), (own, _) = (exported(folder, task, precision) for folder in (source, twin))
    ratio = (peak - own) / (weights_bytes(source) - weights_bytes(twin))
    return {"precision": precision, "peak": peak, "own": own, "ratio": round(ratio, 2), "said": said}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("model", type=Path, help="the folder of a checkpoint")
    parser.add_argument("--task", default="sentence-similarity")
    parser.add_argument("--precisions", nargs="+", default=["fp32", "fp16", "int8"])
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    python = os.environ["WORKBENCH_TEST_TOOLCHAIN"]
    source = arguments.model.absolute()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["WORKBENCH_DATA_DIR"] = f"{folder}/data"
        os.environ["WORKBENCH_TOOLCHAIN_PYTHON"] = python
        twin = Path(folder) / "twin"
        subprocess.run([python, str(TWIN), str(source), str(twin)], check=True, capture_output=True)
        rows = [measure(source, twin, arguments.task, precision) for precision in arguments.precisions]
    if arguments.json:
        print(json.dumps({"weights": weights_bytes(source), "rows": rows}))
        return
    print(f"weights {weights_bytes(source) / 1e6:.0f} MB")
    for row in rows:
        peak, own, said = (f"{row[name] / 1e6:5.0f} MB" for name in ("peak", "own", "said"))
        print(f"{row['precision']:12} peak {peak}   toolchain's own {own}   ratio {row['ratio']:5.2f}   said {said}")


if __name__ == "__main__":
    main()
