"""From the vectors of tokens to one vector a text, as the model's ``modules.json`` says.

The formulas are those of sentence-transformers (``models.Pooling``, ``models.Normalize``).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from workbench.errors import ModelError
from workbench.tasks.base import Array, ModelFiles

__all__ = ["POOLINGS", "SentenceRecipe", "normalized", "pooled"]

FloatArray = np.ndarray[Any, np.dtype[np.float32]]
Pool = Callable[[FloatArray, FloatArray], FloatArray]

# Modules by the last part of their type: what comes before the pooling, the pooling, what comes behind it.
KNOWN_MODULES = ("Transformer", "Pooling", "Normalize", "Dropout")
# The file of the Transformer module; its name once followed the architecture.
TRANSFORMER_FILES = tuple(
    f"sentence_{name}_config.json"
    for name in ("bert", "roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet")
)
SHORTEST = 1e-12


def _mean(hidden: FloatArray, mask: FloatArray) -> FloatArray:
    return np.asarray(_sum(hidden, mask) / _counts(mask))


def _mean_sqrt_len(hidden: FloatArray, mask: FloatArray) -> FloatArray:
    return np.asarray(_sum(hidden, mask) / np.sqrt(_counts(mask)))


def _weighted_mean(hidden: FloatArray, mask: FloatArray) -> FloatArray:
    return _mean(hidden, mask * np.arange(1, mask.shape[1] + 1, dtype=np.float32))


def _first(hidden: FloatArray, mask: FloatArray) -> FloatArray:
    return np.asarray(hidden[np.arange(len(hidden)), np.argmax(mask, 1)])


def _last(hidden: FloatArray, mask: FloatArray) -> FloatArray:
    return np.asarray(hidden[np.arange(len(hidden)), mask.shape[1] - 1 - np.argmax(mask[:, ::-1], 1)])


def _max(hidden: FloatArray, mask: FloatArray) -> FloatArray:
    return np.asarray(np.where(mask[:, :, None] > 0, hidden, np.float32(-1e9)).max(1))


def _sum(hidden: FloatArray, mask: FloatArray) -> FloatArray:
    # A matrix product with one row a text: no copy of the vectors is made.
    return np.asarray((mask[:, None, :] @ hidden)[:, 0])


def _counts(mask: FloatArray) -> FloatArray:
    return np.asarray(np.maximum(mask.sum(1, keepdims=True), 1e-9))


# In the order in which sentence-transformers puts several one behind the other.
POOLINGS: dict[str, Pool] = {
    "cls": _first,
    "max": _max,
    "mean": _mean,
    "mean_sqrt_len": _mean_sqrt_len,
    "weightedmean": _weighted_mean,
    "lasttoken": _last,
}
# As the config of the Pooling module has them.
MODE_KEYS = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}


def pooled(hidden: Array, mask: Array, modes: Sequence[str]) -> FloatArray:
    """``hidden`` [texts, tokens, size] and ``mask`` [texts, tokens] to float32 [texts, size x number of modes]."""
    vectors, weights = hidden.astype(np.float32, copy=False), mask.astype(np.float32)
    return np.concatenate([POOLINGS[mode](vectors, weights) for mode in modes], axis=1)


def normalized(vectors: FloatArray) -> FloatArray:
    """Rows scaled to length 1; a row of zeros stays one."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, np.float32(SHORTEST)))


@dataclass(frozen=True)
class SentenceRecipe:
    """How a model makes a sentence's vector.

    ``max_tokens`` None: as many as the model takes. ``stated`` is False where no ``modules.json`` tells, and the mean
    is taken, as sentence-transformers does for such a model.
    """

    modes: tuple[str, ...] = ("mean",)
    normalize: bool = False
    max_tokens: int | None = None
    lowercase: bool = False
    prompt: str = ""
    stated: bool = True

    @classmethod
    def of_model(cls, files: ModelFiles) -> SentenceRecipe:
        """Raises ModelError for a module, a kind of pooling or a file that is not known."""
        modules = _modules(files)
        if modules is None:
            return cls(stated=False)
        kinds = dict(modules)
        settings: Mapping[str, Any] = {}
        for name in TRANSFORMER_FILES:
            settings = settings or files.read_json(_inside(kinds.get("Transformer", ""), name)) or {}
        pooling_file = _inside(kinds.get("Pooling", "1_Pooling"), "config.json")
        pooling = files.read_json(pooling_file)
        if pooling is None:
            raise ModelError("model-file-missing", file=files.folder / pooling_file)
        prompt = _prompt(files)
        if prompt and not pooling.get("include_prompt", True):
            raise ModelError("model-bad-setting", file=files.folder / pooling_file, name="include_prompt", value=False)
        limit = settings.get("max_seq_length")
        return cls(
            modes=_modes(pooling, files, pooling_file),
            normalize="Normalize" in kinds,
            max_tokens=limit if isinstance(limit, int) and limit > 0 else None,
            lowercase=bool(settings.get("do_lower_case", False)),
            prompt=prompt,
        )

    def text(self, text: str) -> str:
        """What the tokenizer gets for a text."""
        text = (self.prompt + text).strip()
        return text.lower() if self.lowercase else text

    def vectors(self, hidden: Array, mask: Array) -> FloatArray:
        """``hidden`` [texts, tokens, size] and ``mask`` [texts, tokens] to float32 [texts, size]."""
        result = pooled(hidden, mask, self.modes)
        return normalized(result) if self.normalize else result


def _modules(files: ModelFiles) -> list[tuple[str, str]] | None:
    """(kind, folder) of each module of ``modules.json`` in order; None where there is no such file."""
    path = files.folder / "modules.json"
    try:
        listed = json.loads(path.read_text("utf-8"))
        modules = [(str(item["type"]).rsplit(".", 1)[-1], str(item.get("path") or "")) for item in listed]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ModelError("model-bad-file", file=path, reason=error) from error
    for kind, folder in modules:
        if Path(folder).is_absolute() or ".." in Path(folder).parts:
            raise ModelError("model-bad-file", file=path, reason=f"it leads out of the model's folder, to {folder}")
        if kind not in KNOWN_MODULES:
            raise ModelError("sentence-module", file=path, name=kind, known=", ".join(KNOWN_MODULES))
    return modules


def _modes(pooling: Mapping[str, Any], files: ModelFiles, file: str) -> tuple[str, ...]:
    wanted = [MODE_KEYS.get(key, key) for key, value in pooling.items() if key.startswith("pooling_mode_") and value]
    if named := pooling.get("pooling_mode"):
        wanted = [named] if isinstance(named, str) else list(named)
    for mode in wanted or ["pooling_mode"]:
        if mode not in POOLINGS:
            raise ModelError("sentence-pooling", file=files.folder / file, name=mode, known=", ".join(POOLINGS))
    return tuple(mode for mode in POOLINGS if mode in wanted)


def _prompt(files: ModelFiles) -> str:
    settings = files.read_json("config_sentence_transformers.json") or {}
    name = settings.get("default_prompt_name")
    if name is None:
        return ""
    prompt = (settings.get("prompts") or {}).get(name)
    if not isinstance(prompt, str):
        file = files.folder / "config_sentence_transformers.json"
        raise ModelError("model-bad-setting", file=file, name="default_prompt_name", value=name)
    return prompt


def _inside(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name
