"""``sentences_graph.py KIND GRAPH MEASURED SEEN OUT THREADS``: one engine over one sentence model, in rounds.

KIND is onnxruntime, openvino, or openvino-w8a8, which is quantized over the batches in SEEN first. Vectors, float32
[sentences, size] of length 1, are written to OUT before the first round.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

os.environ["ORT_DISABLE_TELEMETRY"] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

import numpy as np

Batch = Mapping[str, Any]
# The vectors of tokens, float32 [sentences, tokens, size].
Graph = Callable[[Batch], Any]


def load(path: str) -> list[dict[str, Any]]:
    made: dict[int, dict[str, Any]] = {}
    with np.load(path) as archive:
        for key in archive.files:
            number, name = key.split("/")
            made.setdefault(int(number), {})[name] = archive[key]
    return [made[number] for number in sorted(made)]


def with_types(batch: Batch, names: Sequence[str]) -> Batch:
    """With the token types that some models ask for, which are all 0."""
    return {name: batch.get(name, np.zeros_like(batch["input_ids"])) for name in names}


def onnxruntime(path: str, threads: int) -> Graph:
    from workbench.runtime.session import Session, SessionOptions
    from workbench.tasks.base import Run

    session = Session(Path(path), SessionOptions("cpu", threads=threads))
    first = session.output_names[:1]
    return lambda batch: session.run(with_types(batch, session.input_names), Run(), first)[first[0]]


def openvino(path: str, threads: int, seen: Sequence[Batch] = ()) -> Graph:
    import openvino as ov

    core = ov.Core()
    model = core.read_model(path)
    names = [item.get_any_name() for item in model.inputs]
    if seen:
        import nncf

        data = nncf.Dataset([dict(with_types(batch, names)) for batch in seen])
        model = nncf.quantize(model, data, model_type=nncf.ModelType.TRANSFORMER, subset_size=len(seen))
    hint = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    compiled = core.compile_model(model, "CPU", hint)
    return lambda batch: compiled(dict(with_types(batch, names)))[0]


def main(kind: str, path: str, measured: str, seen: str, out: str, threads: str) -> None:
    from tests.bench.rounds import answer_rounds

    batches = load(measured)
    if kind == "onnxruntime":
        graph = onnxruntime(path, int(threads))
    else:
        graph = openvino(path, int(threads), load(seen) if kind == "openvino-w8a8" else ())

    def work() -> str:
        for batch in batches:
            graph(batch)
        return ""

    vectors = []
    for batch in batches:
        mask = batch["attention_mask"][..., None].astype(np.float32)
        mean = (np.asarray(graph(batch)) * mask).sum(1) / mask.sum(1)
        vectors.append(mean / np.linalg.norm(mean, axis=1, keepdims=True))
    np.save(out, np.concatenate(vectors))
    answer_rounds(work)


if __name__ == "__main__":
    main(*sys.argv[1:])
