"""A ``tokenizer.json`` for the tokenizer of Speech2Text models, which only ever writes: vocabulary and decoder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

__all__ = ["convert_speech_to_text", "is_speech_to_text"]

SPACE = "\u2581"
AROUND = r"\A\s+|\s+\z"
SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")


def is_speech_to_text(source: Path) -> bool:
    try:
        config = json.loads((source / "config.json").read_text("utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(config, dict) and config.get("model_type") == "speech_to_text"


def convert_speech_to_text(source: Path) -> Any:
    """The converted tokenizer. Raises ValueError, OSError for files that are no such tokenizer."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models

    vocabulary: dict[str, int] = json.loads((source / "vocab.json").read_text("utf-8"))
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    steps = [decoders.Replace(SPACE, " "), decoders.Fuse(), decoders.Replace(Regex(AROUND), "")]
    tokenizer.decoder = decoders.Sequence(steps)
    languages = [token for token in vocabulary if token.startswith("<lang:")]
    special = [token for token in (*SPECIAL, *languages) if token in vocabulary]
    tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in special])
    return tokenizer
