"""How fast speech is written down, against transformers with torch on as many threads.

    python -m tests.bench.whisper [--export FOLDER] [--threads 2] [--rounds 3] [--json]

The real whisper-tiny.en hears 44 s of read English. FOLDER is what ``tests/toolchain_scripts/whisper.py`` made; without
it the export is made first. Needs WORKBENCH_TEST_TOOLCHAIN and WORKBENCH_TEST_HUB. Medians; one round before counts
for nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from workbench.results import Transcript
from workbench.runtime.session import Session, SessionOptions
from workbench.tasks.automatic_speech_recognition import PIPELINE
from workbench.tasks.base import ModelFiles, Run

ROOT = Path(__file__).parents[2]
GRAPHS = ("encoder_model", "decoder_model_merged")
PRECISIONS = {"fp32": "", "fp16": "_fp16", "int8": "_int8"}
RATE = 16_000


def script(name: str, *words: Path | int) -> None:
    """Run a script of tests/toolchain_scripts in the toolchain's Python."""
    path = ROOT / "tests" / "toolchain_scripts" / f"{name}.py"
    command = [os.environ["WORKBENCH_TEST_TOOLCHAIN"], "-I", str(path), *map(str, words)]
    subprocess.run(command, check=True, env=os.environ | {"HF_HUB_OFFLINE": "1"}, capture_output=True)


def ours(folder: Path, suffix: str, sound: Any, threads: int, rounds: int) -> tuple[list[float], str]:
    """Seconds of each round, and the text."""
    files = ModelFiles(folder, {name: folder / "onnx" / f"{name}{suffix}.onnx" for name in GRAPHS})
    options = SessionOptions("cpu", threads=threads)
    pipeline = PIPELINE(files, {name: Session(path, options) for name, path in files.graphs.items()})
    times_s, text = [], ""
    for _ in range(rounds + 1):
        started = time.perf_counter()
        answer = pipeline({"array": sound, "sampling_rate": RATE}, {}, Run())
        times_s.append(time.perf_counter() - started)
        assert isinstance(answer, Transcript)
        text = answer.text
    return times_s[1:], text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--export", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    words = parser.parse_args()
    hub = Path(os.environ["WORKBENCH_TEST_HUB"])
    (snapshot,) = (hub / "models--openai--whisper-tiny.en" / "snapshots").iterdir()
    with tempfile.TemporaryDirectory() as made:
        folder = words.export or Path(made)
        if not words.export:
            clips = ROOT / "assets" / "samples" / "speech"
            script("whisper", folder, snapshot, hub / "testdata" / "two_cities.wav", clips)
        with np.load(folder / "two_cities.npz") as archive:
            sound = archive["sound"]
        script("whisper_speed", Path(made), snapshot, folder / "two_cities.npz", words.threads, words.rounds)
        peer = json.loads((Path(made) / "torch.json").read_text("utf-8"))
        rows = [{"name": "transformers, torch fp32", "seconds": statistics.median(peer["times_s"]), "same_text": True}]
        for name, suffix in PRECISIONS.items():
            times_s, text = ours(folder, suffix, sound, words.threads, words.rounds)
            rows.append({"name": name, "seconds": statistics.median(times_s), "same_text": text == peer["text"]})
    report(rows, len(sound) / RATE, as_json=words.json)


def report(rows: list[dict[str, Any]], sound_s: float, *, as_json: bool) -> None:
    for row in rows:
        row["times_real_time"] = sound_s / row["seconds"]
        row["times_torch"] = rows[0]["seconds"] / row["seconds"]
    if as_json:
        print(json.dumps({"sound_s": sound_s, "rows": rows}, indent=1))
        return
    print(f"{'':26}{'seconds':>9}{'x real time':>13}{'x torch':>9}  same text")
    for row in rows:
        figures = f"{row['seconds']:9.2f}{row['times_real_time']:13.1f}{row['times_torch']:9.2f}"
        print(f"{row['name']:26}{figures}  {'yes' if row['same_text'] else 'no'}")


if __name__ == "__main__":
    main()
