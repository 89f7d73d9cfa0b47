"""What torch answers to the sample inputs, written beside the graphs so that anyone can check a variant without torch.

``reference/samples.json`` tells the inputs and which array of ``reference/answers.npz`` belongs to which output;
pictures and sounds are copied to ``reference/media/``. Of a user's own samples ``index`` is the number, since some of
them may be left out.
"""

from __future__ import annotations

import filecmp
import json
import shutil
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from exporters.answers import Answer, Answerer, MakeAnswerer
from exporters.answers_audio import AUDIO_ANSWERERS
from exporters.answers_text import TEXT_ANSWERERS
from exporters.answers_vision import VISION_ANSWERERS
from exporters.failure import ExportFailure
from exporters.protocol import REFERENCE_SCHEMA, ExportRequest

if TYPE_CHECKING:
    from exporters.__main__ import Reporter

__all__ = ["answerer_for", "write_answers", "write_reference"]

MEDIA_SUFFIXES = (".wav", ".flac", ".ogg", ".mp3", ".png", ".jpg", ".jpeg", ".webp", ".bmp")
ANSWERERS: dict[str, MakeAnswerer] = {**TEXT_ANSWERERS, **VISION_ANSWERERS, **AUDIO_ANSWERERS}


def write_reference(
    model: Any, request: ExportRequest, source: Path, output: Path, report: Reporter
) -> tuple[int, list[tuple[int, str]]]:
    """Answer each sample with the torch model. Tasks that nobody answers here write an empty list.

    Returns how many were answered, and the numbers of a user's own samples that could not be, each with the reason.
    Raises ExportFailure where a built-in one, or none at all, could be.
    """
    written = _Written(output / "reference", request, copies=True)
    written.answer_all(model, source, report)
    if written.failure and not written.rows:
        raise written.failure
    return len(written.rows), written.skipped


def write_answers(
    model: Any, request: ExportRequest, source: Path, output: Path, report: Reporter
) -> tuple[int, list[tuple[int, str]]]:
    """Answer a user's own samples into ``output`` itself. Their files are not copied, only named.

    Returns how many were answered, and the numbers of those that could not be, each with the reason. Raises
    ExportFailure where none could.
    """
    written = _Written(output, request, copies=False)
    written.answer_all(model, source, report)
    if written.failure and not written.rows:
        raise written.failure
    return len(written.rows), written.skipped


class _Written:
    """``samples.json`` and ``answers.npz`` of one model, array by array: those of many samples fill the memory."""

    def __init__(self, folder: Path, request: ExportRequest, *, copies: bool) -> None:
        """``copies`` takes media along."""
        self.rows: list[dict[str, Any]] = []
        self.skipped: list[tuple[int, str]] = []
        self.failure: ExportFailure | None = None
        self._folder, self._request, self._copies = folder, request, copies

    def answer_all(self, model: Any, source: Path, report: Reporter) -> None:
        request = self._request
        self._folder.mkdir(parents=True, exist_ok=True)
        answerer = answerer_for(model, request, source)
        samples = list(request.samples) if answerer else []
        # Not compressed: numbers of a model hardly shrink, and every verification reads them.
        with zipfile.ZipFile(self._folder / "answers.npz", "w", zipfile.ZIP_STORED) as archive:
            for number, sample in enumerate(samples):
                assert answerer is not None
                self._answer(answerer, number, sample, archive)
                report.progress(number + 1, len(samples), "samples")
        # Similar sentences are compared through their embeddings, which is what the graph gives.
        task = "feature-extraction" if request.task == "sentence-similarity" else request.task
        document = {"schema": REFERENCE_SCHEMA, "task": task, "samples": self.rows}
        text = json.dumps(document, ensure_ascii=False, indent=1) + "\n"
        (self._folder / "samples.json").write_text(text, "utf-8")

    def _answer(self, answerer: Answerer, number: int, sample: Any, archive: zipfile.ZipFile) -> None:
        import torch

        try:
            with torch.inference_mode():
                answer = _answered(answerer, sample, self._request.task)
        except ExportFailure as failure:
            if failure.code != "export-sample" or not (self._request.own_samples or not self._copies):
                raise  # a built-in sample that cannot be answered tells that the model is for something else
            self.failure = failure
            self.skipped.append((number, failure.arguments["reason"]))
            return
        keys = {name: f"{number}/{name}" for name in answer.arrays}
        _append(archive, {keys[name]: value for name, value in answer.arrays.items()})
        read = sample if answer.sample is None else answer.sample
        if self._copies:
            row = {"input": _portable(read, self._folder, _media_fields(self._request), number), "outputs": keys}
        else:
            row = {"index": number, "input": read, "outputs": keys}
        self.rows.append(row | {"answer": dict(answer.answer)} if answer.answer else row)


def _append(archive: zipfile.ZipFile, arrays: Mapping[str, np.ndarray[Any, Any]]) -> None:
    """Add arrays as ``numpy.savez`` has them."""
    for name, value in arrays.items():
        with archive.open(f"{name}.npy", "w", force_zip64=True) as stream:
            np.lib.format.write_array(stream, np.asanyarray(value), allow_pickle=False)


def answerer_for(model: Any, request: ExportRequest, source: Path) -> Answerer | None:
    """What answers the samples of a task, None where nobody does. Raises ExportFailure."""
    # Tasks that share a graph may take other samples.
    maker = ANSWERERS.get(request.task) or ANSWERERS.get(request.export_task.removesuffix("-with-past"))
    return _answerer(maker, model, source, list(request.samples), request.task) if maker and request.samples else None


def _answerer(maker: MakeAnswerer, model: Any, source: Path, samples: list[Any], task: str) -> Answerer:
    try:
        return maker(model, source, len(samples))
    except (ExportFailure, MemoryError):
        raise
    except Exception as error:  # each tokenizer and processor has its own for a file that is missing or damaged
        raise ExportFailure("export-no-inputs", task=task, reason=_first_line(error)) from error


def _answered(answerer: Answerer, sample: Any, task: str) -> Answer:
    try:
        return answerer(sample)
    except (ExportFailure, MemoryError):
        raise
    except Exception as error:  # whatever a model of another kind, or a file that is none, makes the libraries raise
        named = sample.get("image") if isinstance(sample, dict) else sample
        shown = Path(named).name if isinstance(named, str) and _is_media(named) else str(sample)[:60]
        raise ExportFailure("export-sample", sample=shown, task=task, reason=_first_line(error)) from error


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]


def _portable(sample: Any, folder: Path, media: Sequence[str], number: int) -> Any:
    """The sample as the artifact tells it: a media file becomes a copy, named relative to ``reference/``.

    ``media`` are the fields that hold the path of one, "" for a sample that is one.
    """
    if isinstance(sample, dict):
        return {name: _copied(value, folder, number) if name in media else value for name, value in sample.items()}
    return _copied(sample, folder, number) if "" in media else sample


def _copied(file: str, folder: Path, number: int) -> str:
    target = folder / "media" / Path(file).name
    target.parent.mkdir(exist_ok=True)
    # Pictures of the same name in several folders; the same picture may belong to several questions.
    if target.exists() and not filecmp.cmp(file, target, shallow=False):
        target = target.with_name(f"{number}-{target.name}")
    shutil.copyfile(file, target)
    return f"media/{target.name}"


def _media_fields(request: ExportRequest) -> tuple[str, ...]:
    """The fields of a sample that name a file; "" where the sample itself does."""
    if request.task == "document-question-answering":
        return ("image",)
    listens = request.export_task.removesuffix("-with-past") in ("audio-classification", "automatic-speech-recognition")
    return ("",) if request.task in VISION_ANSWERERS or listens else ()


def _is_media(sample: str) -> bool:
    return Path(sample).suffix.lower() in MEDIA_SUFFIXES and Path(sample).is_absolute()
