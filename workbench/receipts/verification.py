"""Whether a variant may be published: the engine runs it on the recorded samples, and this judges what came out."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from workbench.cancellation import Cancellation
from workbench.engine.host import EngineHost
from workbench.engine.request import ModelChoice
from workbench.errors import ExportError, Notice
from workbench.receipts.closeness import Closeness, closeness
from workbench.receipts.receipt import AS_FAST
from workbench.tasks.catalog import check_params, task_info
from workbench.wire import Message

__all__ = ["is_exact", "is_fast", "recommend", "verify_variant"]

# The lowest mean cosine of any output to torch's. fp32 differs by rounding alone; below 0.9 an int8 graph is broken
# rather than coarse (per-tensor weights of MiniLM still reach 0.959, its worst known recipe 0.874).
MIN_COSINE = {"fp32": 0.9999, "fp16": 0.999}
MIN_COSINE_QUANTIZED = 0.9


def verify_variant(
    host: EngineHost,
    folder: Path,
    graphs: Mapping[str, Path],
    task: str,
    precision: str,
    *,
    on_progress: Callable[[Mapping[str, Any]], None] | None = None,
    cancellation: Cancellation | None = None,
) -> Mapping[str, Any]:
    """Load and run one staged variant on the CPU; what was measured, see :mod:`workbench.engine.verification`.

    Raises ExportError when an output is not finite or too far from torch's, ModelError when the graph does not load.
    """
    info = task_info(task)
    shown = task_info(info.verified_as or task)
    choice = ModelChoice(
        name=f"{folder.name} {precision}",
        folder=str(folder),
        graphs={name: str(path) for name, path in graphs.items()},
        task=shown.id,
        provider="cpu",
    )

    def receive(message: Message) -> None:
        if on_progress and message.kind == "progress":
            on_progress(message.body)

    body = {
        "model": choice.to_body(),
        "reference": str(folder / "reference"),
        "params": check_params(shown, info.verified_with),
    }
    doing = Notice.of("doing-verify", precision=precision)
    try:
        answer = host.call("verify", body, doing=doing, on_event=receive, cancellation=cancellation)
    finally:
        # The files are moved next, which Windows refuses while a session holds them open.
        host.call("unload", {"folder": str(folder)}, doing=doing)
    measured = {name: answer[name] for name in ("samples", "outputs", "agreement")}
    floor = MIN_COSINE.get(precision, MIN_COSINE_QUANTIZED)
    for name, output in measured["outputs"].items():
        cosine = output["cosine"]
        if not math.isfinite(cosine) or cosine < floor:
            raise ExportError(
                "export-disagrees",
                precision=precision,
                output=name,
                cosine=f"{cosine:.4f}",
                floor=floor,
                difference=f"{output['max_abs_diff']:.3g}",
            )
    return measured


def recommend(
    variants: Mapping[str, tuple[int, Mapping[str, Any]]], median_s: Mapping[str, float] = MappingProxyType({})
) -> str:
    """Of variants by name with (bytes, verification): the smallest that is exact enough and, where speed was measured
    (``median_s``, seconds a run), not slower than fp32; else the most exact."""

    def agreement(name: str) -> float:
        return float(variants[name][1].get("agreement", {}).get("mean", 0.0))

    good = [name for name in variants if is_exact(variants[name][1]) and is_fast(name, median_s)]
    if good:
        return min(good, key=lambda name: variants[name][0])
    return max(variants, key=agreement)


def is_exact(verification: Mapping[str, Any]) -> bool:
    """Whether answers are near enough to the reference's for a smaller variant to be recommended."""
    agreement = verification.get("agreement", {})
    return closeness(float(agreement.get("mean", 0.0)), agreement.get("extra", {})) >= Closeness.CLOSE


def is_fast(name: str, median_s: Mapping[str, float]) -> bool:
    """Whether a variant is no slower than fp32, as far as that is known."""
    if name not in median_s or "fp32" not in median_s:
        return True
    return median_s[name] <= median_s["fp32"] * AS_FAST
