"""What a graph answers to samples, written as the exporter writes torch's answers: the reference where there is none.

The format stands in ``exporters/reference.py``. Files of samples are named by their paths, not copied.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from exporters.protocol import REFERENCE_SCHEMA
from workbench.cancellation import Cancellation
from workbench.engine.verification import log_likelihoods
from workbench.errors import InputError, error_to_wire
from workbench.results import Text, Transcript
from workbench.tasks.base import Outputs, Pipeline, Run
from workbench.tasks.info import TaskInfo

__all__ = ["record"]

Send = Callable[[Any, Mapping[str, Any]], None]

# As the exporter does: so much of a text, and logits for so many numbers in all, of a sample's first tokens.
READ_TOKENS = 256
MAX_LOGITS = 16 << 20
MIN_TOKENS = 4


def record(
    pipeline: Pipeline,
    task: TaskInfo,
    inputs: Sequence[Any],
    params: Mapping[str, Any],
    folder: Path,
    cancellation: Cancellation,
    send: Send,
) -> Generator[None, None, dict[str, Any]]:
    """Answer every input into ``folder``; yields after each.

    Returns ``{"answered", "skipped": [{"index", "error"}]}``: what cannot be read is passed over. Raises InputError
    where nothing can be read, OSError.
    """
    params = {**pipeline.reference_params, **params}
    rows: list[dict[str, Any]] = []
    skipped: list[dict[str, Any]] = []
    last: InputError | None = None
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / "answers.npz", "w", zipfile.ZIP_STORED) as archive:
        for index, item in enumerate(inputs):
            try:
                arrays, answer = _answer(pipeline, task, item, params, Run(cancellation=cancellation), len(inputs))
            except InputError as error:
                last = error
                skipped.append({"index": index, "error": error_to_wire(error)})
            else:
                keys = {name: f"{index}/{name}" for name in arrays}
                for name, value in arrays.items():
                    with archive.open(f"{keys[name]}.npy", "w", force_zip64=True) as stream:
                        np.lib.format.write_array(stream, np.asanyarray(value), allow_pickle=False)
                rows.append({"index": index, "input": item, "outputs": keys, "answer": answer})
            send("progress", {"stage": "answers", "done": index + 1, "total": len(inputs), "unit": "samples"})
            yield
    if last is not None and not rows:
        raise last
    document = {"schema": REFERENCE_SCHEMA, "task": task.id, "samples": rows}
    (folder / "samples.json").write_text(json.dumps(document, ensure_ascii=False), "utf-8")
    return {"answered": len(rows), "skipped": skipped}


def _answer(
    pipeline: Pipeline, task: TaskInfo, item: Any, params: Mapping[str, Any], run: Run, samples: int
) -> tuple[Outputs, dict[str, Any]]:
    prepared = pipeline.preprocess(item, params, run)
    if task.id == "text-generation":
        ids = [int(token) for token in prepared.token_ids[:READ_TOKENS]]
        logits = pipeline.reference_outputs(prepared, params, run, {"token_ids": ids})["logits"]
        likely = log_likelihoods(logits[0], ids)
        answer = {
            "token_ids": ids,
            "next_tokens": np.argmax(logits[0], -1).tolist(),
            "log_likelihoods": [round(value, 6) for value in likely.tolist()],
        }
        kept = max(MIN_TOKENS, MAX_LOGITS // samples // logits.shape[-1])
        return {"logits": logits[:, :kept]}, answer
    if task.result in (Text.__name__, Transcript.__name__):
        written = pipeline(item, params, run)
        assert isinstance(written, (Text, Transcript))
        return {}, {"text": written.text}
    return pipeline.reference_outputs(prepared, params, run, {}), {}
