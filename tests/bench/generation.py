"""How fast language models write, against other engines on as many threads.

    python -m tests.bench.generation --graphs FOLDER [--peers PYTHON] [--gguf FILE] [--threads 2] [--rounds 5] [--json]

FOLDER is an export of SmolLM2-135M-Instruct with graphs over a shared cache: ``onnx/model.onnx``, ``model_q4.onnx``,
``model_int8.onnx``; those that are not there are left out. PYTHON has what ``tests/bench/peers.txt`` lists; a peer that
is not installed there is left out, and said so. FILE is the same model for llama.cpp, in any precision: it is quantized
from there. torch runs in WORKBENCH_TEST_TOOLCHAIN over the snapshot in WORKBENCH_TEST_HUB.

Each engine has a process of its own, and they take turns, every second time the other way round. Medians, and ratios
of each round; one round before counts for nothing. Beside them stands how many tokens a second there can be at most:
so often can all weights be read.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from workbench.engine.host import engine_environment
from workbench.runtime.causal_decoder import KEEP

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "tests" / "bench" / "generation_engines.py"
PRECISIONS = {"fp32": "", "int8": "_int8", "q4": "_q4"}
MODULES = {"llama": "llama_cpp", "genai": "onnxruntime_genai"}
# llama.cpp's numbers of its precisions.
QUANTIZED = {"Q8_0": 7, "Q4_0": 2}
# What each of ours is compared with in every round.
PEERS = {
    "ours fp32": ("torch fp32", "genai fp32"),
    "ours int8": ("llama.cpp Q8_0", "genai int8"),
    "ours q4": ("llama.cpp Q4_0", "genai q4", "torch fp32"),
}
PROMPT, SHORT, NEW = 512, 16, 128
# So many bytes do not fit into a cache.
ARRAY_BYTES = 256 << 20


@dataclass
class Engine:
    """One engine with one model, and what was measured of it."""

    name: str
    process: subprocess.Popen[str]
    weights: int
    decode: list[float] = field(default_factory=list)
    prompt: list[float] = field(default_factory=list)
    memory_mb: float = 0.0

    @classmethod
    def start(cls, name: str, python: str, kind: str, file: Path, threads: int) -> Engine:
        command = [python, str(SCRIPT), kind, str(file), str(threads)]
        own = engine_environment() if kind == "ours" else os.environ | {"HF_HUB_OFFLINE": "1"}
        env = own | {"PYTHONPATH": str(ROOT)}
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=env
        )
        engine = cls(name, process, weight_bytes(file))
        engine._read()
        return engine

    def round(self, long: Sequence[int], short: Sequence[int]) -> None:
        read, written = self._ask(long, 1), self._ask(short, NEW)
        self.prompt.append(len(long) / read["first_s"])
        self.decode.append((NEW - 1) / written["rest_s"])
        self.memory_mb = written["memory_mb"]

    def end(self) -> None:
        self.process.communicate()

    def _ask(self, prompt: Sequence[int], new: int) -> dict[str, Any]:
        assert self.process.stdin
        print(json.dumps({"prompt": list(prompt), "new": new}), file=self.process.stdin, flush=True)
        return self._read()

    def _read(self) -> dict[str, Any]:
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name} ended: {' '.join(map(str, self.process.args))}")  # type: ignore[arg-type]
        return dict(json.loads(line))


def weight_bytes(file: Path) -> int:
    """The bytes of a model: a file with what lies beside it, or a folder of safetensors as float32."""
    if file.is_dir():
        return 2 * sum(part.stat().st_size for part in file.glob("*.safetensors"))  # of float16
    return sum(part.stat().st_size for part in file.parent.glob(f"{file.name}*"))


def bandwidth(threads: int) -> float:
    """Bytes a second that so many threads read of arrays beyond the cache, the best of several times."""
    parts = np.array_split(np.ones(ARRAY_BYTES // 4, np.float32), threads)
    times_s = []
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(8):
            started = time.perf_counter()
            list(pool.map(np.max, parts))
            times_s.append(time.perf_counter() - started)
    return ARRAY_BYTES / min(times_s)


def quantized(python: str, file: Path, folder: Path) -> dict[str, Path]:
    """The model in llama.cpp's own precisions."""
    made = {name: folder / f"{name}.gguf" for name in QUANTIZED}
    for name, number in QUANTIZED.items():
        code = (
            "import sys, ctypes, llama_cpp as l; p = l.llama_model_quantize_default_params();"
            f"p.ftype = {number}; p.allow_requantize = True; p.pure = False;"
            "sys.exit(l.llama_model_quantize(sys.argv[1].encode(), sys.argv[2].encode(), ctypes.byref(p)))"
        )
        subprocess.run([python, "-c", code, str(file), str(made[name])], check=True, capture_output=True)
    return made


def for_last_token(file: Path, folder: Path) -> Path:
    """A copy of a graph, below ``folder``, whose scores are those of the last token alone. genai feeds no input that
    has a default, and would make the scores of a whole prompt."""
    model = onnx.load(str(file), load_external_data=False)
    defaults = [item for item in model.graph.initializer if item.name == KEEP]
    if not defaults:
        return file
    defaults[0].CopyFrom(numpy_helper.from_array(np.array(1, np.int64), KEEP))
    logits = next(item for item in model.graph.output if item.name == "logits")
    logits.type.tensor_type.shape.dim[1].dim_value = 1  # by which genai knows how many there will be
    made = folder / file.stem / "onnx" / file.name
    made.parent.mkdir(parents=True)
    (made.parents[1] / "config.json").symlink_to(file.parents[1].absolute() / "config.json")
    for data in file.parent.glob(f"{file.name}_data"):
        shutil.copyfile(data, made.parent / data.name)  # onnxruntime follows no link out of the folder
    made.write_bytes(model.SerializeToString())
    return made


def has(python: str | None, module: str) -> bool:
    if python is None:
        return False
    found = subprocess.run([python, "-c", f"import {module}"], check=False, capture_output=True)
    return found.returncode == 0


def engines(words: argparse.Namespace, folder: Path) -> list[Engine]:
    started = []
    there = {name: words.graphs / "onnx" / f"model{suffix}.onnx" for name, suffix in PRECISIONS.items()}
    there = {name: file for name, file in there.items() if file.exists() and name in words.precisions}
    for name, file in there.items():
        started.append(Engine.start(f"ours {name}", sys.executable, "ours", file, words.threads))
    for kind, module in MODULES.items():
        if not has(words.peers, module):
            print(f"left out, since it is not installed: {module}", file=sys.stderr)
        elif kind == "genai":
            for name, file in there.items():
                last = for_last_token(file, folder)
                started.append(Engine.start(f"genai {name}", words.peers, kind, last, words.threads))
        elif words.gguf is None:
            print("left out, since there is no --gguf: llama.cpp", file=sys.stderr)
        else:
            for name, file in quantized(words.peers, words.gguf, folder).items():
                started.append(Engine.start(f"llama.cpp {name}", words.peers, kind, file, words.threads))
    toolchain = os.environ.get("WORKBENCH_TEST_TOOLCHAIN")
    if words.torch and has(toolchain, "torch") and "WORKBENCH_TEST_HUB" in os.environ:
        hub = Path(os.environ["WORKBENCH_TEST_HUB"])
        (snapshot,) = (hub / "models--HuggingFaceTB--SmolLM2-135M-Instruct" / "snapshots").iterdir()
        started.append(Engine.start("torch fp32", str(toolchain), "torch", snapshot, words.threads))
    else:
        print("left out: torch", file=sys.stderr)
    return started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--graphs", type=Path, required=True)
    parser.add_argument("--precisions", nargs="+", default=list(PRECISIONS), choices=list(PRECISIONS))
    parser.add_argument("--peers")
    parser.add_argument("--gguf", type=Path)
    parser.add_argument("--no-torch", dest="torch", action="store_false")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    words = parser.parse_args()
    tokens = np.random.default_rng(0).integers(100, 40_000, PROMPT).tolist()
    with tempfile.TemporaryDirectory() as made:
        started = engines(words, Path(made))
        limit = bandwidth(words.threads)
        for number in range(words.rounds + 1):
            for engine in started[::-1] if number % 2 else started:
                engine.round(tokens, tokens[:SHORT])
                if number == 0:
                    engine.decode.clear()
                    engine.prompt.clear()
        for engine in started:
            engine.end()
    report(started, limit, as_json=words.json)


def ratios(started: Sequence[Engine]) -> list[dict[str, Any]]:
    """Ours to a peer, round by round: what slows a machine for a while slows both. Quartiles, the middle one first."""
    known = {engine.name: engine for engine in started}
    rows = []
    for name, peers in PEERS.items():
        for peer in peers:
            if name in known and peer in known:
                ours, theirs = known[name], known[peer]
                row: dict[str, Any] = {"name": name, "peer": peer}
                for what in ("decode", "prompt"):
                    pairs = zip(getattr(ours, what), getattr(theirs, what), strict=True)
                    low, middle, high = np.quantile([one / other for one, other in pairs], (0.25, 0.5, 0.75))
                    row[what] = [float(middle), float(low), float(high)]
                rows.append(row)
    return rows


def report(started: Sequence[Engine], limit: float, *, as_json: bool) -> None:
    rows = [
        {
            "name": engine.name,
            "decode_tokens_per_s": statistics.median(engine.decode),
            "prompt_tokens_per_s": statistics.median(engine.prompt),
            "bandwidth_tokens_per_s": limit / engine.weights,
            "memory_mb": engine.memory_mb,
        }
        for engine in started
    ]
    if as_json:
        print(json.dumps({"bandwidth_bytes_per_s": limit, "rows": rows, "ratios": ratios(started)}, indent=1))
        return
    print(f"tokens/s; memory is read at {limit / 1e9:.0f} GB/s at most")
    print(f"{'':18}{f'decode of {NEW}':>14}{f'prompt of {PROMPT}':>15}{'weights read':>14}{'memory MB':>11}")
    for row in rows:
        figures = f"{row['decode_tokens_per_s']:14.1f}{row['prompt_tokens_per_s']:15.0f}"
        print(f"{row['name']:18}{figures}{row['bandwidth_tokens_per_s']:14.0f}{row['memory_mb']:11.0f}")
    print("round by round, median and quartiles")
    for row in ratios(started):
        shown = [
            f"{what} {row[what][0]:.2f} ({row[what][1]:.2f} to {row[what][2]:.2f})" for what in ("decode", "prompt")
        ]
        print(f"{row['name']} / {row['peer']}: {', '.join(shown)}")


if __name__ == "__main__":
    main()
