"""How fast a hub cache is listed, against huggingface_hub and a bare walk of the same folders.

    python -m tests.bench.scan [--repos 1000] [--files 6] [--rounds 9] [--json]

In turns: huggingface_hub's ``scan_cache_dir``; our reading of the same facts (repositories, revisions, refs, files,
sizes, times) with our index and without; our whole listing (also task, licence, state, what can be done …) with it and
without; and a walk that reads the folders and asks for nothing else. Medians; the file system's cache is warm, and what
the way before left behind is cleared away first. The index never saves a question for the state of a file.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import json
import os
import statistics
import struct
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import scan_cache_dir

from workbench.library.hub import Memory, read_hub
from workbench.library.index import Index
from workbench.library.layouts import TICK_S
from workbench.library.model import Roots, Totals
from workbench.library.scanner import scan

CARD = """---
license: apache-2.0
language: en
pipeline_tag: text-classification
tags: [one, two, three]
---
# Model {number}
A card.
"""


@dataclass(frozen=True)
class Row:
    """One way to list. ``ratio`` is how many times as fast as huggingface_hub."""

    name: str
    median_ms: float
    ratio: float


def build_tree(root: Path, repos: int, files: int) -> None:
    """A hub cache of this many models with this many files each, linked as the hub's client links them."""
    header = json.dumps({"weight": {"dtype": "F32", "shape": [4, 4], "data_offsets": [0, 64]}}).encode()
    weights = struct.pack("<Q", len(header)) + header + bytes(64)
    config = {"model_type": "bert", "architectures": ["BertForSequenceClassification"]}
    for number in range(repos):
        contents = {
            "config.json": json.dumps({**config, "number": number}).encode(),
            "README.md": CARD.format(number=number).encode(),
            "model.safetensors": weights,
        }
        contents |= {f"tokenizer_{n}.json": f'{{"n": {number + n}}}'.encode() for n in range(files - len(contents))}
        repo = root / f"models--org{number % 50}--model-{number}"
        commit = hashlib.sha1(str(number).encode()).hexdigest()
        snapshot = repo / "snapshots" / commit
        for folder in (snapshot, repo / "blobs", repo / "refs"):
            folder.mkdir(parents=True)
        (repo / "refs" / "main").write_text(commit)
        for name, data in contents.items():
            blob = hashlib.sha256(name.encode() + data).hexdigest()
            (repo / "blobs" / blob).write_bytes(data)
            (snapshot / name).symlink_to(f"../../blobs/{blob}")


def measure(root: Path, index: Path, rounds: int) -> list[Row]:
    """All ways in turns, so that what else the machine does meets them alike."""
    roots = Roots(hub_caches=(root,), index=index)

    def first_time() -> None:
        index.unlink(missing_ok=True)
        scan(roots)

    def same_facts(memory: Memory | None) -> list[tuple[str, Totals]]:
        repos, _ = read_hub(str(root), memory)
        return [(repo.id, Totals.of(file for raw in repo.snapshots for file in raw.files)) for repo in repos]

    scan(roots)
    ways: dict[str, Callable[[], Any]] = {
        "huggingface_hub.scan_cache_dir": lambda: scan_cache_dir(root),
        "ours, same facts, with index": lambda: same_facts(Index(index).memory),
        "ours, same facts, without index": lambda: same_facts(None),
        "ours, whole listing, with index": lambda: scan(roots),
        "ours, whole listing, first time": first_time,
        "bare scandir walk": lambda: _walk(str(root)),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            gc.collect()
            started = time.perf_counter()
            found = way()
            times[name].append(time.perf_counter() - started)
            del found  # freeing it is no part of listing
    base = statistics.median(times["huggingface_hub.scan_cache_dir"])
    medians = {name: statistics.median(values) for name, values in times.items()}
    return [Row(name, round(median * 1000, 1), round(base / median, 2)) for name, median in medians.items()]


def main() -> None:
    parser = argparse.ArgumentParser(description="List a hub cache in several ways and compare the times.")
    parser.add_argument("--repos", type=int, default=1000)
    parser.add_argument("--files", type=int, default=6, choices=range(3, 1000), metavar="N")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="scan-bench-") as folder:
        root = Path(folder) / "hub"
        root.mkdir()
        build_tree(root, arguments.repos, arguments.files)
        time.sleep(TICK_S + 0.5)  # what changed a moment ago is not remembered
        rows = measure(root, Path(folder) / "index.json", arguments.rounds)
    if arguments.json:
        print(json.dumps({"repos": arguments.repos, "files": arguments.files, "rows": [vars(row) for row in rows]}))
        return
    print(f"{arguments.repos} models of {arguments.files} files, median of {arguments.rounds}")
    for row in rows:
        print(f"{row.name:34}{row.median_ms:9.1f} ms {row.ratio:7.2f} x")


def _walk(folder: str) -> None:
    for entry in list(os.scandir(folder)):
        if entry.is_dir(follow_symlinks=False):
            _walk(entry.path)


if __name__ == "__main__":
    main()
