"""What every task's file builds on: the files of a model, the run it works for, and the three steps of a pipeline."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np

from workbench.batching import BatchLimits, Share
from workbench.cancellation import Cancellation
from workbench.errors import ModelError, Notice
from workbench.results import Result
from workbench.versioned_json import load_document

__all__ = ["Array", "Measured", "ModelFiles", "Outputs", "Pipeline", "Run", "SessionLike"]

# Far more than any model has.
MAX_LABELS = 1 << 20
MAX_SHOWN = 60
# The largest, vocabularies, have some 30 MB.
MAX_JSON_BYTES = 256 << 20

Array = np.ndarray[Any, np.dtype[Any]]
Outputs = dict[str, Array]


@dataclass(frozen=True)
class ModelFiles:
    """A folder with ``config.json``, ``tokenizer.json`` …, and the graphs of the chosen variant by their names."""

    folder: Path
    graphs: Mapping[str, Path]

    def read_json(self, name: str) -> dict[str, Any] | None:
        """The object in a JSON file of the folder, None where there is none. Raises ModelError if it is broken."""
        path = self.folder / name
        try:
            value = load_document(path, MAX_JSON_BYTES)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, RecursionError) as error:
            raise ModelError("model-bad-file", file=path, reason=error) from error
        if not isinstance(value, dict):
            raise ModelError("model-bad-file", file=path, reason="not a JSON object")
        return value

    @cached_property
    def config(self) -> dict[str, Any]:
        """``config.json``. Raises ModelError when it is missing."""
        config = self.read_json("config.json")
        if config is None:
            raise ModelError("model-file-missing", file=self.folder / "config.json")
        return config

    @cached_property
    def labels(self) -> dict[int, str]:
        """``id2label`` of the config; ``LABEL_n`` as transformers names them where it says none.

        Raises ModelError for numbers that are none or have gaps, and for labels that are no words.
        """
        labels = self.config.get("id2label")
        count = self.config.get("num_labels", 2)
        try:
            if isinstance(labels, dict) and labels:
                found = {int(key): _label(value) for key, value in labels.items()}
                if (len(found), min(found), max(found)) != (len(labels), 0, len(labels) - 1):
                    raise ValueError("a number is missing")
                return found
        except ValueError:
            raise self.bad_setting("config.json", "id2label", labels) from None
        if type(count) is not int or not 0 <= count <= MAX_LABELS:
            raise self.bad_setting("config.json", "num_labels", count)
        return {n: f"LABEL_{n}" for n in range(count)}

    def bad_setting(self, name: str, key: str, value: Any) -> ModelError:
        """The error for a value that makes no sense in one of the files."""
        return ModelError("model-bad-setting", file=self.folder / name, name=key, value=str(value)[:MAX_SHOWN])


def _label(value: Any) -> str:
    """A label as text. Raises ValueError for what is neither a text nor a number."""
    if not isinstance(value, (str, int, float)):
        raise ValueError("no label")
    return str(value)


@dataclass
class Run:
    """One input being worked on: cancel, timings, warnings, partial results."""

    cancellation: Cancellation = field(default_factory=Cancellation)
    notices: list[Notice] = field(default_factory=list)
    times_s: dict[str, float] = field(default_factory=dict)
    on_partial: Callable[[Result], None] | None = None
    on_progress: Callable[[str, float, float, str], None] | None = None

    def warn(self, code: str, **args: Any) -> None:
        notice = Notice.of(code, **args)
        if notice not in self.notices:
            self.notices.append(notice)

    def partial(self, result: Result) -> None:
        if self.on_partial:
            self.on_partial(result)

    def progress(self, stage: str, done: float, total: float, unit: str) -> None:
        if self.on_progress:
            self.on_progress(stage, done, total, unit)

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        """Add the time spent in this block to ``times_s[step]``. Blocks of different steps must not be nested."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.times_s[step] = self.times_s.get(step, 0.0) + time.perf_counter() - started


class Measured(Protocol):
    """What :func:`workbench.tasks.agreement.agreement` gives."""

    @property
    def metric(self) -> str: ...
    @property
    def value(self) -> float: ...


class SessionLike(Protocol):
    """What a pipeline needs of :class:`workbench.runtime.session.Session`; tests pass fakes."""

    @property
    def input_names(self) -> tuple[str, ...]: ...
    @property
    def output_names(self) -> tuple[str, ...]: ...
    @property
    def input_dtypes(self) -> Mapping[str, np.dtype[Any]]: ...
    @property
    def input_shapes(self) -> Mapping[str, tuple[int | str | None, ...]]: ...
    def run(self, feeds: Mapping[str, Array], run: Run, outputs: tuple[str, ...] | None = None) -> Outputs: ...


class Pipeline(ABC):
    """One model loaded for one task. Used by one thread at a time.

    A subclass reads what it needs of the model's files in ``__init__`` (and fails there, with the file's name, rather
    than at the first input) and implements the three steps. ``prepared`` is the subclass's own type.

    One that can take several inputs through its graphs together says so in ``batch_limits`` and ``batch_share``, and
    implements ``forward_batch``; each answer must be that of the input alone, but for rounding.
    """

    # Parameters with which it does what the reference does, where that is not what it does by itself.
    reference_params: Mapping[str, Any] = MappingProxyType({})

    def __init__(self, files: ModelFiles, sessions: Mapping[str, SessionLike]) -> None:
        self.files = files
        self.sessions = sessions

    @abstractmethod
    def preprocess(self, item: Any, params: Mapping[str, Any], run: Run) -> Any:
        """The graph's inputs, and what the answer needs of the input. Raises InputError."""

    @abstractmethod
    def forward(self, prepared: Any, params: Mapping[str, Any], run: Run) -> Outputs:
        """Run the graph. Output arrays by the names that the graph gives them."""

    @abstractmethod
    def postprocess(self, outputs: Outputs, prepared: Any, params: Mapping[str, Any], run: Run) -> Result:
        """The answer. Must accept the arrays of the reference model as well: verification passes them."""

    @property
    def batch_limits(self) -> BatchLimits | None:
        """The most that goes through the graphs together; None where each input goes alone. Asked before each batch
        is gathered: it may turn out in use that a graph cannot."""
        return None

    def batch_share(self, prepared: Any, params: Mapping[str, Any]) -> Share:
        """What an input takes of a batch; only asked where there are limits."""
        raise NotImplementedError

    def forward_batch(self, prepared: Sequence[Any], params: Mapping[str, Any], run: Run) -> list[Outputs]:
        """:meth:`forward` for several inputs; only called where there are limits."""
        return [self.forward(item, params, run) for item in prepared]

    def __call__(self, item: Any, params: Mapping[str, Any], run: Run) -> Result:
        """The answer for one input. ``Session.run`` adds its own time under ``"session"``."""
        with run.timed("preprocess"):
            prepared = self.preprocess(item, params, run)
        run.cancellation.check()
        outputs = self.forward(prepared, params, run)
        with run.timed("postprocess"):
            return self.postprocess(outputs, prepared, params, run)

    def reference_outputs(
        self, prepared: Any, params: Mapping[str, Any], run: Run, answer: Mapping[str, Any]
    ) -> Outputs:
        """What is compared with the arrays that torch gave for the same input.

        ``answer`` is what the exporter recorded beside them (generated text and tokens); a task that generates
        overrides this and feeds those tokens, so that one early difference does not hide all later ones.
        """
        return self.forward(prepared, params, run)

    def words_of(self, tokens: Sequence[int]) -> str:
        """Tokens of a language model as text, to be shown."""
        return " ".join(map(str, tokens))

    def compared(self, got: Outputs, wanted: Outputs) -> Measured | None:
        """How far these outputs of :meth:`reference_outputs` agree, None where their answers are compared instead.

        For tasks whose recorded arrays are no answer, such as the spectrum of a sound.
        """
        return None

    def aligned(self, got: Outputs, wanted: Outputs) -> Outputs:
        """``got`` with its parts in the order of ``wanted``, where a graph gives a set whose order means nothing."""
        return got
