"""A ``tokenizer.json`` for the tokenizer of Marian models: two sentencepiece models over one vocabulary.

It reads with the source's model and writes with all of the vocabulary. Tokens that the source's model does not have
carry a mark before them, so that they are never read; pieces of the source's model that the vocabulary lacks have ids
behind it. Whoever reads with it gives a run of unknown characters the id of the marked token that it is, if there is
one, and every id behind the vocabulary that of the unknown token: the same ids as ``MarianTokenizer`` of transformers
gives then.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

__all__ = ["MARK", "convert_marian", "is_marian"]

# A character of the private use area; workbench/runtime/marian.py knows it too.
MARK = "\ue000"
SPACE = "\u2581"
NORMAL, USER_DEFINED = 1, 4
UNIGRAM, BPE = 1, 2
AROUND = r"\A\s+|\s+\z"


def is_marian(source: Path) -> bool:
    return (source / "source.spm").exists() and (source / "target.spm").exists()


def convert_marian(source: Path) -> Any:
    """The converted tokenizer. Raises ValueError, OSError, KeyError for files that are no such tokenizer."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, normalizers, processors

    if (source / "target_vocab.json").exists():
        raise ValueError("the target language has a vocabulary of its own, which is not supported")
    vocabulary: dict[str, int] = json.loads((source / "vocab.json").read_text("utf-8"))
    config = json.loads((source / "config.json").read_text("utf-8"))
    tokenizer = Tokenizer(_model(_proto(source / "source.spm"), vocabulary, int(config.get("vocab_size") or 0)))
    proto = _proto(source / "source.spm")
    charsmap = proto.normalizer_spec.precompiled_charsmap
    steps: list[Any] = [normalizers.Precompiled(charsmap)] if charsmap else []
    steps += [normalizers.Strip(), normalizers.Replace(Regex(" {2,}"), " "), normalizers.Prepend(SPACE)]
    tokenizer.normalizer = normalizers.Sequence([*steps, normalizers.Replace(" ", SPACE)])
    tokenizer.post_processor = processors.TemplateProcessing("$A </s>", "$A $B </s>", [("</s>", vocabulary["</s>"])])
    written: list[Any] = [decoders.Replace(MARK, "")]
    if _proto(source / "target.spm").trainer_spec.byte_fallback:
        written.append(decoders.ByteFallback())
    written += [decoders.Replace(SPACE, " "), decoders.Fuse(), decoders.Replace(Regex(AROUND), "")]
    tokenizer.decoder = decoders.Sequence(written)
    special = [token for token in ("</s>", "<unk>", "<pad>") if token in vocabulary]
    tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in special])
    return tokenizer


def _model(proto: Any, vocabulary: dict[str, int], size: int) -> Any:
    from tokenizers import models
    from transformers.convert_slow_tokenizer import generate_merges

    scores = {piece.piece: float(piece.score) for piece in proto.pieces if piece.type in (NORMAL, USER_DEFINED)}
    least = min(scores.values())
    rows: list[tuple[str, float]] = [(f"{MARK}{n}", least) for n in range(max(size, len(vocabulary)))]
    unmarked = {"</s>", "<unk>", "<pad>"}
    for token, number in vocabulary.items():
        known = token in scores or token in unmarked
        rows[number] = (token if known else MARK + token, scores.get(token, least))
    rows += [(piece, score) for piece, score in scores.items() if piece not in vocabulary]
    if proto.trainer_spec.model_type == UNIGRAM:
        return models.Unigram(rows, vocabulary["<unk>"], byte_fallback=False)
    if proto.trainer_spec.model_type != BPE:
        raise ValueError("a sentencepiece model of words or characters is not supported")
    ids = {token: number for number, (token, _) in enumerate(rows)}
    merges = generate_merges({token: ids[token] for token in scores}, scores)
    return models.BPE(ids, merges, unk_token="<unk>", fuse_unk=True)


def _proto(path: Path) -> Any:
    from transformers.convert_slow_tokenizer import import_protobuf

    proto = import_protobuf().ModelProto()
    proto.ParseFromString(path.read_bytes())
    return proto
