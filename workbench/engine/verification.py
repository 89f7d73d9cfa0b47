"""A variant against the answers it should give: the real task on recorded samples, without torch.

The export worker wrote ``samples.json`` and ``answers.npz``; the format stands in ``exporters/reference.py``. Where
there is no checkpoint, :mod:`workbench.engine.recording` writes the same of the fp32 graph.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, ZipFile

import numpy as np

from workbench.cancellation import Cancellation
from workbench.engine.figures import Compared, Figures
from workbench.errors import InputError, ModelError, error_to_wire
from workbench.recorded_samples import RecordedSample, read_recorded
from workbench.results import Embedding
from workbench.tasks.agreement import agreement, further_figures
from workbench.tasks.base import Array, Outputs, Pipeline, Run
from workbench.tasks.short_answers import short, short_answer, short_input

__all__ = ["log_likelihoods", "verify"]

Send = Callable[[Any, Mapping[str, Any]], None]

# How many tokens of a text are shown before one that a language model would say otherwise.
SHOWN_TOKENS = 8


def verify(
    pipeline: Pipeline,
    reference: str,
    params: Mapping[str, Any],
    cancellation: Cancellation,
    send: Send,
    *,
    skip_unreadable: bool = False,
) -> Generator[None, None, dict[str, Any]]:
    """Compare on every recorded sample; yields after each.

    Returns ``{"samples", "outputs": {name: {"max_abs_diff", "cosine"}}, "agreement": {"metric", "mean", "worst",
    "worst_sample"}, "agreed", "skipped"}``: ``agreed`` is told by :meth:`Figures.tell`, ``skipped`` are the inputs that
    cannot be read, each with its number and error; without ``skip_unreadable`` the first of them is raised. Raises
    ModelError where the reference cannot be read or does not fit the graph, InputError where no sample can be read.
    """
    params = {**pipeline.reference_params, **params}
    folder = Path(reference)
    figures = Figures()
    skipped: list[dict[str, Any]] = []
    last: InputError | None = None
    with _recorded(folder) as (samples, arrays):
        for done, sample in enumerate(samples, 1):
            run = Run(cancellation=cancellation)
            try:
                figures.add(sample.index, _compared(pipeline, folder, sample, arrays, params, run, figures))
            except InputError as error:
                if not skip_unreadable:
                    raise
                last = error
                shown = short_input(sample.input)
                skipped.append({"index": sample.index, "input": shown, "error": error_to_wire(error)})
            send("progress", {"stage": "verify", "done": done, "total": len(samples), "unit": "samples"})
            yield
        if last is not None and len(skipped) == len(samples):
            raise last
    return figures.tell() | {"skipped": skipped}


def _compared(
    pipeline: Pipeline,
    folder: Path,
    sample: RecordedSample,
    arrays: Callable[[str], Array],
    params: Mapping[str, Any],
    run: Run,
    figures: Figures,
) -> Compared:
    item, answer, index = sample.input, sample.answer, sample.index
    wanted: Outputs = {name: arrays(key) for name, key in sample.outputs.items()}
    prepared = pipeline.preprocess(item, params, run)
    got: Outputs = {}
    if wanted or "next_tokens" in answer:
        got = pipeline.reference_outputs(prepared, params, run, answer)
    if "token_ids" in answer and "text" not in answer:
        return _next_tokens(pipeline, item, got, wanted, answer, folder, index, figures)
    got = pipeline.aligned(got, wanted)
    pairs = {name: _same_shape(got, wanted, name, folder, index) for name in wanted}
    figures.outputs({name: a for name, (a, _) in pairs.items()}, wanted)
    shown = short_input(item)
    if wanted and (measured := pipeline.compared(got, wanted)) is not None:
        return Compared(measured.metric, measured.value, shown)
    if "text" in answer:
        ours = pipeline(item, params, run)
        theirs = type(ours)(**(dict(vars(ours)) | {"text": answer["text"]}))
    else:
        ours = pipeline.postprocess(got, prepared, params, run)
        theirs = _postprocessed(pipeline, wanted, prepared, params, run, folder)
    measured = agreement(ours, theirs)
    vectors = None
    if isinstance(ours, Embedding) and isinstance(theirs, Embedding):
        vectors = ours.vectors.mean(axis=0), theirs.vectors.mean(axis=0)
    return Compared(
        measured.metric,
        measured.value,
        shown,
        short_answer(ours),
        short_answer(theirs),
        further_figures(ours, theirs),
        vectors,
    )


def _postprocessed(
    pipeline: Pipeline, wanted: Outputs, prepared: Any, params: Mapping[str, Any], run: Run, folder: Path
) -> Any:
    """The answer that recorded outputs come to. They have the shapes of the graph's, but some may be missing."""
    try:
        return pipeline.postprocess(wanted, prepared, params, run)
    except KeyError as error:
        raise ModelError("reference-unreadable", folder=folder, reason=f"it lacks the output {error}") from error


def _next_tokens(
    pipeline: Pipeline,
    item: Any,
    got: Outputs,
    wanted: Outputs,
    answer: Mapping[str, Any],
    folder: Path,
    index: int,
    figures: Figures,
) -> Compared:
    """A language model: which token it would say next, at every place of a real text, and how likely the text is.

    The reference's logits may be there for the first tokens only, its likeliest tokens and the logarithms of what it
    thought of each token of the text for all; older ones have the logits of all alone.
    """
    ids: list[int] = answer["token_ids"]
    logits = next(iter(got.values()))
    if logits.shape[1] != len(ids) or max(ids) >= logits.shape[2]:
        wish = [1, len(ids), f"over {max(ids)}"]
        raise ModelError("reference-misfit", output="logits", got=list(logits.shape), wanted=wish, sample=index + 1)
    for name, b in wanted.items():
        a = {name: got[name][:, : b.shape[1]]} if name in got else got
        a_, _ = _same_shape(a, wanted, name, folder, index)
        figures.outputs({name: a_}, {name: b})
    if "next_tokens" in answer:
        theirs = np.array(answer["next_tokens"])
        known = np.array(answer["log_likelihoods"])
    else:
        full = next(iter(wanted.values()))
        theirs, known = np.argmax(full[0], -1), log_likelihoods(full[0], ids)
    ours = np.argmax(logits[0], -1)
    likely = log_likelihoods(logits[0], ids)
    same = ours == theirs
    further: dict[str, tuple[float, float]] = {}
    if len(ids) > 1:
        further = {
            "perplexity_log": (float(-likely.mean()), len(likely)),
            "reference_perplexity_log": (float(-known.mean()), len(known)),
        }
    said = wished = ""
    if not same.all():
        place = int(np.argmin(same))
        before = pipeline.words_of(ids[max(0, place + 1 - SHOWN_TOKENS) : place + 1])
        said, wished = (
            short(f"…{before} ▸ “{pipeline.words_of([int(tokens[place])])}”".replace("\n", "↵"))
            for tokens in (ours, theirs)
        )
    return Compared("same next token", float(same.mean()), short_input(item), said, wished, further)


def log_likelihoods(logits: Array, ids: list[int]) -> Array:
    """float64 [tokens - 1]: the logarithm of the probability of each token but the first. ``logits`` is [tokens,
    vocabulary]."""
    rows = logits[:-1].astype(np.float64)
    peak = rows.max(axis=-1, keepdims=True)
    total = np.log(np.exp(rows - peak).sum(axis=-1)) + peak[:, 0]
    values: Array = rows[np.arange(len(rows)), ids[1 : len(rows) + 1]] - total
    return values


@contextmanager
def _recorded(folder: Path) -> Iterator[tuple[tuple[RecordedSample, ...], Callable[[str], Array]]]:
    """The samples, and what gives an array of an answer, float32: one after the other, since they may be many."""
    samples = read_recorded(folder).samples
    if not samples:
        raise ModelError("reference-unreadable", folder=folder, reason="it holds no samples")
    with ExitStack() as stack:
        with _reading(folder):
            archive = stack.enter_context(ZipFile(folder / "answers.npz"))

        def array(key: str) -> Array:
            with _reading(folder):
                return _array(archive, f"{key}.npy")

        yield samples, array


@contextmanager
def _reading(folder: Path) -> Iterator[None]:
    """Raise ModelError for whatever is wrong with a file of answers."""
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:  # zipfile and numpy have a dozen kinds for damaged data
        raise ModelError("reference-unreadable", folder=folder, reason=str(error) or type(error).__name__) from error


def _array(archive: ZipFile, name: str) -> Array:
    """One array of real numbers, of which no more memory is asked than the file has. Raises Exception."""
    entry = archive.getinfo(name)
    with archive.open(entry) as stream:
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(stream)
    if dtype.kind not in "fiub":
        raise ValueError(f"{name} does not hold numbers")
    if entry.compress_type != ZIP_STORED or math.prod(shape) * dtype.itemsize > entry.compress_size:
        raise ValueError(f"{name} is not as large as it says")
    with archive.open(entry) as stream:
        value: Array = np.lib.format.read_array(stream, allow_pickle=False).astype(np.float32)
    return value


def _same_shape(got: Outputs, wanted: Outputs, name: str, folder: Path, index: int) -> tuple[Array, Array]:
    a, b = got.get(name), wanted[name]
    if a is None or a.shape != b.shape:
        shape = "nothing" if a is None else list(a.shape)
        raise ModelError("reference-misfit", output=name, got=shape, wanted=list(b.shape), sample=index + 1)
    return a.astype(np.float32), b
