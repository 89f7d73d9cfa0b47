"""Samples that a user brings: a folder, a text file, a column of a table, JSON lines. Plain data, for every front.

They stand in the place of the built-in ones wherever a model is calibrated, verified or measured. What is no sample
among them is passed over and listed with the reason. No picture and no sound is decoded here: a file is looked at by
its name, its size and its first bytes, and what a decoder finds wrong comes to light where the sample is answered.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.errors import InputError, UsageError
from workbench.file_kinds import HEAD_BYTES, SUFFIXES, Kind, has_signature, kind_of_head
from workbench.samples.rows import Row, read_rows
from workbench.tasks.info import TaskInfo

__all__ = ["SampleSource", "read_samples", "samples_digest"]

MAX_FILES = 100_000
MAX_TEXT_BYTES = 16 << 20
PIECE_BYTES = 1 << 20
# Texts of a folder. Tables and lists of texts are files of their own, not samples.
TEXT_FILES = frozenset({".txt", ".md", ".text"})
MASK, OTHER_MASK = "[MASK]", "<mask>"
# Beside its fields, an input of the hub's schemas may be called so.
INPUTS, PARAMETERS = "inputs", "parameters"


@dataclass(frozen=True)
class SampleSource:
    """``samples`` are inputs as the task takes them: texts, absolute paths of files, mappings of fields. ``skipped``
    are those that are none, each with the reason. ``sha256`` is that of :func:`samples_digest`."""

    samples: tuple[Any, ...]
    skipped: tuple[tuple[str, str], ...]
    sha256: str


@dataclass(frozen=True)
class _Shape:
    """What one sample of a task is: a value of ``kind`` by itself, unless ``needed`` names more than one field."""

    kind: Kind
    needed: tuple[str, ...]
    optional: tuple[str, ...] = ()


class _Unusable(Exception):
    """Why a row or a file is no sample."""


def read_samples(task: TaskInfo, path: Path, *, column: str | None, limit: int) -> SampleSource:
    """At most ``limit`` samples for a task, in the order of their source and from all over it where it has more.

    ``path`` is a folder (pictures or sounds in it and below, in natural order; for tasks on text .txt and .md files,
    each one input), one picture or sound, a text file (one input a line), CSV, TSV or Parquet (the column ``column``,
    by default one named as the input is), JSON or JSON lines (with the field names of the hub's schemas, or texts). In
    a file, pictures and sounds are paths, relative to its folder.

    Raises InputError: nothing there, nothing usable, samples for another task, a column that is not there; UsageError
    for a limit below 1.
    """
    if limit < 1:
        raise UsageError("usage-bad-sample-count", count=limit)
    shape = _shape_of(task)
    path = path.absolute()
    candidates, skipped, read = _candidates(task, shape, path, column)
    wanted = "text" if len(shape.needed) > 1 else shape.kind
    found: dict[int, list[Any]] = {}
    passed: dict[int, tuple[str, str]] = {}
    for index in _from_all_over(len(candidates), limit):
        if sum(map(len, found.values())) >= limit:
            break
        try:
            found[index] = read(candidates[index].value)
        except _Unusable as error:
            passed[index] = (candidates[index].name, str(error))
    skipped += [passed[index] for index in sorted(passed)]
    samples = tuple(sample for index in sorted(found) for sample in found[index])[:limit]
    if not samples and skipped:
        name, reason = skipped[0]
        raise InputError(
            "samples-all-unusable", path=path, count=len(skipped), task=task.id, sample=name, reason=reason
        )
    if not samples:
        raise InputError("samples-none", path=path, task=task.id, kind=wanted)
    return SampleSource(samples, tuple(skipped), samples_digest(task, samples))


def samples_digest(task: TaskInfo, samples: Sequence[Any]) -> str:
    """A sha256 over what the samples say: for files over their content, so that a moved folder gives the same.

    Raises InputError for a file that cannot be read.
    """
    digest = hashlib.sha256()
    names = {field.name for field in task.fields if field.kind in ("image", "audio")}
    for sample in samples:
        said = sample
        if isinstance(sample, Mapping):
            said = {name: _content(value) if name in names else value for name, value in sample.items()}
        elif task.input in ("image", "audio"):
            said = _content(sample)
        digest.update(json.dumps(said, ensure_ascii=True, sort_keys=True).encode() + b"\n")
    return digest.hexdigest()


def _content(path: str) -> dict[str, str]:
    digest = hashlib.sha256()
    try:
        with Path(path).open("rb") as stream:
            while piece := stream.read(PIECE_BYTES):
                digest.update(piece)
    except OSError as error:
        raise InputError("input-unreadable", file=path, reason=error.strerror or error) from error
    return {"sha256": digest.hexdigest()}


def _shape_of(task: TaskInfo) -> _Shape:
    kind = task.modality
    if task.gathers:
        return _Shape("text", ("text",))
    if task.input == "fields":
        return _Shape(kind, tuple(field.name for field in task.fields))
    # What an export is not verified with must come with each sample.
    lists = tuple(param.name for param in task.params if param.is_needed and param.name not in task.verified_with)
    pair = ("text_pair",) if task.id == "text-classification" else ()
    return _Shape(kind, (task.input, *lists), pair)


def _from_all_over(count: int, limit: int) -> Iterator[int]:
    """The numbers below ``count``, first ``limit`` of them at equal distances: a sorted table gives all its kinds."""
    chosen = [n * count // limit for n in range(limit)] if count > limit else list(range(count))
    yield from chosen
    yield from sorted(set(range(count)) - set(chosen))


# --- where they come from ---

Read = Callable[[Any], list[Any]]


def _candidates(
    task: TaskInfo, shape: _Shape, path: Path, column: str | None
) -> tuple[list[Row], list[tuple[str, str]], Read]:
    """The rows or files, those that are known to be none, and what makes samples of one of them."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise InputError("input-not-found", file=path) from None
    except OSError as error:
        raise InputError("input-unreadable", file=path, reason=error.strerror or error) from error
    if stat.S_ISDIR(mode):
        return _in_folder(task, shape, path, column)
    if not stat.S_ISREG(mode):
        raise InputError("input-unreadable", file=path, reason="it is a pipe or a device, not a file")
    kind = _kind_of(path)
    if kind in ("image", "audio"):
        _check_plain(task, shape, path, column)
        if kind != shape.kind:
            raise InputError("samples-other-kind", path=path, got=kind, task=task.id, kind=shape.kind)
        return [Row(path.name, os.fspath(path))], [], _media_reader(shape.kind)
    usual = (shape.needed[0], INPUTS, *(("path", "file", "file_name") if shape.kind != "text" else ()))
    rows = read_rows(path, column, (*shape.needed, *shape.optional), usual)

    def read(value: Any) -> list[Any]:
        return _samples_of_row(task, shape, value, path.parent)

    return rows.rows, rows.broken, read


def _in_folder(
    task: TaskInfo, shape: _Shape, folder: Path, column: str | None
) -> tuple[list[Row], list[tuple[str, str]], Read]:
    _check_plain(task, shape, folder, column)
    files: dict[Kind, list[Path]] = {"text": [], "image": [], "audio": []}
    for file in _files(folder):
        kind = _kind_of(file)
        if kind in ("image", "audio") or (kind == "text" and file.suffix.lower() in TEXT_FILES):
            files[kind].append(file)
    others = [kind for kind, found in files.items() if found and kind != shape.kind]
    if others and not files[shape.kind]:
        most = max(others, key=lambda kind: len(files[kind]))
        raise InputError("samples-other-kind", path=folder, got=most, task=task.id, kind=shape.kind)
    rows = [Row(file.relative_to(folder).as_posix(), os.fspath(file)) for file in files[shape.kind]]
    if shape.kind != "text":
        return rows, [], _media_reader(shape.kind)

    def read(name: str) -> list[Any]:
        return _samples_of_row(task, shape, _read_text(name), folder)

    return rows, [], read


def _check_plain(task: TaskInfo, shape: _Shape, path: Path, column: str | None) -> None:
    """A folder of files has no columns, and each file is a whole sample."""
    if column is not None:
        raise InputError("samples-no-columns", path=path, column=column)
    if len(shape.needed) > 1:
        raise InputError("samples-need-fields", path=path, task=task.id, fields=", ".join(shape.needed))


def _files(folder: Path) -> list[Path]:
    """Files of a folder and those below, hidden ones left out, in natural order: 2.jpg before 10.jpg."""
    found: list[Path] = []
    for place, folders, names in os.walk(folder):
        folders[:] = sorted((name for name in folders if not name.startswith(".")), key=_natural)
        for name in sorted(names, key=_natural):
            if not name.startswith("."):
                found.append(Path(place) / name)
                if len(found) >= MAX_FILES:
                    return found
    return found


def _natural(name: str) -> list[tuple[int, int, str]]:
    parts = re.split(r"(\d+)", name)
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part.casefold()) for part in parts if part]


def _kind_of(path: Path) -> Kind | None:
    kind = SUFFIXES.get(path.suffix.lower())
    if kind:
        return kind
    try:
        return kind_of_head(_head(path))
    except OSError:
        return None


def _head(path: Path) -> bytes:
    if not path.is_file():  # a pipe or a device would not end
        return b""
    with path.open("rb") as stream:
        return stream.read(HEAD_BYTES)


# --- what makes a sample of them ---


def _media_reader(kind: Kind) -> Read:
    return lambda name: [_media(name, kind)]


def _media(name: str, kind: Kind) -> str:
    """The path of a picture or a sound that may well be one. Raises _Unusable."""
    path = Path(name)
    try:
        if not path.exists():
            raise _Unusable("there is no such file")
        if not path.is_file():
            raise _Unusable("it is not a file")
        head = _head(path)
    except OSError as error:
        raise _Unusable(error.strerror or str(error)) from error
    except ValueError as error:  # a NUL in a name
        raise _Unusable(str(error)) from error
    if not head:
        raise _Unusable("it is empty")
    named, got = SUFFIXES.get(path.suffix.lower()), kind_of_head(head)
    if (named or got) != kind or (got != kind and (has_signature(path.suffix) or got in ("image", "audio"))):
        raise _Unusable({"image": "it is not a picture", "audio": "it is not a sound"}.get(kind, "it is not a text"))
    return os.fspath(path)


def _read_text(name: str) -> str:
    try:
        if Path(name).exists() and not Path(name).is_file():  # a pipe or a device would not end
            raise _Unusable("it is not a file")
        with Path(name).open("rb") as stream:
            data = stream.read(MAX_TEXT_BYTES + 1)
    except OSError as error:
        raise _Unusable(error.strerror or str(error)) from error
    if len(data) > MAX_TEXT_BYTES:
        raise _Unusable(f"it has more than {MAX_TEXT_BYTES >> 20} MiB")
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        raise _Unusable("it is not UTF-8") from None


def _samples_of_row(task: TaskInfo, shape: _Shape, value: Any, folder: Path) -> list[Any]:
    """The sample that a row is; of a task that gathers, each of the texts in it. Raises _Unusable."""
    if isinstance(value, Mapping) and INPUTS in value:
        given, extra = value[INPUTS], value.get(PARAMETERS)
        value = given if isinstance(given, Mapping) else {shape.needed[0]: given}
        value = {**(extra if isinstance(extra, Mapping) else {}), **value}
    if task.gathers and isinstance(value, Mapping) and not set(value) & {"text"}:
        return [_text(item) for item in _gathered(task, value)]
    if shape.kind != "text" and isinstance(value, Mapping) and "bytes" in value:
        value = {shape.needed[0]: value}  # as the hub's tables hold pictures and sounds
    if not isinstance(value, Mapping):
        if len(shape.needed) > 1:
            raise _Unusable(f"it lacks {', '.join(shape.needed[1:])}")
        value = {shape.needed[0]: value}
    if missing := [name for name in shape.needed if name not in value]:
        raise _Unusable(f"it lacks {', '.join(missing)}")
    kinds = {field.name: field.kind for field in task.fields}
    sample: dict[str, Any] = {}
    for name in (*shape.needed, *(name for name in shape.optional if value.get(name))):
        kind = kinds.get(name) or ("texts" if name in shape.needed[1:] else shape.kind)
        if kind == "texts":
            sample[name] = _texts(name, value[name], commas=name not in kinds)
        elif kind == "text":
            sample[name] = _text(value[name])
        else:
            sample[name] = _media(os.fspath(folder / _path(value[name])), kind)
    if task.id == "fill-mask":
        sample["text"] = _with_mask(sample["text"])
    return [sample if len(sample) > 1 else next(iter(sample.values()))]


def _gathered(task: TaskInfo, value: Mapping[str, Any]) -> Iterator[Any]:
    names = [field.name for field in task.fields if field.name in value]
    if not names:
        raise _Unusable(f"it lacks {task.fields[0].name}")
    for name in names:
        yield from value[name] if isinstance(value[name], list) else [value[name]]


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise _Unusable("it is empty" if value is None else f"it is no text but of the type {type(value).__name__}")
    if not value.strip():
        raise _Unusable("it is empty")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise _Unusable("it is not UTF-8") from None
    return value


def _texts(name: str, value: Any, *, commas: bool) -> list[str]:
    """A list of texts; in a cell of a table as JSON, or divided by ``commas``."""
    if isinstance(value, str):
        divided = commas and not value.lstrip().startswith("[")
        try:
            value = [part.strip() for part in value.split(",")] if divided else json.loads(value)
        except (ValueError, RecursionError):
            raise _Unusable(f"{name} is no list of texts") from None
    if not isinstance(value, list) or not value:
        raise _Unusable(f"{name} is no list of texts")
    return [_text(item) for item in value]


def _path(value: Any) -> str:
    if isinstance(value, Mapping):
        raise _Unusable("it lies inside of the table; save it as a file, and name that")
    return _text(value)


def _with_mask(text: str) -> str:
    text = text.replace(OTHER_MASK, MASK)
    if MASK not in text:
        raise _Unusable(f"it has no {MASK}, which marks the place to fill")
    return text
