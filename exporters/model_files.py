"""The files beside the graphs: what the checkpoint brought, and a ``tokenizer.json`` for every tokenizer."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from exporters.failure import ExportFailure
from exporters.marian_tokenizer import convert_marian, is_marian
from exporters.speech_tokenizer import convert_speech_to_text, is_speech_to_text

__all__ = ["SLOW_TOKENIZER_FILES", "copy_source_files", "ensure_tokenizer", "keep_files_of_export"]

# Read letter by letter out of their vocab.json; they have no fast form, and the app reads them as they are.
TOKENIZERS_OF_LETTERS = frozenset({"Wav2Vec2CTCTokenizer", "Wav2Vec2Tokenizer", "VitsTokenizer"})
# Of these models a tokenizer may lie beside the weights, left over from training; nothing is read with it.
WITHOUT_TOKENIZER = frozenset({"audio-classification", "image-classification"})
# Weights stay behind; everything else in a staged copy is small and may be needed by an engine or a reader.
WEIGHT_SUFFIXES = (".safetensors", ".bin", ".index.json")
# Files of a tokenizer that has no tokenizer.json yet. The last one alone says that there should be others.
SLOW_TOKENIZER_FILES = (
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "spiece.model",
    "sentencepiece.bpe.model",
    "tokenizer.model",
    "source.spm",
    "target.spm",
    "bpe.codes",
    "vocab.bpe",
    "spm.model",
    "tokenizer_config.json",
)


def copy_source_files(source: Path, output: Path) -> None:
    """Copy configs, tokenizer files, card and licence out of the staged checkpoint."""
    for path in sorted(source.rglob("*")):
        if path.is_file() and not path.name.endswith(WEIGHT_SUFFIXES):
            target = output / path.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)


def keep_files_of_export(exported: Path, output: Path) -> None:
    """Move what Optimum wrote beside its graphs (generation config, converted tokenizer) where the source has none."""
    for path in sorted(exported.iterdir()):
        if path.suffix in (".json", ".txt", ".jinja", ".model") and not (output / path.name).exists():
            shutil.move(path, output / path.name)


def ensure_tokenizer(source: Path, output: Path, task: str) -> None:
    """Make sure that a model with a tokenizer has a ``tokenizer.json``.

    Raises ExportFailure when a tokenizer is there but is damaged or cannot be converted.
    """
    target = output / "tokenizer.json"
    if target.exists():
        try:
            json.loads(target.read_text("utf-8"))
        except ValueError as error:
            raise ExportFailure("export-source-unreadable", file="tokenizer.json", reason=error) from error
        return
    there = [name for name in SLOW_TOKENIZER_FILES if (source / name).exists()]
    if not there or task in WITHOUT_TOKENIZER or _is_of_letters(source):
        return
    from transformers import AutoTokenizer
    from transformers.convert_slow_tokenizer import convert_slow_tokenizer

    try:
        if is_marian(source):
            fast = convert_marian(source)
        elif is_speech_to_text(source):
            fast = convert_speech_to_text(source)
        else:
            tokenizer = AutoTokenizer.from_pretrained(str(source))
            fast = tokenizer.backend_tokenizer if tokenizer.is_fast else convert_slow_tokenizer(tokenizer)
        fast.save(str(target))
    except Exception as error:  # each tokenizer class fails in its own way
        if there == ["tokenizer_config.json"]:
            raise ExportFailure("export-no-tokenizer", task=task) from error
        lines = str(error).strip().splitlines()
        reason = lines[0][:300] if lines else type(error).__name__
        raise ExportFailure("export-tokenizer", reason=reason) from error


def _is_of_letters(source: Path) -> bool:
    """Whether the tokenizer's class, named by its settings or by the type of the model, reads letters."""
    from transformers import AutoConfig
    from transformers.models.auto.tokenization_auto import TOKENIZER_MAPPING_NAMES

    if not (source / "vocab.json").exists():
        return False
    path = source / "tokenizer_config.json"
    try:
        named = json.loads(path.read_text("utf-8")).get("tokenizer_class") if path.exists() else None
    except (ValueError, AttributeError) as error:
        raise ExportFailure("export-source-unreadable", file=path.name, reason=error) from error
    config = AutoConfig.from_pretrained(str(source), local_files_only=True)
    return (named or config.tokenizer_class or TOKENIZER_MAPPING_NAMES.get(config.model_type, ("",))[0]) in (
        TOKENIZERS_OF_LETTERS
    )
