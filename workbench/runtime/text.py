"""Text into the arrays of a text encoder: ``tokenizer.json`` used as transformers' fast tokenizers use it.

What a ``tokenizer.json`` says of truncation and padding is how it was trained or last used, not what the model needs;
both are replaced. The longest input is that of ``tokenizer_config.json`` (``model_max_length``), else as many positions
as ``config.json`` tells. A longer text loses its end, which is said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from tokenizers import Encoding

from workbench.errors import InputError, ModelError
from workbench.runtime.tokenizer_file import cleaned, decoded, encoded, id_of, read_tokenizer, whole_characters
from workbench.runtime.tokenizer_settings import apply_settings, special_token
from workbench.runtime.tokens import Vocabulary
from workbench.tasks.base import Array, ModelFiles, Run, SessionLike

__all__ = ["TextFeeds", "TextTokenizer", "Tokens"]

# What transformers writes for "no limit" is 1e30; nothing sensible is above this.
NO_LIMIT = 1_000_000
DEFAULT_LIMIT = 512
# Position ids of the RoBERTa family start behind the padding id, so two of its positions cannot be used.
OFFSET_POSITIONS = ("roberta", "xlm-roberta", "camembert", "mpnet")
# Models that have one learned vector for each position, and none for a later one.
LEARNED_POSITIONS = (*OFFSET_POSITIONS, "albert", "bert", "distilbert", "electra", "mobilebert", "xlm-roberta-xl")
# Of a very long text only a beginning is read that gives at least twice as many tokens as the model takes: which those
# are does not depend on what stands that far behind. A guess of its characters, for a start.
CHARACTERS_PER_TOKEN = 32
LONG_CHARACTERS = 1 << 14
GROWTH = 64
# Tokens that neighbouring stretches of a long text have in common, as transformers has it.
DEFAULT_STRIDE = 128
INPUTS = ("input_ids", "attention_mask", "token_type_ids", "position_ids")

# At most so many tokens, which text is cut, and how many tokens neighbouring stretches have in common.
Cutting = tuple[int, str, int]


@dataclass(frozen=True)
class Tokens:
    """One text, or a pair of texts, as the model reads it, with the tokens that the model wants around it.

    ``text`` is what the offsets refer to (that of the first text of a pair).
    """

    encoding: Encoding
    text: str

    def __len__(self) -> int:
        return len(self.encoding)

    @cached_property
    def ids(self) -> list[int]:
        return list(self.encoding.ids)

    @property
    def type_ids(self) -> list[int]:
        """0 for the first text and 1 for the second, as far as the tokenizer tells them apart."""
        return list(self.encoding.type_ids)

    @property
    def offsets(self) -> list[tuple[int, int]]:
        """First character (code point) of each token, and the one behind its last."""
        return list(self.encoding.offsets)

    @property
    def special_tokens_mask(self) -> list[int]:
        """1 for a token that was put around the text."""
        return list(self.encoding.special_tokens_mask)


class TextTokenizer:
    """The tokenizer of a model. For one thread at a time."""

    def __init__(self, files: ModelFiles) -> None:
        """Raises ModelError: no ``tokenizer.json``, or one that cannot be read."""
        self._tokenizer = read_tokenizer(files)
        self.settings: Mapping[str, Any] = files.read_json("tokenizer_config.json") or {}
        specials = files.read_json("special_tokens_map.json") or {}
        padding, truncation = self._tokenizer.padding or {}, self._tokenizer.truncation or {}
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._cutting: Cutting | None = None
        self._cut_side = str(self.settings.get("truncation_side") or truncation.get("direction") or "right")
        if self._cut_side not in ("left", "right"):
            raise files.bad_setting("tokenizer_config.json", "truncation_side", self._cut_side)
        self.pads_left = (self.settings.get("padding_side") or padding.get("direction")) == "left"
        apply_settings(self._tokenizer, self.settings, files.config)
        pad = special_token("pad_token", self.settings, specials) or padding.get("pad_token")
        self.pad_id = id_of(self._tokenizer, pad) if pad else _pad_id(files.config)
        self.mask_token = special_token("mask_token", self.settings, specials)
        self.cls_token = special_token("cls_token", self.settings, specials)
        eos = special_token("eos_token", self.settings, specials)
        self.eos_id = id_of(self._tokenizer, eos) if eos else None
        self._clean_up = bool(self.settings.get("clean_up_tokenization_spaces", False))
        unknown = special_token("unk_token", self.settings, specials)
        unknown = unknown or getattr(self._tokenizer.model, "unk_token", None)
        self.unknown_id = id_of(self._tokenizer, unknown) if unknown else None
        self.marks_subwords = bool(getattr(self._tokenizer.model, "continuing_subword_prefix", None))
        positions = _positions(files.config)
        self._most = positions if files.config.get("model_type") in LEARNED_POSITIONS else None
        self.limit = self.bounded(_limit(self.settings) or positions or DEFAULT_LIMIT)

    def vocabulary(self) -> Vocabulary:
        """The same tokenizer, which can be large, for ids into text; texts are to be encoded here."""
        return Vocabulary.of_tokenizer(self._tokenizer, self.settings)

    def bounded(self, limit: int) -> int:
        """A number of tokens, lowered to what the model has positions for, and raised to what holds one token."""
        least = int(self._tokenizer.num_special_tokens_to_add(True)) + 1
        return max(least, min(limit, self._most or limit))

    def encode(
        self, text: str, pair: str | None = None, *, run: Run, limit: int | None = None, whole_pair: bool = False
    ) -> Tokens:
        """The tokens of a text or a pair, at most ``limit`` (None: as many as the model takes).

        Of a pair the longer text is cut first; with ``whole_pair`` the first text alone. Warns in ``run`` of what was
        cut off. Raises InputError.
        """
        limit = limit or self.limit
        texts = [whole_characters(value, run) for value in (text, pair) if value is not None]
        strategy = "only_first" if whole_pair else "longest_first"
        if whole_pair:
            self._check_room(texts[-1], limit)
        parts = [self._beginning(value, limit) for value in texts]
        run.cancellation.check()
        encoding = self._encode(parts, (limit, strategy, 0))
        if not len(encoding):
            raise InputError("text-no-tokens", text=text[:40])
        if encoding.overflowing:
            counted = len(self._encode(parts, None))
            run.warn(
                "text-truncated",
                tokens=counted if parts == texts else f"over {counted}",
                limit=limit,
                used=_characters_used(encoding),
                characters=sum(map(len, texts)),
            )
        return Tokens(encoding, texts[0])

    def windows(
        self, question: str, context: str, *, limit: int, stride: int | None, run: Run, question_last: bool = False
    ) -> list[Tokens]:
        """A question with each stretch of a context, at most ``limit`` tokens together, as one text and its pair.

        Neighbouring stretches have ``stride`` tokens in common (None: 128, or as many as fit); ``question_last``
        puts the context first. The offsets refer to question and context each. Raises InputError where no room is
        left for the context.
        """
        question, context = whole_characters(question, run), whole_characters(context, run)
        room = self._check_room(question, limit, more=stride or 0)
        stride = min(limit // 2, DEFAULT_STRIDE, room - 1) if stride is None else stride
        run.cancellation.check()
        texts = [context, question] if question_last else [question, context]
        encoding = self._encode(texts, (limit, "only_first" if question_last else "only_second", stride))
        return [Tokens(item, context) for item in (encoding, *encoding.overflowing)]

    def shortened(self, text: str, tokens: int) -> str:
        """The beginning of a text that has so many tokens."""
        encoding = self._encode([text], None, special=False)
        return text if len(encoding) <= tokens else text[: encoding.offsets[tokens - 1][1]]

    def plain_ids(self, text: str) -> list[int]:
        """The tokens of a text and none around it. Raises InputError."""
        return list(self._encode([text], None, special=False).ids)

    def token_id(self, token: str) -> int | None:
        """The id of a token of the vocabulary."""
        return id_of(self._tokenizer, token)

    def decode(self, token_ids: Sequence[int], *, special: bool) -> str:
        """The text of these tokens, with or without special ones, as ``tokenizer_config.json`` wants its spaces."""
        text = decoded(self._tokenizer, token_ids, special=special)
        return cleaned(text) if self._clean_up else text

    def token(self, token_id: int) -> str:
        """A token as the vocabulary has it (``"##ing"``, ``"Ġthe"``)."""
        return self._tokenizer.id_to_token(token_id) or ""

    def join(self, tokens: Sequence[str]) -> str:
        """The text that tokens of the vocabulary make together."""
        decoder = self._tokenizer.decoder
        return " ".join(tokens) if decoder is None else str(decoder.decode(list(tokens)))

    def _beginning(self, text: str, limit: int) -> str:
        """As much of a text as decides about the first ``limit`` tokens: all of it, unless it is very long."""
        size = max(limit * CHARACTERS_PER_TOKEN, LONG_CHARACTERS)
        while size < len(text) and self._cut_side == "right":
            if len(self._encode([text[:size]], None)) >= 2 * limit:
                return text[:size]
            size *= GROWTH
        return text

    def _check_room(self, kept: str, limit: int, more: int = 0) -> int:
        """How many tokens are left beside a text that is not cut; more than ``more``. Raises InputError."""
        tokens = len(self._encode([self._beginning(kept, limit)], None, special=False))
        room = limit - tokens - int(self._tokenizer.num_special_tokens_to_add(True))
        if room <= more:
            raise InputError("text-no-room", text=kept[:40], tokens=tokens, limit=limit)
        return room

    def _encode(self, texts: Sequence[str], cutting: Cutting | None, *, special: bool = True) -> Encoding:
        if cutting != self._cutting:
            if cutting is None:
                self._tokenizer.no_truncation()
            else:
                limit, strategy, stride = cutting
                self._tokenizer.enable_truncation(limit, stride=stride, strategy=strategy, direction=self._cut_side)
            self._cutting = cutting
        return encoded(self._tokenizer, texts[0], texts[1] if len(texts) > 1 else None, special=special)


class TextFeeds:
    """Fills the inputs that one graph has, in the types it asks for."""

    def __init__(self, session: SessionLike, tokenizer: TextTokenizer) -> None:
        """Raises ModelError for a graph that asks for more than tokens."""
        for name in session.input_names:
            if name not in INPUTS:
                raise ModelError("model-unknown-input", name=name, known=", ".join(INPUTS))
        self._dtypes = {name: session.input_dtypes[name] for name in session.input_names}
        self._fixed = any(isinstance(session.input_shapes[name][0], int) for name in session.input_names)
        self._tokenizer = tokenizer
        # A tokenizer can say that its model knows no types: then all are 0.
        names = tokenizer.settings.get("model_input_names")
        typed = not (isinstance(names, list) and names) or "token_type_ids" in names
        self._typed = "token_type_ids" in self._dtypes and typed

    @property
    def can_pad(self) -> bool:
        """Whether texts of different lengths may go through the graph together."""
        return self._tokenizer.pad_id is not None and "attention_mask" in self._dtypes and not self._fixed

    def __call__(self, batch: Sequence[Tokens]) -> dict[str, Array]:
        """Arrays of the shape [texts, tokens of the longest], shorter ones padded.

        Padding stands behind the tokens, whatever side a tokenizer pads by itself: so the first token keeps the first
        position, as in a text that is alone.
        """
        ids, mask = self._ids(batch)
        feeds = {"input_ids": ids, "attention_mask": mask}
        if "token_type_ids" in self._dtypes:
            feeds["token_type_ids"] = self._types(batch, mask)
        if "position_ids" in self._dtypes:
            feeds["position_ids"] = np.broadcast_to(np.arange(ids.shape[1]), ids.shape)
        return {name: feeds[name].astype(dtype, copy=False) for name, dtype in self._dtypes.items()}

    def mask(self, batch: Sequence[Tokens]) -> Array:
        """1 for tokens, 0 for padding, int64 [texts, tokens of the longest]."""
        lengths = np.fromiter((len(item) for item in batch), np.int64, len(batch))[:, None]
        return (np.arange(lengths.max()) < lengths).astype(np.int64)

    def _ids(self, batch: Sequence[Tokens]) -> tuple[Array, Array]:
        if len(batch) == 1:
            ids = np.array([batch[0].ids], np.int64)
            return ids, np.ones_like(ids)
        mask = self.mask(batch)
        ids = np.full(mask.shape, self._tokenizer.pad_id, np.int64)
        ids[mask == 1] = [token for item in batch for token in item.ids]
        return ids, mask

    def _types(self, batch: Sequence[Tokens], mask: Array) -> Array:
        types = np.zeros_like(mask)
        if self._typed:
            types[mask == 1] = [kind for item in batch for kind in item.type_ids]
        return types


def _pad_id(config: Mapping[str, Any]) -> int | None:
    """What config.json fills shorter texts up with; some say -1 for nothing."""
    number = config.get("pad_token_id")
    return number if type(number) is int and number >= 0 else None


def _limit(settings: Mapping[str, Any]) -> int | None:
    limit = settings.get("model_max_length")
    return int(limit) if isinstance(limit, (int, float)) and 0 < limit < NO_LIMIT else None


def _positions(config: Mapping[str, Any]) -> int | None:
    """How many tokens the model has positions for; None where it has no table of them."""
    positions = config.get("max_position_embeddings") or config.get("n_positions")
    if type(positions) is not int or not 0 < positions < NO_LIMIT:
        return None
    return positions - (2 if config.get("model_type") in OFFSET_POSITIONS else 0)


def _characters_used(encoding: Encoding) -> int:
    """How many characters of the text (of both of a pair) the tokens stand for, with what lies between them."""
    ranges: dict[int, tuple[int, int]] = {}
    for sequence, (start, end) in zip(encoding.sequence_ids, encoding.offsets, strict=True):
        if sequence is not None:
            low, high = ranges.get(sequence, (start, end))
            ranges[sequence] = (min(low, start), max(high, end))
    return sum(high - low for low, high in ranges.values())
