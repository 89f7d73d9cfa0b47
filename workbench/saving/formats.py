"""Results as files: which formats a type of result has, and what stands in them.

Plain data for every front. What is drawn over a picture comes from the engine, which alone decodes a user's file: the
caller passes a function that asks it.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.errors import UsageError
from workbench.results import (
    RESULT_TYPES,
    Answers,
    Audio,
    Boxes,
    Depth,
    Embedding,
    Fills,
    Labels,
    MadePicture,
    Masks,
    Ranking,
    Result,
    Similarity,
    Spans,
    Text,
    Transcript,
)
from workbench.saving.coco import coco
from workbench.saving.encoding import png_bytes, wav_bytes
from workbench.saving.files import file_name, picture_of, put, put_new, safe_name, unusable
from workbench.saving.subtitles import srt, txt, vtt

__all__ = [
    "FORMATS",
    "Format",
    "OutFolder",
    "Overlay",
    "chosen_formats",
    "formats_of",
    "json_text",
    "rows_of",
    "write",
    "write_together",
]

Overlay = Callable[[Path, Result], bytes]

MILLIMETRES = 1000
MAX_16_BITS = 65535


@dataclass(frozen=True)
class Format:
    """One format of files. ``name`` is the word for it, ``title`` what it is, in English.

    ``needs_picture``: it is drawn over the picture that was asked about. ``together``: all results of a run make one
    file.
    """

    name: str
    suffix: str
    title: str
    needs_picture: bool = False
    together: bool = False


FORMATS: Mapping[str, Format] = {
    item.name: item
    for item in (
        Format("json", ".json", "JSON"),
        Format("csv", ".csv", "Table (CSV)"),
        Format("txt", ".txt", "Text"),
        Format("srt", ".srt", "Subtitles (SubRip)"),
        Format("vtt", ".vtt", "Subtitles (WebVTT)"),
        Format("png", ".png", "Picture (PNG)"),
        Format("overlay", ".png", "Drawn over the picture (PNG)", needs_picture=True),
        Format("coco", ".coco.json", "COCO annotations (JSON)", together=True),
        Format("wav", ".wav", "Sound (WAV)"),
        Format("npy", ".npy", "Numbers (NPY)"),
    )
}

# The first is the one that is taken where nobody says which.
_BY_TYPE: Mapping[type[Any], tuple[str, ...]] = {
    Labels: ("json", "csv", "txt"),
    Spans: ("json", "csv", "txt"),
    Embedding: ("npy", "json", "csv"),
    Similarity: ("csv", "json", "npy"),
    Text: ("txt", "json"),
    Transcript: ("txt", "srt", "vtt", "csv", "json"),
    Fills: ("json", "csv", "txt"),
    Answers: ("json", "csv", "txt"),
    Ranking: ("csv", "json", "txt"),
    Boxes: ("json", "csv", "txt", "overlay", "coco"),
    Masks: ("png", "overlay", "coco", "csv", "json"),
    Depth: ("png", "overlay", "npy", "json"),
    MadePicture: ("png", "json"),
    Audio: ("wav", "json"),
}


def formats_of(kind: type[Any] | str) -> tuple[Format, ...]:
    """The formats for a type of result, or for its name; the usual one first."""
    cls = RESULT_TYPES[kind] if isinstance(kind, str) else kind
    return tuple(FORMATS[name] for name in _BY_TYPE[cls])


def chosen_formats(kind: type[Any] | str, names: Sequence[str]) -> tuple[Format, ...]:
    """The formats of these names, the usual one where there are none. Raises UsageError for one it does not have."""
    known = formats_of(kind)
    if not names:
        return known[:1]
    by_name = {item.name: item for item in known}
    for name in names:
        if name not in by_name:
            raise UsageError("usage-bad-format", format=name, known=", ".join(by_name))
    return tuple(by_name[name] for name in dict.fromkeys(names))


# --- what stands in a file --------------------------------------------------------------------------------------


def json_text(value: Any) -> str:
    """JSON as a file has it. Numbers that JSON does not know (NaN) are null, so that every reader takes it."""
    try:
        text = json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False)
    except ValueError:
        text = json.dumps(_finite(value), ensure_ascii=False, indent=2, allow_nan=False)
    return text + "\n"


def rows_of(result: Result) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    """Headings and rows of a result that is a table. Raises LookupError for one that is none."""
    match result:
        case Labels(labels):
            return ("label", "score"), [(item.label, item.score) for item in labels]
        case Spans(spans):
            return ("label", "score", "word", "start", "end"), [
                (item.label, item.score, item.word, item.start, item.end) for item in spans
            ]
        case Transcript(segments=segments):
            return ("start_s", "end_s", "text"), [(item.start_s, item.end_s, item.text.strip()) for item in segments]
        case Fills(masks):
            return ("mask", "token_str", "score", "token", "sequence"), [
                (number, item.word, item.score, item.token, item.text)
                for number, fills in enumerate(masks, 1)
                for item in fills
            ]
        case Answers(answers=answers):
            return ("answer", "score", "start", "end"), [
                (item.answer, item.score, item.start, item.end) for item in answers
            ]
        case Ranking(ranks=ranks):
            return ("score", "index", "text"), [(item.score, item.index, item.text) for item in ranks]
        case Boxes(boxes=boxes):
            return ("label", "score", "xmin", "ymin", "xmax", "ymax"), [
                (item.label, item.score, item.xmin, item.ymin, item.xmax, item.ymax) for item in boxes
            ]
        case Masks(width_px=width, height_px=height, masks=masks):
            counts = [int((item.pixels > 0).sum()) for item in masks]
            whole = max(1, width * height)
            return ("label", "score", "pixels", "share"), [
                (item.label, item.score, count, count / whole) for item, count in zip(masks, counts, strict=True)
            ]
        case Similarity(rows=rows, columns=columns, scores=scores):
            return ("", *columns), [
                (title, *map(float, values)) for title, values in zip(rows, scores.tolist(), strict=True)
            ]
        case Embedding(vectors=vectors):
            return tuple(str(n) for n in range(vectors.shape[1])), [tuple(row) for row in vectors.tolist()]
    raise LookupError(type(result).__name__)


def _contents(
    result: Result, format_: Format, picture: Path | None, overlay: Overlay | None
) -> list[tuple[str, bytes]]:
    """What is added to the name of each file, and its bytes. Raises UsageError, and what ``overlay`` raises."""
    if format_.name == "png" and isinstance(result, Masks):
        return [
            (f"-{number}-{safe_name(mask.label)}", png_bytes(mask.pixels))
            for number, mask in enumerate(result.masks, 1)
        ]
    if format_.needs_picture:
        if picture is None or overlay is None:
            raise UsageError("usage-no-picture", format=format_.name)
        return [("", overlay(picture, result))]
    return [("", _bytes(result, format_, picture))]


def _bytes(result: Result, format_: Format, picture: Path | None) -> bytes:
    match format_.name, result:
        case "json", _:
            return json_text(result.to_json()).encode("utf-8", "replace")
        case "coco", Boxes() | Masks():
            return json_text(coco([(picture.name if picture else "", result)])).encode("utf-8", "replace")
        case "srt", Transcript():
            return srt(result).encode("utf-8", "replace")
        case "vtt", Transcript():
            return vtt(result).encode("utf-8", "replace")
        case "txt", Transcript():
            return txt(result).encode("utf-8", "replace")
        case "txt", Text(text):
            return f"{text}\n".encode("utf-8", "replace")
        case "txt", _:
            lines = ("\t".join(" ".join(str(cell).split()) for cell in row) for row in rows_of(result)[1])
            return "".join(f"{line}\n" for line in lines).encode("utf-8", "replace")
        case "png", Depth():
            return png_bytes(_depth_16_bits(result))
        case "png", MadePicture(pixels):
            return png_bytes(pixels)
        case "wav", Audio(samples, sampling_rate):
            return wav_bytes(samples, sampling_rate)
        case "npy", Embedding(vectors=numbers) | Similarity(scores=numbers) | Depth(values=numbers):
            return _npy(numbers)
        case "csv", _:
            return _csv(*rows_of(result))
    raise LookupError(f"{type(result).__name__} as {format_.name}")


def _csv(headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    """RFC 4180 with a mark of UTF-8 in front, without which spreadsheets spoil what is not Latin."""
    stream = io.StringIO(newline="")
    writer = csv.writer(stream)
    writer.writerow(headings)
    writer.writerows(rows)
    return stream.getvalue().encode("utf-8-sig", "replace")


def _npy(numbers: Any) -> bytes:
    import numpy as np

    stream = io.BytesIO()
    np.save(stream, np.ascontiguousarray(numbers), allow_pickle=False)
    return stream.getvalue()


def _depth_16_bits(result: Depth) -> Any:
    """uint16 [height, width]: millimetres where the unit is metres, else the whole range from the least value to the
    greatest; 0 where there is no depth."""
    import numpy as np

    known = np.isfinite(result.values)
    values = np.where(known, result.values, 0.0).astype(np.float64)
    if result.unit == "m":
        scaled = values * MILLIMETRES
    else:
        some = values[known]
        low, high = (float(some.min()), float(some.max())) if some.size else (0.0, 0.0)
        scaled = np.where(known, values - low, 0.0) * (MAX_16_BITS / (high - low) if high > low else 0.0)
    return scaled.round().clip(0, MAX_16_BITS).astype(np.uint16)


# --- files ------------------------------------------------------------------------------------------------------


def write(
    result: Result, format_: Format, path: Path, *, picture: Path | None = None, overlay: Overlay | None = None
) -> tuple[Path, ...]:
    """Write a result to ``path``, which is replaced; several masks become several files beside it, which replace
    nothing. Raises WorkbenchError."""
    parts = _contents(result, format_, picture, overlay)
    if len(parts) == 1 and not parts[0][0]:
        put(path, parts[0][1])
        return (path,)
    stem = path.name.removesuffix(format_.suffix)
    return tuple(put_new(path.parent, stem + more, format_.suffix, data) for more, data in parts)


def write_together(items: Sequence[tuple[str, Result]], format_: Format, path: Path, *, replace: bool = True) -> Path:
    """Write all results of a run into one file, each with the name of its picture. Raises WorkbenchError."""
    found = [(name, result) for name, result in items if isinstance(result, (Boxes, Masks))]
    data = json_text(coco(found)).encode("utf-8", "replace")
    if not replace:
        return put_new(path.parent, path.name.removesuffix(format_.suffix), format_.suffix, data)
    put(path, data)
    return path


class OutFolder:
    """A folder for the results of a run. Nothing that is there already is replaced, be it the user's own picture."""

    def __init__(self, folder: Path) -> None:
        """The folder is made where it is missing. Raises WorkbenchError where nothing can be written there."""
        self.folder = folder.absolute()
        probe = self.folder / f".workbench-{os.getpid()}-{threading.get_ident()}.tmp"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            probe.write_bytes(b"")
            probe.unlink()
        except OSError as error:
            raise unusable(self.folder, error) from error

    def save(
        self,
        item: Any,
        kind: str,
        result: Result,
        formats: Sequence[Format],
        overlay: Overlay | None = None,
    ) -> Iterator[Path]:
        """Write a result in formats of one file a result, named after its input; each path comes when its file is
        there, so that what was written before an error is known. Raises WorkbenchError."""
        picture = picture_of(item, kind)
        for format_ in formats:
            if format_.together:
                continue
            stem = file_name(item, kind) + ("-overlay" if format_.needs_picture else "")
            for more, data in _contents(result, format_, picture, overlay):
                yield put_new(self.folder, stem + more, format_.suffix, data)

    def save_together(
        self, items: Sequence[tuple[Any, Result]], kind: str, formats: Sequence[Format]
    ) -> tuple[Path, ...]:
        """Write the formats that have one file a run. Raises WorkbenchError."""
        named = [((picture_of(item, kind) or Path()).name, result) for item, result in items]
        stem = file_name(items[0][0], kind) if len(items) == 1 else "annotations"
        return tuple(
            write_together(named, item, self.folder / f"{stem}{item.suffix}", replace=False)
            for item in formats
            if item.together and items
        )


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value
