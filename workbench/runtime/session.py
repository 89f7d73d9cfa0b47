"""Graphs loaded by onnxruntime: sessions that tell which provider they got, can be cancelled and keep time."""

from __future__ import annotations

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # must be set before onnxruntime is imported: its wheel calls home otherwise

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import onnxruntime as ort

from workbench.errors import Cancelled, EngineError, ModelError, ProviderError, WorkbenchError
from workbench.runtime.binding import Binding
from workbench.runtime.graph_metadata import graph_metadata
from workbench.tasks.base import Array, Outputs, Run

__all__ = ["EXACT_INT8", "PROVIDERS", "Call", "Session", "SessionOptions", "available_providers", "runtime_version"]

# What a user says → onnxruntime's name.
PROVIDERS: dict[str, str] = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "dml": "DmlExecutionProvider",
}
# What "auto" tries, best first.
PREFERENCE = ("cuda", "dml", "cpu")

# Where the tensors of a provider lie, as onnxruntime calls it; of all others in this machine's memory.
DEVICES: dict[str, str] = {"CUDAExecutionProvider": "cuda", "DmlExecutionProvider": "dml"}

DTYPES: dict[str, str] = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(double)": "float64",
    "tensor(int64)": "int64",
    "tensor(int32)": "int32",
    "tensor(int8)": "int8",
    "tensor(uint8)": "uint8",
    "tensor(bool)": "bool",
}


Value = TypeVar("Value")


def runtime_version() -> str:
    """The version of onnxruntime that is imported."""
    return str(ort.__version__)


def available_providers() -> tuple[str, ...]:
    """Short names of the providers this wheel was built with. That one is listed does not mean that it works."""
    built = ort.get_available_providers()
    return tuple(name for name in PREFERENCE if PROVIDERS[name] in built)


# Processors with AVX2 but without VNNI add pairs of products of unsigned and signed bytes in 16 bits, which overflow;
# with this entry, onnxruntime turns the weights into unsigned ones there, and answers as elsewhere.
EXACT_INT8 = ("session.x64quantprecision", "1")
# Sums of products with weights of 7 bits never overflow, and unsigned weights would only be slower.
WEIGHT_BITS = "workbench.weight_bits"


@dataclass(frozen=True)
class SessionOptions:
    """``provider`` is ``"auto"`` or a key of :data:`PROVIDERS`; ``threads`` 0 leaves the number to onnxruntime."""

    provider: str = "auto"
    allow_fallback: bool = False
    threads: int = 0


@dataclass(frozen=True)
class Call:
    """One call of onnxruntime, kept so that it can be repeated bare; ``feeds`` is None where that cannot be done, since
    the call changed the memory that it read."""

    session: ort.InferenceSession
    outputs: list[str]
    feeds: dict[str, Array] | None


class Session:
    """One graph, loaded. ``run`` is for one thread at a time; cancelling is for any."""

    def __init__(self, path: Path, options: SessionOptions = SessionOptions()) -> None:
        """Raises ModelError for what is not a whole graph, ProviderError where a named provider cannot be had."""
        self.path = path
        self.recorded: list[Call] | None = None  # a benchmark has its calls noted here
        settings = ort.SessionOptions()
        settings.log_severity_level = 3
        settings.intra_op_num_threads = options.threads
        if graph_metadata(path).get(WEIGHT_BITS) != "7":
            settings.add_session_config_entry(*EXACT_INT8)
        self.providers_tried: tuple[str, ...] = tuple(PROVIDERS[name] for name in _wanted(options.provider))
        try:
            self._session = ort.InferenceSession(str(path), settings, providers=list(self.providers_tried))
        except Exception as error:
            raise _load_failure(path, error) from error
        self.providers_got: tuple[str, ...] = tuple(self._session.get_providers())
        named = options.provider not in ("auto", "cpu") and not options.allow_fallback
        if named and PROVIDERS[options.provider] not in self.providers_got:
            raise ProviderError(
                "provider-not-got", provider=options.provider, got=", ".join(self.providers_got), model=path.name
            )
        self.input_names = tuple(item.name for item in self._session.get_inputs())
        self.output_names = tuple(item.name for item in self._session.get_outputs())

    @cached_property
    def input_dtypes(self) -> Mapping[str, np.dtype[Any]]:
        return {item.name: np.dtype(DTYPES.get(item.type, "O")) for item in self._session.get_inputs()}

    @cached_property
    def optional_inputs(self) -> Mapping[str, np.dtype[Any]]:
        """Inputs that have a default, by their types."""
        found = self._session.get_overridable_initializers()
        return {item.name: np.dtype(DTYPES.get(item.type, "O")) for item in found}

    @cached_property
    def input_shapes(self) -> Mapping[str, tuple[int | str | None, ...]]:
        """Sizes of each input; a name or None where the size is free."""
        return {item.name: tuple(item.shape) for item in self._session.get_inputs()}

    def run(self, feeds: Mapping[str, Array], run: Run, outputs: tuple[str, ...] | None = None) -> Outputs:
        """The outputs (all, or those named) for these inputs. Adds its time to ``run`` under ``"session"``.

        Raises Cancelled when the run's cancellation was asked for, before or while the graph ran.
        """
        names = list(outputs if outputs is not None else self.output_names)
        if self.recorded is not None:
            self.recorded.append(Call(self._session, names, dict(feeds)))
        values = self._watched(run, lambda settings: self._session.run(names, dict(feeds), settings))
        return dict(zip(names, values, strict=True))

    def tried(self, feeds: Mapping[str, Array], outputs: tuple[str, ...]) -> Outputs | None:
        """The outputs for these inputs, None where the graph fails on them, which is then not logged."""
        settings = ort.RunOptions()
        settings.log_severity_level = 4
        try:
            values = self._session.run(list(outputs), dict(feeds), settings)
        except Exception:
            return None
        return dict(zip(outputs, values, strict=True))

    def bind(self) -> Binding:
        """Memory for inputs and outputs that stays from run to run."""
        return Binding(self._session.io_binding(), DEVICES.get(self.providers_got[0], "cpu"), self._run_bound)

    def _run_bound(self, binding: ort.IOBinding, run: Run) -> None:
        if self.recorded is not None:
            self.recorded.append(Call(self._session, [], None))
        self._watched(run, lambda settings: self._session.run_with_iobinding(binding, settings))

    def _watched(self, run: Run, call: Callable[[ort.RunOptions], Value]) -> Value:
        settings = ort.RunOptions()

        def stop() -> None:
            settings.terminate = True

        started = time.perf_counter()
        with run.cancellation.calling(stop):
            run.cancellation.check()
            try:
                value = call(settings)
            except Exception as error:
                if run.cancellation.requested:
                    raise Cancelled from error
                raise _run_failure(self.path, error) from error
        run.times_s["session"] = run.times_s.get("session", 0.0) + time.perf_counter() - started
        return value


def _wanted(provider: str) -> tuple[str, ...]:
    built = available_providers()
    if provider == "auto":
        return built
    if provider not in PROVIDERS:
        raise ProviderError("provider-unknown", provider=provider, known=", ".join(("auto", *PROVIDERS)))
    if provider == "cpu":
        return ("cpu",)
    return (provider, "cpu") if provider in built else ("cpu",)


def _load_failure(path: Path, error: Exception) -> WorkbenchError:
    reason = _first_line(error)
    if _is_memory(reason):
        return EngineError("engine-out-of-memory", model=path.name)
    # onnxruntime itself refuses external data outside the model's folder (seen in 1.24.4 and 1.32).
    if "external data" in reason.lower():
        return ModelError("model-external-data", file=path, reason=reason)
    return ModelError("model-graph-unreadable", file=path, reason=reason)


def _run_failure(path: Path, error: Exception) -> WorkbenchError:
    reason = _first_line(error)
    if _is_memory(reason):
        return EngineError("engine-out-of-memory", model=path.name)
    return EngineError("graph-failed", file=path.name, reason=reason)


def _is_memory(reason: str) -> bool:
    return any(words in reason.lower() for words in ("bad_alloc", "failed to allocate", "out of memory"))


def _first_line(error: BaseException) -> str:
    text = str(error).strip()
    return text.splitlines()[0][:500] if text else type(error).__name__
