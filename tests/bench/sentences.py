"""How many sentences a second a sentence model takes in each precision, against OpenVINO's int8.

    python -m tests.bench.sentences FOLDER [--openvino PYTHON] [--threads 1] [--rounds 7] [--json]

FOLDER is an export of a sentence model, as all-MiniLM-L6-v2. PYTHON has ``openvino`` and ``nncf``, in an environment of
its own; it quantizes ``onnx/model.onnx`` to weights and activations of 8 bits, with the smoothing of NNCF for
transformers, over half of the sentences. The other half is measured: sorted by length, 32 at a time, the bare graphs in
turns, each in a process of its own; medians. Cosine is the mean of that between a sentence's vector (the mean of its
tokens) and that of fp32.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from tests.bench.rounds import measure

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "tests" / "bench" / "peers" / "sentences_graph.py"
TEXTS = ("README.md", "ARCHITECTURE.md", "CHANGELOG.md")
BATCH = 32
LONGEST = 64


def sentences() -> list[str]:
    """Those of the project's own texts, the same ones each time for the same texts."""
    prose = " ".join((ROOT / name).read_text("utf-8") for name in TEXTS)
    found = re.split(r"(?<=[.!?:])\s+|\n+|\|", re.sub(r"[`*#>]", "", prose))
    return sorted({text.strip() for text in found if 4 <= len(text.split()) <= 40})


def batches(tokenizer: Tokenizer, texts: list[str]) -> list[dict[str, np.ndarray[Any, Any]]]:
    """Token ids and masks, int64 [32, tokens], of sentences sorted by length."""
    rows = sorted((tokenizer.encode(text).ids[:LONGEST] for text in texts), key=len)
    made = []
    for start in range(0, len(rows), BATCH):
        part = rows[start : start + BATCH]
        ids = np.zeros((len(part), max(map(len, part))), np.int64)
        mask = np.zeros_like(ids)
        for row, tokens in enumerate(part):
            ids[row, : len(tokens)], mask[row, : len(tokens)] = tokens, 1
        made.append({"input_ids": ids, "attention_mask": mask})
    return made


def save(path: Path, made: list[dict[str, np.ndarray[Any, Any]]]) -> Path:
    np.savez(path, **{f"{number}/{name}": value for number, batch in enumerate(made) for name, value in batch.items()})
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--openvino", metavar="PYTHON")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    words = parser.parse_args()
    tokenizer = Tokenizer.from_file(str(words.folder / "tokenizer.json"))
    tokenizer.no_padding()
    texts = sentences()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        measured = save(folder / "measured.npz", batches(tokenizer, texts[::2]))
        seen = save(folder / "seen.npz", batches(tokenizer, texts[1::2]))
        commands: dict[str, list[str]] = {}
        for graph in sorted((words.folder / "onnx").glob("model*.onnx")):
            name = graph.stem.removeprefix("model").removeprefix("_") or "fp32"
            commands[name] = [sys.executable, str(SCRIPT), "onnxruntime", str(graph)]
        if words.openvino:
            for kind in ("openvino", "openvino-w8a8"):
                commands[kind] = [words.openvino, str(SCRIPT), kind, str(words.folder / "onnx" / "model.onnx")]
        for name, command in commands.items():
            command += [str(measured), str(seen), str(folder / f"{name}.npy"), str(words.threads)]
        found = measure(commands, words.rounds)
        vectors = {name: np.load(folder / f"{name}.npy") for name in commands}
    rows = {
        name: {
            "sentences_per_s": len(vectors[name]) / figures["seconds"],
            "to_fp32": found["fp32"]["seconds"] / figures["seconds"],
            "cosine": float((vectors[name] * vectors["fp32"]).sum(1).mean()),
            "peak_mb": figures["peak_bytes"] / 1e6,
        }
        for name, figures in found.items()
    }
    if words.json:
        print(json.dumps(rows, indent=1))
        return
    print(f"{'':16}{'sentences/s':>12}{'to fp32':>9}{'cosine':>9}{'MB':>7}")
    for name, row in rows.items():
        print(f"{name:16}{row['sentences_per_s']:12.0f}{row['to_fp32']:8.2f}×{row['cosine']:9.4f}{row['peak_mb']:7.0f}")


if __name__ == "__main__":
    main()
