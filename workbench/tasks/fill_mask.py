"""What may stand in the place of a mask. The reference is transformers' ``pipeline``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from workbench.errors import InputError, ModelError, UsageError
from workbench.results import Fill, Fills
from workbench.runtime.text import Tokens
from workbench.tasks.base import Array, ModelFiles, Outputs, Run, SessionLike
from workbench.tasks.classes import logits_output
from workbench.tasks.scores import finite, softmax
from workbench.tasks.text_inputs import text_of
from workbench.tasks.text_pipeline import TextPipeline

__all__ = ["PIPELINE", "FillMask"]

# What a text may say where its author does not know the model's own mask.
USUAL_MASKS = ("[MASK]", "<mask>")


class FillMask(TextPipeline):
    """An input is a text with the model's mask in one place or in several.

    A text without it may say ``[MASK]`` or ``<mask>``, so that one text serves models of both families.
    """

    def __init__(self, files: ModelFiles, sessions: Mapping[str, SessionLike]) -> None:
        """Raises ModelError: no tokenizer, a tokenizer without a mask, a graph without logits."""
        super().__init__(files, sessions, (logits_output(sessions["model"]),), each_token=True)
        mask = self._tokenizer.mask_token
        mask_id = self._tokenizer.token_id(mask) if mask else None
        if mask is None or mask_id is None:
            raise ModelError("tokenizer-no-mask", file=files.folder / "tokenizer_config.json")
        self._mask, self._mask_id = mask, mask_id

    def preprocess(self, item: Any, params: Mapping[str, Any], run: Run) -> Tokens:
        """Raises InputError."""
        text = text_of(item)
        if self._mask not in text:
            for usual in USUAL_MASKS:
                text = text.replace(usual, self._mask)
        tokens = self._tokenizer.encode(text, run=run)
        if self._mask_id not in tokens.ids:
            raise InputError("text-no-mask", mask=self._mask)
        return tokens

    def rows(self, prepared: Tokens) -> Sequence[Tokens]:
        return (prepared,)

    def kept(self, row: Tokens, outputs: Outputs) -> Outputs:
        """``logits`` float [masks, vocabulary]: of the masks alone."""
        return {name: value[0, self._masks(row)] for name, value in outputs.items()}

    def postprocess(self, outputs: Outputs, prepared: Tokens, params: Mapping[str, Any], run: Run) -> Fills:
        """Raises UsageError where no target is a token."""
        scores = softmax(finite(next(iter(outputs.values()))))
        chosen = self._targets(params["targets"], run) if params.get("targets") else np.arange(scores.shape[1])
        places, top_k = self._masks(prepared), params.get("top_k") or 5
        fills = []
        for place, row in zip(places, scores[:, chosen], strict=True):
            best = np.argsort(-row, kind="stable")[:top_k]
            fills.append(tuple(self._fill(prepared, int(place), int(chosen[n]), float(row[n])) for n in best))
        return Fills(tuple(fills))

    def _masks(self, tokens: Tokens) -> Array:
        return np.flatnonzero(np.array(tokens.ids) == self._mask_id)

    def _fill(self, tokens: Tokens, place: int, token: int, score: float) -> Fill:
        ids = list(tokens.ids)
        several = ids.count(self._mask_id) > 1
        ids[place] = token
        # The other masks of a text are shown, and all other special tokens with them.
        text = self._tokenizer.decode([n for n in ids if n != self._tokenizer.pad_id], special=several)
        return Fill(token, self._tokenizer.decode([token], special=True), score, text)

    def _targets(self, targets: Sequence[str], run: Run) -> Array:
        """The tokens of words: the word's own, else the first that the tokenizer makes of it, which is said."""
        found: dict[int, None] = {}
        for word in targets:
            token = self._tokenizer.token_id(word)
            if token is None:
                ids = self._tokenizer.plain_ids(word)
                if not ids:
                    run.warn("fill-target-unknown", word=word)
                    continue
                token = ids[0]
                run.warn("fill-target-cut", word=word, token=self._tokenizer.token(token))
            found[token] = None
        if not found:
            raise UsageError("usage-bad-param", name="targets", value=list(targets), expected="words of the vocabulary")
        return np.array(list(found))


PIPELINE = FillMask
