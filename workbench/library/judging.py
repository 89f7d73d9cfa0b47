"""From what lies there and what the files say to what a user wants to know: state, task, formats, what can be done."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from workbench.errors import Notice
from workbench.library.architectures import needs_own_code, tasks_of
from workbench.library.hub import RawSnapshot
from workbench.library.model import BrokenFile, Contents, Revision, State, Support, Totals
from workbench.library.variants import graphs_by_precision, names_of_graphs
from workbench.library.weights import exportable_pickles, exportable_safetensors, format_of, missing_shards
from workbench.tasks.catalog import TASKS
from workbench.tasks.info import Layout

__all__ = ["judge"]

# What a model does without: that such a file is broken is a warning, not a damage.
DOCUMENT = re.compile(
    r"(.*/)?(\.[^/]+|LICEN[CS]E[^/]*|NOTICE[^/]*|[^/]+\.(md|png|jpe?g|gif|svg|webp|pdf|ipynb|py|html|csv))",
    re.IGNORECASE,
)
NEEDED_JSON = frozenset(
    {"config.json", "tokenizer.json", "preprocessor_config.json", "modules.json", "model_index.json"}
)


def judge(raw: RawSnapshot, refs: tuple[str, ...], contents: Contents, partial: Mapping[str, int]) -> Revision:
    """One revision with all that is worked out of its files; ``partial`` are the repository's broken downloads."""
    named = _named(tuple([item.name for item in raw.files]))
    broken = [*raw.broken, *contents.broken] if raw.broken or contents.broken else []
    state, reason = _state(raw, named, broken, partial)
    task, tasks = tasks_of(contents, named.names)
    totals = Totals.of(raw.files) if raw.files else Totals(last_modified=_changed(raw.folder))
    warnings = contents.warnings
    if broken:
        warnings = (*warnings, *(item.reason for item in broken if DOCUMENT.fullmatch(item.name)))
    return Revision(
        commit=raw.commit,
        refs=refs,
        place=raw.folder,
        files=tuple(raw.files),
        totals=totals,
        state=state,
        reason=reason,
        task=task,
        formats=named.formats,
        precisions={precision: tuple(graphs) for precision, graphs in named.precisions.items()},
        export=_export(raw.folder, named, contents, state, reason, task, tasks),
        run=_run(raw.folder, named, contents, state, reason, task, tasks),
        contents=contents,
        warnings=warnings,
    )


@dataclass(frozen=True)
class _Named:
    """What the names of files say by themselves. ``needed`` must not be empty; ``missing`` are parts of weights."""

    names: frozenset[str]
    formats: tuple[str, ...]
    needed: frozenset[str]
    precisions: Mapping[str, Mapping[str, str]]
    missing: tuple[str, ...]
    weights: int
    loadable: bool
    pickles: tuple[str, ...]


@lru_cache(maxsize=1024)  # most models of a cache have files of the same names
def _named(names: tuple[str, ...]) -> _Named:
    found = {name: kind for name in names if (kind := format_of(name))}
    formats = tuple(dict.fromkeys(found.values()))
    sharded = not {"safetensors", "pickle", "gguf"}.isdisjoint(formats)
    return _Named(
        names=frozenset(names),
        formats=formats,
        needed=frozenset(found) | NEEDED_JSON,
        precisions=graphs_by_precision(names) if "onnx" in formats else {},
        missing=tuple(missing_shards(names)) if sharded else (),
        weights=len(found),
        loadable=bool(exportable_safetensors(names)),
        pickles=tuple(sorted(exportable_pickles(names))),
    )


def _state(
    raw: RawSnapshot, named: _Named, broken: list[BrokenFile], partial: Mapping[str, int]
) -> tuple[State, Notice | None]:
    serious = [item for item in broken if not DOCUMENT.fullmatch(item.name)]
    damage = next((item for item in serious if not item.missing), None)
    if damage:
        return "damaged", damage.reason
    if 0 in [item.stat.st_size for item in raw.files]:
        for item in raw.files:
            if item.size_bytes == 0 and item.name in named.needed:
                return "damaged", Notice.of("file-empty", file=f"{raw.folder}/{item.name}")
    if serious:
        return "incomplete", serious[0].reason
    if named.missing:
        file, count = f"{raw.folder}/{named.missing[0]}", len(named.missing)
        return "incomplete", Notice.of("shards-missing", file=file, count=count, total=count + named.weights)
    if not named.formats:
        if partial:
            return "incomplete", Notice.of("download-unfinished", folder=raw.folder, bytes=sum(partial.values()))
        return "incomplete", Notice.of("weights-missing", folder=raw.folder)
    return "ready", None


def _export(
    folder: str,
    named: _Named,
    contents: Contents,
    state: State,
    reason: Notice | None,
    task: str | None,
    tasks: tuple[str, ...],
) -> Support:
    if state != "ready":
        return Support("no", reason)
    if not named.loadable and not named.pickles:
        if named.formats == ("gguf",):
            return Support("no", Notice.of("export-gguf-only", folder=folder))
        if named.formats == ("onnx",):
            return Support("no", Notice.of("export-onnx-only", folder=folder))
        return Support("no", Notice.of("export-no-weights", folder=folder))
    if "config.json" not in named.names:
        return Support("no", Notice.of("export-no-config", folder=folder))
    if needs_own_code(contents):
        return Support("no", Notice.of("export-remote-code"))
    if contents.quantization:
        return Support("no", Notice.of("export-quantized-checkpoint", method=contents.quantization))
    if not tasks:
        return Support("no", _no_task(task, contents))
    if not named.loadable:
        return Support("confirm", Notice.of("export-pickle-only", folder=folder, files=", ".join(named.pickles)), tasks)
    if task not in tasks:
        return Support("yes", Notice.of("export-other-task", task=task, tasks=", ".join(tasks)), tasks)
    return Support("yes", None, tasks)


def _run(
    folder: str,
    named: _Named,
    contents: Contents,
    state: State,
    reason: Notice | None,
    task: str | None,
    tasks: tuple[str, ...],
) -> Support:
    if state != "ready":
        return Support("no", reason)
    if not named.precisions:
        return Support("no", Notice.of("run-needs-export", folder=folder))
    if not tasks:
        if task == "document-question-answering":
            return Support("no", _no_task(task, contents))
        return Support("no", Notice.of("run-unknown-task", task=task or "?", known=", ".join(TASKS)))
    lacks: Notice | None = None
    able = []
    for name in tasks:
        problem = _lacks(TASKS[name].layouts_for(contents.architectures), folder, named)
        lacks = lacks or problem
        if problem is None:
            able.append(name)
    return Support("yes", None, tuple(able)) if able else Support("no", lacks)


def _lacks(layouts: Sequence[Layout], folder: str, named: _Named) -> Notice | None:
    whole = [layout for layout in layouts if _is_whole(layout, named)]
    if not whole:
        wanted = " or ".join(names_of_graphs(layout.graphs) for layout in layouts)
        return Notice.of("variant-none", folder=folder, wanted=wanted)
    needed = ("config.json", *whole[0].files)
    missing = next((name for name in needed if name not in named.names), None)
    return Notice.of("model-file-missing", file=os.path.join(folder, missing)) if missing else None  # noqa: PTH118


def _is_whole(layout: Layout, named: _Named) -> bool:
    """Whether a precision has all graphs of a layout."""
    there = named.precisions.values()
    return any(all(any(graph in found for graph in names) for names in layout.graphs) for found in there)


def _no_task(task: str | None, contents: Contents) -> Notice:
    known = ", ".join(TASKS)
    if task == "document-question-answering":
        return Notice.of("task-needs-words", architecture=", ".join(contents.architectures) or "?")
    if task in TASKS:
        return Notice.of(
            "task-other-architecture", task=task, architecture=", ".join(contents.architectures), known=known
        )
    if task:
        return Notice.of("task-unknown", task=task, known=known)
    return Notice.of("task-none", architecture=", ".join(contents.architectures) or "?", known=known)


def _changed(folder: str) -> float:
    try:
        return os.lstat(folder).st_mtime
    except OSError:  # gone since it was listed
        return 0.0
