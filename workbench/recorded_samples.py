"""``samples.json`` of recorded answers: the inputs, and what belongs to each of them. Written by an export
(``exporters/reference.py``) or, where there is no checkpoint, by :mod:`workbench.engine.recording`.

It travels with an exported model, so it may come from a stranger, or from a newer workbench.
"""

from __future__ import annotations

import hashlib
import json
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from exporters.protocol import REFERENCE_SCHEMA
from workbench.errors import ModelError
from workbench.versioned_json import schema_of, to_text

__all__ = ["RecordedSample", "RecordedSamples", "read_recorded"]

MAX_BYTES = 256 << 20
MAX_TOKEN = 1 << 31


@dataclass(frozen=True)
class RecordedSample:
    """``index`` is its number among those that were given, ``input`` what the task takes, media by their path.

    ``outputs`` are names of arrays in ``answers.npz`` by the graph's names; ``answer`` has the text or the tokens of a
    model that writes.
    """

    index: int
    input: Any
    outputs: Mapping[str, str]
    answer: Mapping[str, Any]


@dataclass(frozen=True)
class RecordedSamples:
    """``sha256`` stands for the file."""

    samples: tuple[RecordedSample, ...]
    sha256: str


def read_recorded(folder: Path) -> RecordedSamples:
    """Read ``folder/samples.json``. Raises ModelError for a file that is damaged or of a newer workbench."""
    path = folder / "samples.json"
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("not a regular file")
        if status.st_size > MAX_BYTES:
            raise ValueError(f"larger than {MAX_BYTES >> 20} MiB")
        data = path.read_bytes()
        document = json.loads(data)
        schema = schema_of(document)
        if schema > REFERENCE_SCHEMA:
            raise ModelError("reference-newer", folder=folder, schema=schema, known=REFERENCE_SCHEMA)
        samples = tuple(_sample(folder, number, row) for number, row in enumerate(document["samples"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        said = f"{type(error).__name__}: {error}" if isinstance(error, (KeyError, TypeError, AttributeError)) else error
        raise ModelError("reference-unreadable", folder=folder, reason=said) from error
    return RecordedSamples(samples, hashlib.sha256(data).hexdigest())


def _sample(folder: Path, number: int, row: Any) -> RecordedSample:
    outputs = {to_text(name): to_text(key) for name, key in row["outputs"].items()}
    answer = _answer(row.get("answer") or {})
    if not outputs and not answer.keys() & {"text", "next_tokens"}:
        raise ValueError(f"nothing was recorded of sample {number + 1}")
    return RecordedSample(
        index=_whole(row.get("index", number)),
        input=_placed(folder, row["input"]),
        outputs=outputs,
        answer=answer,
    )


def _answer(value: Any) -> dict[str, Any]:
    answer = dict(value)
    if "text" in answer:
        to_text(answer["text"])
    for name in ("token_ids", "next_tokens"):
        if name in answer:
            answer[name] = [_whole(token) for token in answer[name]]
    if "next_tokens" in answer:
        count, known = len(answer["token_ids"]), answer["log_likelihoods"]
        if not all(type(item) in (int, float) for item in known):
            raise ValueError("a logarithm of a likelihood is no number")
        if not count or (len(answer["next_tokens"]), len(known)) != (count, count - 1):
            raise ValueError("there are not as many tokens as were said to come next")
    return answer


def _whole(value: Any) -> int:
    if type(value) is not int or not 0 <= value < MAX_TOKEN:
        raise ValueError(f"{value!r}"[:100] + " is no number of a sample or token")
    return value


def _placed(folder: Path, value: Any) -> Any:
    """A recorded input as the task takes it. Raises ValueError for a file out of the folder."""
    if isinstance(value, dict):
        return {name: _placed(folder, inner) for name, inner in value.items()}
    if isinstance(value, str) and value.startswith("media/"):
        if ".." in PurePath(value).parts:
            raise ValueError(f"{value} leads out of the folder")
        return str(folder / value)
    return value
