"""Reads what the files of a revision say: its card, its config, the headers of its weights. The slow part of a listing.

All of it is remembered in the index (:mod:`workbench.library.index`) for as long as the files stay the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from workbench.errors import Notice
from workbench.library.cards import read_card, words_of
from workbench.library.model import BrokenFile, Contents, StoredFile
from workbench.library.weights import LFS_MAX_BYTES, format_of, is_lfs_pointer, read_header, weight_set

__all__ = ["read_contents"]

MAX_JSON_BYTES = 64 << 20
MAX_TEXT = 200
MAX_WORDS = 500  # languages; some models know hundreds
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def read_contents(folder: str, files: Mapping[str, StoredFile]) -> Contents:
    """What these files, found below ``folder``, say. Never raises for a bad file: it is told in ``broken``."""
    broken: list[BrokenFile] = []
    contents = _of_config(folder, files, broken)
    contents = _of_card(contents, folder, files)
    index_missing = _missing_of_indexes(folder, files, broken)
    broken += index_missing
    count = _parameter_count(folder, files, broken)
    broken += _small_weights(folder, files, {item.name for item in broken})
    return replace(contents, parameter_count=count, broken=tuple(broken))


def _of_config(folder: str, files: Mapping[str, StoredFile], broken: list[BrokenFile]) -> Contents:
    config = _read_json(folder, "config.json", files, broken)
    if config is None:
        pipeline = _read_json(folder, "model_index.json", files, broken) or {}
        name = _text(pipeline.get("_class_name"))
        return Contents(architectures=(name,) if name else ())
    quantization = config.get("quantization_config")
    names = config.get("architectures")
    labels = config.get("id2label")
    labels = labels if isinstance(labels, dict) else {}
    return Contents(
        architectures=tuple(filter(None, map(_text, names[:MAX_WORDS]))) if isinstance(names, list) else (),
        model_type=_text(config.get("model_type")),
        remote_code="auto_map" in config,
        quantization=_text(quantization.get("quant_method")) if isinstance(quantization, dict) else None,
        # A cross-encoder says so in its config; models of sentences have files of their own.
        library="sentence-transformers" if "sentence_transformers" in config else None,
        label_count=len(labels) or None,
        entails=any(isinstance(label, str) and label.lower().startswith("entail") for label in labels.values()),
    )


def _of_card(contents: Contents, folder: str, files: Mapping[str, StoredFile]) -> Contents:
    if "README.md" not in files:
        return contents
    path = Path(folder) / "README.md"
    try:
        card = read_card(path)
    except OSError as error:
        warning = Notice.of("file-unreadable", file=path, reason=error.strerror or error)
        return replace(contents, warnings=(warning,))
    licences = words_of(card.metadata.get("license"))
    if licences == ("other",):
        licences = words_of(card.metadata.get("license_name")) or licences
    languages = words_of(card.metadata.get("language"))[:MAX_WORDS]
    return replace(
        contents,
        pipeline_tag=_text(card.metadata.get("pipeline_tag")),
        library=_text(card.metadata.get("library_name")) or contents.library,
        licence=_text(", ".join(licences[:MAX_WORDS])),
        languages=tuple(filter(None, map(_text, languages))),
        warnings=card.warnings,
    )


def _text(value: Any) -> str | None:
    """A word out of a stranger's file, fit to be shown: no control signs, no halves of characters, not endless."""
    if not isinstance(value, str):
        return None
    plain = value if value.isascii() and value.isprintable() else UNPRINTABLE.sub("?", value)
    return plain.strip()[:MAX_TEXT] or None


def _missing_of_indexes(folder: str, files: Mapping[str, StoredFile], broken: list[BrokenFile]) -> list[BrokenFile]:
    """Shards that an index names and that are not there."""
    missing = []
    for name in files:
        if not name.endswith((".safetensors.index.json", ".bin.index.json")):
            continue
        index = _read_json(folder, name, files, broken) or {}
        below = name.rpartition("/")[0]
        names = {f"{below}/{shard}" if below else shard for shard in _shards_of(index.get("weight_map"))}
        absent = sorted(shard for shard in names if shard not in files)
        # A repository may list its pickles in an index and hold its weights as safetensors, or the other way round:
        # an index of which nothing at all is there is not what the model is loaded from.
        if absent and len(absent) < len(names):
            reason = Notice.of("shards-missing", file=f"{folder}/{absent[0]}", count=len(absent), total=len(names))
            missing.append(BrokenFile(absent[0], reason, missing=True))
    return missing


def _parameter_count(folder: str, files: Mapping[str, StoredFile], broken: list[BrokenFile]) -> int | None:
    """The sum over the headers of the weights, None where there are none; damaged files go to ``broken``."""
    counted = set(weight_set(files))
    total, known = 0, False
    for name, file in files.items():
        if not name.endswith(".safetensors") or file.size_bytes == 0:
            continue
        path = f"{folder}/{name}"
        try:
            header = read_header(path)
            if header.file_bytes != file.size_bytes:
                reason = Notice.of("weights-truncated", file=path, got=file.size_bytes, wanted=header.file_bytes)
                broken.append(BrokenFile(name, reason))
        except OSError as error:
            broken.append(BrokenFile(name, Notice.of("file-unreadable", file=path, reason=error.strerror or error)))
        except ValueError as error:
            code = "file-is-pointer" if "git-lfs" in str(error) else "model-bad-file"
            broken.append(BrokenFile(name, Notice.of(code, file=path, reason=error)))
        else:
            if name in counted:
                total, known = total + header.parameter_count, True
    return total if known else None


def _small_weights(folder: str, files: Mapping[str, StoredFile], known: set[str]) -> list[BrokenFile]:
    """Pointers that git left in the place of files it has not fetched."""
    found = []
    for name, file in files.items():
        if not 0 < file.size_bytes <= LFS_MAX_BYTES or name in known:
            continue
        if format_of(name) is None and not name.endswith((".json", ".model", "_data", ".txt")):
            continue
        try:
            with open(f"{folder}/{name}", "rb") as stream:  # noqa: PTH123, one of thousands in a listing
                pointer = is_lfs_pointer(stream.read(64))
        except OSError as error:
            reason = Notice.of("file-unreadable", file=f"{folder}/{name}", reason=error.strerror or error)
            found.append(BrokenFile(name, reason))
            continue
        if pointer:
            found.append(BrokenFile(name, Notice.of("file-is-pointer", file=f"{folder}/{name}")))
    return found


def _read_json(
    folder: str, name: str, files: Mapping[str, StoredFile], broken: list[BrokenFile]
) -> dict[str, Any] | None:
    file = files.get(name)
    if file is None or file.size_bytes == 0:
        return None
    path = f"{folder}/{name}"
    try:
        if file.size_bytes > MAX_JSON_BYTES:
            raise ValueError(f"larger than {MAX_JSON_BYTES >> 20} MiB")
        with open(path, "rb") as stream:  # noqa: PTH123, one of thousands in a listing
            data = stream.read()
        if is_lfs_pointer(data):
            broken.append(BrokenFile(name, Notice.of("file-is-pointer", file=path)))
            return None
        value = json.loads(data)
        if isinstance(value, dict):
            return value
        raise ValueError("not a JSON object")
    except OSError as error:
        broken.append(BrokenFile(name, Notice.of("file-unreadable", file=path, reason=error.strerror or error)))
    except (ValueError, RecursionError) as error:
        broken.append(BrokenFile(name, Notice.of("model-bad-file", file=path, reason=error)))
    return None


def _shards_of(weight_map: Any) -> set[str]:
    """The files that an index of weights names; none for what is no such index."""
    if not isinstance(weight_map, dict):
        return set()
    return {shard for shard in weight_map.values() if isinstance(shard, str)}
