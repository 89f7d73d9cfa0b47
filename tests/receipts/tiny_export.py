"""An export of the tiny classifier with two variants and recorded answers, all worked out by hand."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from tests.engine.tiny import WEIGHTS, WORDS, tiny_model
from workbench.library.artifacts import Artifact, read_artifact
from workbench.library.manifest import FileEntry, Manifest, VariantEntry, write_manifest

COMMIT = "0123456789abcdef0123456789abcdef01234567"
TEXTS = (
    "good",
    "bad",
    "fine",
    "good fine",
    "bad fine",
    "good bad",
    "fine fine",
    "good good",
    "bad bad",
    "bad bad fine",
)
# In the smaller variant "fine" is worse than nothing: it changes the label of the texts that have no other word.
OTHER_FINE = (1.0, -1.0)
DIFFERING = {"fine", "fine fine", "good bad", "bad fine"} & {"fine", "fine fine"}


def tiny_export(artifacts: Path, *, agreement: float = 1.0) -> Artifact:
    """Write ``someone--tiny/01234567-text-classification``; ``agreement`` is what its export is said to have measured
    of int8."""
    folder = artifacts / "someone--tiny" / f"{COMMIT[:8]}-text-classification"
    tiny_model(folder)
    graph = onnx.load(folder / "onnx" / "model.onnx")
    (weights,) = (item for item in graph.graph.initializer if item.name == "weights")
    changed = np.array(numpy_helper.to_array(weights))
    changed[WORDS.index("fine")] = OTHER_FINE
    weights.CopyFrom(numpy_helper.from_array(changed, "weights"))
    # The padding is one number, so that this one is the smaller of the two.
    (folder / "onnx" / "model_int8.onnx").write_bytes(graph.SerializeToString())
    (folder / "onnx" / "model.onnx").write_bytes(_padded(folder / "onnx" / "model.onnx"))
    write_reference(folder / "reference", TEXTS)
    return published(folder, agreement)


def published(folder: Path, agreement: float = 1.0) -> Artifact:
    """Write the manifest of what lies there."""

    def entry(name: str) -> FileEntry:
        data = (folder / name).read_bytes()
        return FileEntry(name, len(data), hashlib.sha256(data).hexdigest())

    def variant(precision: str, name: str, mean: float) -> VariantEntry:
        measured = {"metric": "same label", "mean": mean, "worst": 0.0, "worst_sample": 0}
        outputs = {"logits": {"max_abs_diff": 0.0, "cosine": 1.0}}
        verification = {"samples": len(TEXTS), "outputs": outputs, "agreement": measured}
        return VariantEntry(precision, {"method": "by hand"}, (entry(name),), verification)

    beside = (
        "config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "reference/samples.json",
        "reference/answers.npz",
    )
    manifest = Manifest(
        repo_id="someone/tiny",
        commit=COMMIT,
        task="text-classification",
        licence=None,
        source_files=(),
        files=tuple(entry(name) for name in beside),
        variants=(variant("fp32", "onnx/model.onnx", 1.0), variant("int8", "onnx/model_int8.onnx", agreement)),
    )
    write_manifest(folder, manifest)
    return read_artifact(folder, f"{folder.parent.name}/{folder.name}")


def write_reference(folder: Path, texts: tuple[str, ...]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {f"{n}/logits": logits(text) for n, text in enumerate(texts)}
    np.savez(folder / "answers.npz", **arrays)  # type: ignore[arg-type]
    rows = [{"input": text, "outputs": {"logits": f"{n}/logits"}} for n, text in enumerate(texts)]
    document = {"schema": 1, "task": "text-classification", "samples": rows}
    (folder / "samples.json").write_text(json.dumps(document), "utf-8")


def logits(text: str) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.sum([WEIGHTS[WORDS.index(word)] for word in text.split()], 0, dtype=np.float32)[None]


def copied(artifact: Artifact, target: Path) -> Path:
    return Path(shutil.copytree(artifact.folder, target))


def _padded(path: Path) -> bytes:
    graph = onnx.load(path)
    graph.graph.initializer.append(numpy_helper.from_array(np.zeros(5000, np.float32), "unused"))
    return graph.SerializeToString()
