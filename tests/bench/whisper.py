"""How fast speech is written down, against transformers with torch and against faster-whisper.

    python -m tests.bench.whisper [--export FOLDER] [--peers PYTHON] [--threads 2] [--rounds 5] [--json]

The real whisper-tiny.en hears 44 s of read English, with timestamps. FOLDER is what
``tests/toolchain_scripts/whisper.py`` made; without it the export is made first. PYTHON is that of an environment with
faster-whisper, which runs in int8 on one thread and on as many as ours. Needs WORKBENCH_TEST_TOOLCHAIN and
WORKBENCH_TEST_HUB. Processes take turns; medians; one round before counts for nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from tests.bench.rounds import answer_rounds, measure

ROOT = Path(__file__).parents[2]
PEERS = Path(__file__).parent / "peers"
GRAPHS = ("encoder_model", "decoder_model_merged")
PRECISIONS = {"fp32": "", "fp16": "_fp16", "int8": "_int8"}
RATE = 16_000
TORCH = "transformers, torch fp32"


def ours(folder: Path, suffix: str, threads: int) -> None:
    """Answer rounds with one precision of an export."""
    from workbench.results import Transcript
    from workbench.runtime.session import Session, SessionOptions
    from workbench.tasks.automatic_speech_recognition import PIPELINE
    from workbench.tasks.base import ModelFiles, Run

    files = ModelFiles(folder, {name: folder / "onnx" / f"{name}{suffix}.onnx" for name in GRAPHS})
    options = SessionOptions("cpu", threads=threads)
    pipeline = PIPELINE(files, {name: Session(path, options) for name, path in files.graphs.items()})
    with np.load(folder / "two_cities.npz") as archive:
        item = {"array": archive["sound"], "sampling_rate": RATE}

    def work() -> str:
        answer = pipeline(item, {}, Run())
        assert isinstance(answer, Transcript)
        return answer.text

    answer_rounds(work)


def toolchain(script: Path, *words: Path | str) -> None:
    """Run a script in the toolchain's Python."""
    command = [os.environ["WORKBENCH_TEST_TOOLCHAIN"], "-I", str(script), *map(str, words)]
    subprocess.run(command, check=True, env=os.environ | {"HF_HUB_OFFLINE": "1"}, capture_output=True)


def faster_whisper(python: str, snapshot: Path, sound: Path, threads: int, made: Path) -> dict[str, list[str]]:
    """Commands of faster-whisper, whose model is made first."""
    where = "import faster_whisper, pathlib; print(pathlib.Path(faster_whisper.__file__).parents[1])"
    packages = subprocess.run([python, "-c", where], check=True, capture_output=True, text=True).stdout.strip()
    script, model = PEERS / "whisper_faster.py", made / "faster-whisper"
    toolchain(script, "--convert", snapshot, model, packages)
    counts = sorted({1, threads})
    return {f"faster-whisper int8, {n} thr": [python, str(script), str(model), str(sound), str(n)] for n in counts}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--export", type=Path)
    parser.add_argument("--peers", metavar="PYTHON")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--work", help=argparse.SUPPRESS)  # the suffix of the precision that this process is to run
    words = parser.parse_args()
    if words.work is not None:
        ours(words.export, words.work, words.threads)
        return
    hub = Path(os.environ["WORKBENCH_TEST_HUB"])
    (snapshot,) = (hub / "models--openai--whisper-tiny.en" / "snapshots").iterdir()
    with tempfile.TemporaryDirectory() as made:
        folder = words.export or Path(made) / "export"
        if not words.export:
            script, clips = ROOT / "tests/toolchain_scripts/whisper.py", ROOT / "assets/samples/speech"
            toolchain(script, folder, snapshot, hub / "testdata" / "two_cities.wav", clips)
        sound, threads = folder / "two_cities.npz", str(words.threads)
        torch = [os.environ["WORKBENCH_TEST_TOOLCHAIN"], "-I", str(PEERS / "whisper_torch.py")]
        own = [sys.executable, "-m", "tests.bench.whisper", "--export", str(folder), "--threads", threads]
        commands = {TORCH: [*torch, str(snapshot), str(sound), threads]}
        if words.peers:
            commands |= faster_whisper(words.peers, snapshot, sound, words.threads, Path(made))
        commands |= {name: [*own, f"--work={suffix}"] for name, suffix in PRECISIONS.items()}
        rows = measure(commands, words.rounds)
        with np.load(sound) as archive:
            report(rows, len(archive["sound"]) / RATE, as_json=words.json)
    if not words.peers and not words.json:
        print("faster-whisper was left out: name a Python that has it with --peers")


def report(rows: dict[str, dict[str, Any]], sound_s: float, *, as_json: bool) -> None:
    torch = rows[TORCH]
    wanted = spoken(torch["text"])
    peers_s = [row["seconds"] for name, row in rows.items() if name.startswith("faster-whisper")]
    for row in rows.values():
        row["times_real_time"] = sound_s / row["seconds"]
        row["times_torch"] = torch["seconds"] / row["seconds"]
        row["times_faster_whisper"] = min(peers_s) / row["seconds"] if peers_s else None
        row["same_words"] = spoken(row.pop("text")) == wanted
    if as_json:
        print(json.dumps({"sound_s": sound_s, "rows": rows}, indent=1))
        return
    print(f"{'':28}{'seconds':>8}{'x real time':>13}{'x torch':>9}{'x faster-w.':>13}{'peak MB':>9}  same words")
    for name, row in rows.items():
        faster = f"{row['times_faster_whisper']:13.2f}" if peers_s else f"{'-':>13}"
        peak = f"{row['peak_bytes'] / 1e6:9.0f}" if row["peak_bytes"] else f"{'-':>9}"
        same = "yes" if row["same_words"] else "no"
        times = f"{row['seconds']:8.2f}{row['times_real_time']:13.1f}{row['times_torch']:9.2f}{faster}"
        print(f"{name:28}{times}{peak}  {same}")


def spoken(text: str) -> list[str]:
    """The words of a text, without signs and capitals."""
    return "".join(sign if sign.isalnum() else " " for sign in text.lower()).split()


if __name__ == "__main__":
    main()
