"""How large the numbers are that a torch model's weights are multiplied by, seen while it answers the samples.

A weight is told by its first row, so that one of the graph is found again whatever it is called there, be it turned, or
queries, keys and values in one. ``reference/activations.npz`` keeps them for precisions that are added later.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["NOTHING_SEEN", "Activations", "read_activations", "watched", "weight_key"]

Array = np.ndarray[Any, np.dtype[Any]]
FILE = "activations.npz"


@dataclass(frozen=True)
class Activations:
    """Of the inputs of one weight, by channel, float32 [inputs]: the largest magnitude, the mean square, the least and
    the greatest number; ``rows`` is how many inputs that was. Files of earlier exports lack the last three."""

    largest: Array
    mean_square: Array
    least: Array | None = None
    greatest: Array | None = None
    rows: int = 0


NOTHING_SEEN: Mapping[str, Activations] = {}


def weight_key(first_row: Array) -> str:
    """The name of a weight by what makes its first output, shape [inputs]."""
    return hashlib.blake2b(np.ascontiguousarray(first_row, np.float32).tobytes(), digest_size=16).hexdigest()


class _Seen:
    def __init__(self, width: int) -> None:
        self.least = np.zeros(width, np.float32)
        self.greatest = np.zeros(width, np.float32)
        self.squares = np.zeros(width, np.float64)
        self.rows = 0

    def take(self, rows: Any) -> None:
        """``rows`` is a torch tensor [rows, width]."""
        self.least = np.minimum(self.least, rows.amin(0).cpu().numpy())
        self.greatest = np.maximum(self.greatest, rows.amax(0).cpu().numpy())
        self.squares += rows.square().sum(0).cpu().numpy()
        self.rows += len(rows)


@contextmanager
def watched(model: Any, folder: Path) -> Iterator[None]:
    """While this lasts, a torch model's matrix products are watched; what was seen goes into a file in ``folder``."""
    from torch.nn import Linear
    from transformers.pytorch_utils import Conv1D

    seen: dict[str, _Seen] = {}

    def watch(module: Any, turned: bool) -> Any:
        weight = module.weight.detach()
        row = (weight[:, 0] if turned else weight[0]).float().cpu().numpy()
        kept = seen.setdefault(weight_key(row), _Seen(len(row)))

        def before(_: Any, inputs: tuple[Any, ...]) -> None:
            if inputs and inputs[0].numel():
                kept.take(inputs[0].detach().float().reshape(-1, len(kept.least)))

        return module.register_forward_pre_hook(before)

    hooks = [
        watch(module, isinstance(module, Conv1D)) for module in model.modules() if isinstance(module, (Linear, Conv1D))
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
    used = {key: item for key, item in seen.items() if item.rows}
    arrays: dict[str, Array] = {}
    for key, item in used.items():
        arrays[f"{key}/largest"] = np.maximum(-item.least, item.greatest)
        arrays[f"{key}/mean_square"] = (item.squares / item.rows).astype(np.float32)
        arrays |= {f"{key}/least": item.least, f"{key}/greatest": item.greatest, f"{key}/rows": np.array(item.rows)}
    np.savez(folder / FILE, **arrays)  # type: ignore[arg-type]


def read_activations(folder: Path) -> Mapping[str, Activations]:
    """By :func:`weight_key`; empty where none were kept, or the file cannot be read: recipes do without."""
    try:
        with (folder / FILE).open("rb") as file, np.load(file, allow_pickle=False) as archive:
            keys = {name.split("/")[0] for name in archive.files}
            found = {key: _read(archive, key) for key in keys}
    except (OSError, EOFError, TypeError, ValueError, KeyError, zipfile.BadZipFile):
        return {}
    return {key: item for key, item in found.items() if _is_whole(item)}


def _read(archive: Mapping[str, Array], key: str) -> Activations:
    large, mean_square = archive[f"{key}/largest"], archive[f"{key}/mean_square"]
    if f"{key}/rows" not in archive:
        return Activations(large, mean_square)
    rows = int(archive[f"{key}/rows"])
    return Activations(large, mean_square, archive[f"{key}/least"], archive[f"{key}/greatest"], rows)


def _is_whole(item: Activations) -> bool:
    arrays = [value for value in (item.largest, item.mean_square, item.least, item.greatest) if value is not None]
    return all(value.shape == item.largest.shape and bool(np.isfinite(value).all()) for value in arrays)
