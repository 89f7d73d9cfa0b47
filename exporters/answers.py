"""What those who answer samples with a torch model share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from exporters.failure import ExportFailure
from exporters.model_files import SLOW_TOKENIZER_FILES

__all__ = ["Answer", "Answerer", "MakeAnswerer", "as_numpy", "load_tokenizer", "max_tokens", "recorded_tokens"]

# Logits of a generating model are recorded for so many numbers in all (64 MB); texts are cut to stay below it.
MAX_LOGITS = 16 << 20
MIN_TOKENS = 4
# A tokenizer without a limit of its own says 1e30.
NO_LIMIT = 1_000_000


@dataclass(frozen=True)
class Answer:
    """Arrays by the names of the graph's outputs, and what was generated.

    ``sample`` is what was answered where the given sample could not be: a text in letters that a voice does not know.
    """

    arrays: Mapping[str, np.ndarray[Any, Any]]
    answer: Mapping[str, Any] = field(default_factory=dict)
    sample: Any = None


Answerer = Callable[[Any], Answer]
# Model, folder of the checkpoint, number of samples.
MakeAnswerer = Callable[[Any, Path, int], Answerer]


def load_tokenizer(source: Path, task: str) -> Any:
    from transformers import AutoTokenizer

    if not any((source / name).exists() for name in ("tokenizer.json", *SLOW_TOKENIZER_FILES)):
        raise ExportFailure("export-no-tokenizer", task=task)
    return AutoTokenizer.from_pretrained(str(source))


def max_tokens(tokenizer: Any, config: Any) -> int:
    """How many tokens the model takes: what the tokenizer says, else the positions it has.

    Position ids of the RoBERTa family start behind the padding id, so two of its positions cannot be used.
    """
    if tokenizer.model_max_length < NO_LIMIT:
        return int(tokenizer.model_max_length)
    positions = getattr(config, "max_position_embeddings", None) or getattr(config, "n_positions", None) or 512
    return int(positions) - (2 if config.model_type in ("roberta", "xlm-roberta", "camembert", "mpnet") else 0)


def recorded_tokens(config: Any, samples: int) -> int:
    """For how many tokens of each sample the logits over the whole vocabulary are recorded."""
    return int(max(MIN_TOKENS, MAX_LOGITS // samples // config.get_text_config().vocab_size))


def as_numpy(tensor: Any) -> np.ndarray[Any, Any]:
    return np.asarray(tensor.detach().cpu().numpy())
