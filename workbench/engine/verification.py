"""A variant against the torch checkpoint it came from: the real task on the recorded samples, without torch.

The export worker wrote ``samples.json`` and ``answers.npz``; the format stands in ``exporters/reference.py``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from workbench.cancellation import Cancellation
from workbench.errors import ModelError
from workbench.tasks.agreement import agreement, cosine
from workbench.tasks.base import Array, Outputs, Pipeline, Run

__all__ = ["verify"]

Send = Callable[[Any, Mapping[str, Any]], None]


def verify(
    pipeline: Pipeline, reference: str, params: Mapping[str, Any], cancellation: Cancellation, send: Send
) -> Generator[None, None, dict[str, Any]]:
    """Compare on every recorded sample; yields after each.

    Returns ``{"samples", "outputs": {name: {"max_abs_diff", "cosine"}}, "agreement": {"metric", "mean", "worst",
    "worst_sample"}}``. Raises ModelError where the reference cannot be read or does not fit the graph.
    """
    params = {**pipeline.reference_params, **params}
    folder = Path(reference)
    samples, arrays = _read(folder)
    differences: dict[str, list[float]] = {}
    cosines: dict[str, list[float]] = {}
    values: list[float] = []
    metric = ""
    for index, sample in enumerate(samples):
        run = Run(cancellation=cancellation)
        item = _input(folder, sample["input"])
        wanted: Outputs = {name: arrays[key] for name, key in sample["outputs"].items()}
        prepared = pipeline.preprocess(item, params, run)
        got = pipeline.reference_outputs(prepared, params, run, sample.get("answer") or {})
        got = pipeline.aligned(got, wanted)
        for name in wanted:
            a, b = _same_shape(got, wanted, name, folder, index)
            differences.setdefault(name, []).append(float(np.max(np.abs(a - b), initial=0.0)))
            cosines.setdefault(name, []).append(cosine(a, b))
        metric, value = _task_level(pipeline, item, prepared, got, wanted, sample.get("answer") or {}, params, run)
        values.append(value)
        send("progress", {"stage": "verify", "done": index + 1, "total": len(samples), "unit": "samples"})
        yield
    worst = int(np.argmin(values))
    outputs = {
        name: {"max_abs_diff": max(differences[name]), "cosine": float(np.mean(cosines[name]))} for name in differences
    }
    return {
        "samples": len(samples),
        "outputs": outputs,
        "agreement": {
            "metric": metric,
            "mean": float(np.mean(values)),
            "worst": values[worst],
            "worst_sample": worst,
        },
    }


def _task_level(
    pipeline: Pipeline,
    item: Any,
    prepared: Any,
    got: Outputs,
    wanted: Outputs,
    answer: Mapping[str, Any],
    params: Mapping[str, Any],
    run: Run,
) -> tuple[str, float]:
    if "token_ids" in answer and "text" not in answer:
        # A language model: which token it would say next, at every place of a real text.
        name = next(iter(wanted))
        same = np.argmax(got[name], -1) == np.argmax(wanted[name], -1)
        return "same next token", float(np.mean(same))
    if (measured := pipeline.compared(got, wanted)) is not None:
        return measured.metric, measured.value
    if "text" in answer:
        result = pipeline(item, params, run)
        measured = agreement(result, type(result)(**_text_result(result, answer)))
        return measured.metric, measured.value
    ours = pipeline.postprocess(got, prepared, params, run)
    theirs = pipeline.postprocess(wanted, prepared, params, run)
    measured = agreement(ours, theirs)
    return measured.metric, measured.value


def _text_result(result: Any, answer: Mapping[str, Any]) -> dict[str, Any]:
    return dict(vars(result)) | {"text": answer["text"]}


def _read(folder: Path) -> tuple[list[dict[str, Any]], dict[str, Array]]:
    try:
        samples = json.loads((folder / "samples.json").read_text("utf-8"))["samples"]
        with np.load(folder / "answers.npz", allow_pickle=False) as archive:
            arrays = {name: archive[name].astype(np.float32) for name in archive.files}
    except (OSError, ValueError, KeyError) as error:
        raise ModelError("reference-unreadable", folder=folder, reason=error) from error
    if not samples:
        raise ModelError("reference-unreadable", folder=folder, reason="it holds no samples")
    return samples, arrays


def _input(folder: Path, value: Any) -> Any:
    """A recorded input as the task takes it: media by their path in the reference folder."""
    if isinstance(value, dict):
        return {name: _input(folder, inner) for name, inner in value.items()}
    if isinstance(value, str) and value.startswith("media/"):
        return str(folder / value)
    return value


def _same_shape(got: Outputs, wanted: Outputs, name: str, folder: Path, index: int) -> tuple[Array, Array]:
    a, b = got.get(name), wanted[name]
    if a is None or a.shape != b.shape:
        shape = "nothing" if a is None else list(a.shape)
        raise ModelError("reference-misfit", output=name, got=shape, wanted=list(b.shape), sample=index + 1)
    return a.astype(np.float32), b
