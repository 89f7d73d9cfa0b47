"""Graphs opened by onnxruntime on the provider that was asked for, or on the CPU with the reason why."""

from __future__ import annotations

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # must be set before onnxruntime is imported: its wheel calls home otherwise

import contextlib
import importlib
import io
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import onnxruntime as ort

from workbench.doctor.libraries import missing_libraries
from workbench.doctor.wheels import runtime_wheels, several_wheels
from workbench.errors import EngineError, ModelError, Notice, ProviderError, UsageError, WorkbenchError
from workbench.providers import PREFERENCE, PROVIDERS, Provider, short_provider
from workbench.runtime.graph_metadata import graph_metadata

__all__ = [
    "EXACT_INT8",
    "Opened",
    "SessionOptions",
    "available_providers",
    "devices",
    "first_line",
    "is_memory",
    "open_graph",
    "plug_in_problem",
    "runtime_version",
]

# Processors with AVX2 but without VNNI add pairs of products of unsigned and signed bytes in 16 bits, which overflow;
# with this entry, onnxruntime turns the weights into unsigned ones there, and answers as elsewhere.
EXACT_INT8 = ("session.x64quantprecision", "1")
# What exporters/dynamic.py notes where no pair of weights can overflow: unsigned weights would only be slower.
OVERFLOW_FREE = "workbench.overflow_free"
# onnxruntime notes which provider takes which node, which costs no time or memory that could be measured.
RECORD_PLACES = ("session.record_ep_graph_assignment_info", "1")


@dataclass(frozen=True)
class SessionOptions:
    """``provider`` is ``"auto"`` or a key of :data:`PROVIDERS`; ``threads`` 0 leaves the number to onnxruntime.

    ``allow_fallback``: the CPU will do where the named provider can't be had. ``node_fallback`` False: an error where
    the provider that was got does not take every node. ``profile`` is the beginning of a file's name, to which the
    times of all nodes are written; empty: none.
    """

    provider: str = "auto"
    allow_fallback: bool = False
    threads: int = 0
    node_fallback: bool = True
    profile: str = ""


@dataclass(frozen=True)
class Opened:
    """An open graph. ``tried`` are onnxruntime's names of the providers, best first; ``reason`` says why the first of
    them could not be had, None where it was. ``nodes`` counts nodes by provider and operator."""

    session: ort.InferenceSession
    tried: tuple[str, ...]
    reason: Notice | None
    nodes: Counter[tuple[str, str]]


def runtime_version() -> str:
    """The version of onnxruntime that is imported."""
    return str(ort.__version__)


def available_providers() -> tuple[str, ...]:
    """Short names of the providers this wheel was built with. That one is listed does not mean that it works."""
    built = ort.get_available_providers()
    return tuple(name for name in PREFERENCE if PROVIDERS[name].onnxruntime in built)


def devices() -> list[dict[str, str]]:
    """What onnxruntime can run on here: ``provider`` (its own name), ``kind``, ``vendor``, ``name`` and ``version``."""
    return [
        {
            "provider": item.ep_name,
            "kind": item.device.type.name.lower(),
            "vendor": item.device.vendor,
            "name": str(item.device.metadata.get("Description", "")),
            "version": str(item.ep_metadata.get("version", "")),
        }
        for item in ort.get_ep_devices()
    ]


def open_graph(path: Path, options: SessionOptions) -> Opened:
    """Open a graph. Raises ModelError for what is not a whole graph, ProviderError where a named provider cannot be
    had, or does not take every node while it should."""
    wanted = _wanted(options.provider)
    first, tried = wanted[0], tuple(PROVIDERS[name].onnxruntime for name in wanted)
    reason: Notice | None = None
    try:
        session = _opened(path, options, wanted)
    except Exception as error:
        if first == "cpu":
            raise _load_failure(path, error) from error
        reason = Notice.of("provider-failed-to-load", reason=first_line(error))
        try:
            session = _opened(path, options, ("cpu",))
        except Exception as on_cpu:
            raise _load_failure(path, on_cpu) from on_cpu
    got = session.get_providers()
    if tried[0] not in got and reason is None:
        reason = _why_not(PROVIDERS[first])
    if reason is not None and options.provider != "auto" and not options.allow_fallback:
        raise ProviderError(
            "provider-not-got",
            provider=options.provider,
            got=", ".join(map(short_provider, got)),
            model=path.name,
            reason=reason,
        )
    nodes = _nodes(session)
    if not options.node_fallback and reason is None:
        _check_all_taken(path, first, tried[0], nodes)
    return Opened(session, tried, reason, nodes)


def plug_in_problem(provider: Provider) -> Notice | None:
    """Why a plug-in cannot be used, None where it offers a device of this machine."""
    try:
        _register(provider.module, provider.onnxruntime)
    except ImportError:
        return Notice.of("provider-plug-in-missing", package=provider.module.replace("_", "-"))
    except Exception as error:  # a library of somebody else: whatever it says is the reason
        return Notice.of("provider-failed-to-load", reason=first_line(error))
    if not _devices_of(provider):
        return Notice.of("provider-no-device", provider=provider.name)
    return None


def is_memory(reason: str) -> bool:
    """Whether the reason is that memory ran out."""
    return any(words in reason.lower() for words in ("bad_alloc", "failed to allocate", "out of memory"))


def first_line(error: BaseException) -> str:
    """The first line of an error's text, the name of its type where it has none."""
    text = str(error).strip()
    return text.splitlines()[0][:500] if text else type(error).__name__


def _wanted(provider: str) -> tuple[str, ...]:
    if provider == "auto":
        return available_providers()
    if provider not in PROVIDERS:
        raise UsageError("provider-unknown", provider=provider, known=", ".join(("auto", *PROVIDERS)))
    return ("cpu",) if provider == "cpu" else (provider, "cpu")


def _opened(path: Path, options: SessionOptions, names: tuple[str, ...]) -> ort.InferenceSession:
    """A session on these providers, as far as they can be had."""
    settings = ort.SessionOptions()
    settings.log_severity_level = 3
    settings.intra_op_num_threads = options.threads
    if graph_metadata(path).get(OVERFLOW_FREE) != "1":
        settings.add_session_config_entry(*EXACT_INT8)
    settings.add_session_config_entry(*RECORD_PLACES)
    if options.profile:
        settings.enable_profiling = True
        settings.profile_file_prefix = options.profile
    first = PROVIDERS[names[0]]
    if first.module:
        if plug_in_problem(first) is None:
            settings.add_provider_for_devices(_devices_of(first)[:1], {})
            return ort.InferenceSession(str(path), settings, enable_fallback=0)
        names = names[1:]
    if "cuda" in names:
        _preload_cuda()
    built = ort.get_available_providers()
    providers = [PROVIDERS[name].onnxruntime for name in names if PROVIDERS[name].onnxruntime in built]
    # onnxruntime's own way of falling back would print its reason and tell nobody.
    return ort.InferenceSession(str(path), settings, providers=providers, enable_fallback=0)


@cache
def _preload_cuda() -> None:
    """Load CUDA and cuDNN out of the packages of NVIDIA, where they are installed: the wheel's library does not look
    there by itself. What fails is said by the doctor, with its name."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(Exception):
        ort.preload_dlls(directory="")


@cache
def _register(module: str, name: str) -> None:
    ort.register_execution_provider_library(name, importlib.import_module(module).get_library_path())


def _devices_of(provider: Provider) -> list[ort.OrtEpDevice]:
    return [item for item in ort.get_ep_devices() if item.ep_name == provider.onnxruntime]


def _why_not(provider: Provider) -> Notice:
    """Why onnxruntime did without a provider; it says so on stderr alone."""
    if provider.module:
        return plug_in_problem(provider) or Notice.of("provider-no-device", provider=provider.name)
    wheels = runtime_wheels()
    if len(wheels) > 1:  # what is missing may be what another wheel wrote over
        return several_wheels(wheels)
    if provider.onnxruntime not in ort.get_available_providers():
        return Notice.of("provider-not-built-in", provider=provider.name)
    missing = missing_libraries(provider)
    if missing:
        return Notice.of("provider-libraries-missing", libraries=", ".join(missing))
    return Notice.of("provider-no-device", provider=provider.name)


def _nodes(session: ort.InferenceSession) -> Counter[tuple[str, str]]:
    found: Counter[tuple[str, str]] = Counter()
    for part in session.get_provider_graph_assignment_info():
        found.update((part.ep_name, node.op_type) for node in part.get_nodes())
    return found


def _check_all_taken(path: Path, name: str, full_name: str, nodes: Counter[tuple[str, str]]) -> None:
    # Asked of the record instead of by the option session.disable_cpu_ep_fallback: that one fails without a name.
    left: Counter[str] = Counter()
    for (provider, operator), count in nodes.items():
        if provider != full_name:
            left[operator] += count
    if left:
        operators = ", ".join(f"{operator} ×{count}" for operator, count in left.most_common())
        raise ProviderError("provider-node-fallback", model=path.name, provider=name, operators=operators)


def _load_failure(path: Path, error: Exception) -> WorkbenchError:
    reason = first_line(error)
    if is_memory(reason):
        return EngineError("engine-out-of-memory", model=path.name)
    # onnxruntime itself refuses external data outside the model's folder (seen in 1.24.4 and 1.32).
    if "external data" in reason.lower():
        return ModelError("model-external-data", file=path, reason=reason)
    return ModelError("model-graph-unreadable", file=path, reason=reason)
