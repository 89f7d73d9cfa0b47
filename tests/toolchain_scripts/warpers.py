"""``warpers.py OUT``: what transformers' own classes make of random scores, as ``scores.npz`` and ``cases.json``.

Each case names a rule of ours with its arguments; ``{case}`` in the archive is what became of ``scores``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import torch
from transformers import (
    LogitsProcessorList,
    MinPLogitsWarper,
    NoRepeatNGramLogitsProcessor,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

RULES = {
    "repetition_penalty": (RepetitionPenaltyLogitsProcessor, (1.3, 0.7)),
    "no_repeated_ngrams": (NoRepeatNGramLogitsProcessor, (1, 2, 3)),
    "temperature": (TemperatureLogitsWarper, (0.3, 1.7)),
    "top_k": (TopKLogitsWarper, (1, 7, 50, 9999)),
    "top_p": (TopPLogitsWarper, (0.05, 0.5, 0.95, 1.0)),
    "min_p": (MinPLogitsWarper, (0.02, 0.5, 1.0)),
}
# All together, in the order of GenerationMixin._get_logits_processor.
TOGETHER = (
    ("repetition_penalty", 1.2),
    ("no_repeated_ngrams", 2),
    ("temperature", 0.8),
    ("top_k", 40),
    ("top_p", 0.9),
    ("min_p", 0.05),
)


def main(out: Path) -> None:
    rng = np.random.default_rng(11)
    arrays, cases = {}, []
    for size, tied in ((50, False), (5000, False), (200, True)):
        scores = rng.normal(scale=3, size=size).astype(np.float32)
        if tied:
            scores = np.round(scores)  # every limit falls between tokens that are as likely as each other
        scores[rng.integers(0, size, 2)] = np.sort(scores)[-7]  # some that are as likely as the seventh
        scores[rng.integers(0, size, 3)] = -np.inf
        tokens = rng.integers(0, min(size, 12), 40).tolist()
        chains = [[(name, value)] for name, (_, values) in RULES.items() for value in values]
        for chain in [*chains, list(TOGETHER)]:
            made = LogitsProcessorList([RULES[name][0](value) for name, value in chain])
            got = made(torch.tensor([tokens]), torch.tensor(scores[None]))[0].numpy()
            key = f"{size} {chain}"
            arrays[key] = got
            cases.append({"key": key, "scores": str(size), "tokens": tokens, "chain": chain, "tied": tied})
        arrays[str(size)] = scores
    np.savez(out / "scores.npz", **arrays)
    (out / "cases.json").write_text(json.dumps(cases), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
