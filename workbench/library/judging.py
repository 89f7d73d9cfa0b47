"""From what lies there and what the files say to what a user wants to know: state, task, formats, what can be done."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from pathlib import Path

from workbench.errors import Notice
from workbench.library.architectures import needs_own_code, possible_tasks, task_of
from workbench.library.hub import RawSnapshot
from workbench.library.model import BrokenFile, Contents, Revision, State, StoredFile, Support
from workbench.library.variants import graphs_by_precision
from workbench.library.weights import exportable_pickles, exportable_safetensors, format_of, missing_shards
from workbench.tasks.catalog import TASKS, TaskInfo

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
    by_name = {item.name: item for item in raw.files}
    names = frozenset(by_name)
    formats = tuple(dict.fromkeys(found for name in sorted(by_name) if (found := format_of(name))))
    broken = [*raw.broken, *contents.broken]
    state, reason = _state(raw, by_name, formats, broken, partial)
    task = task_of(contents, names)
    tasks = possible_tasks(task, contents, names)
    precisions = graphs_by_precision(by_name) if "onnx" in formats else {}
    return Revision(
        commit=raw.commit,
        refs=refs,
        folder=Path(raw.folder),
        files=tuple(raw.files),
        last_modified=max((item.stat.st_mtime for item in raw.files), default=0.0) or _changed(raw.folder),
        state=state,
        reason=reason,
        task=task,
        formats=formats,
        precisions={precision: tuple(graphs) for precision, graphs in precisions.items()},
        export=_export(raw.folder, names, formats, contents, state, reason, task, tasks),
        run=_run(raw.folder, names, precisions, state, reason, task, tasks),
        contents=contents,
        warnings=(*contents.warnings, *(item.reason for item in broken if DOCUMENT.fullmatch(item.name))),
    )


def _state(
    raw: RawSnapshot,
    files: Mapping[str, StoredFile],
    formats: Collection[str],
    broken: list[BrokenFile],
    partial: Mapping[str, int],
) -> tuple[State, Notice | None]:
    serious = [item for item in broken if not DOCUMENT.fullmatch(item.name)]
    damage = next((item for item in serious if not item.missing), None)
    if damage:
        return "damaged", damage.reason
    for name, file in files.items():
        if file.size_bytes == 0 and (name in NEEDED_JSON or format_of(name)):
            return "damaged", Notice.of("file-empty", file=f"{raw.folder}/{name}")
    if serious:
        return "incomplete", serious[0].reason
    shards = missing_shards(files) if "safetensors" in formats or "pickle" in formats or "gguf" in formats else []
    if shards:
        there = sum(1 for name in files if format_of(name))
        total = len(shards) + there
        return "incomplete", Notice.of(
            "shards-missing", file=f"{raw.folder}/{shards[0]}", count=len(shards), total=total
        )
    if not formats:
        if partial:
            return "incomplete", Notice.of("download-unfinished", folder=raw.folder, bytes=sum(partial.values()))
        return "incomplete", Notice.of("weights-missing", folder=raw.folder)
    return "ready", None


def _export(
    folder: str,
    names: frozenset[str],
    formats: Collection[str],
    contents: Contents,
    state: State,
    reason: Notice | None,
    task: str | None,
    tasks: tuple[str, ...],
) -> Support:
    if state != "ready":
        return Support("no", reason)
    loadable, pickles = exportable_safetensors(names), exportable_pickles(names)
    if not loadable and not pickles:
        if set(formats) == {"gguf"}:
            return Support("no", Notice.of("export-gguf-only", folder=folder))
        if set(formats) == {"onnx"}:
            return Support("no", Notice.of("export-onnx-only", folder=folder))
        return Support("no", Notice.of("export-no-weights", folder=folder))
    if "config.json" not in names:
        return Support("no", Notice.of("export-no-config", folder=folder))
    if needs_own_code(contents):
        return Support("no", Notice.of("export-remote-code"))
    if contents.quantization:
        return Support("no", Notice.of("export-quantized-checkpoint", method=contents.quantization))
    if not tasks:
        return Support("no", _no_task(task, contents))
    if not loadable:
        return Support(
            "confirm", Notice.of("export-pickle-only", folder=folder, files=", ".join(sorted(pickles))), tasks
        )
    if task not in tasks:
        return Support("yes", Notice.of("export-other-task", task=task, tasks=", ".join(tasks)), tasks)
    return Support("yes", None, tasks)


def _run(
    folder: str,
    names: frozenset[str],
    precisions: Mapping[str, Mapping[str, str]],
    state: State,
    reason: Notice | None,
    task: str | None,
    tasks: tuple[str, ...],
) -> Support:
    if state != "ready":
        return Support("no", reason)
    if not precisions:
        return Support("no", Notice.of("run-needs-export", folder=folder))
    if not tasks:
        return Support("no", Notice.of("run-unknown-task", task=task or "?", known=", ".join(TASKS)))
    lacks: Notice | None = None
    able = []
    for name in tasks:
        problem = _lacks(TASKS[name], folder, names, precisions)
        lacks = lacks or problem
        if problem is None:
            able.append(name)
    return Support("yes", None, tuple(able)) if able else Support("no", lacks)


def _lacks(
    info: TaskInfo, folder: str, names: frozenset[str], precisions: Mapping[str, Mapping[str, str]]
) -> Notice | None:
    whole = any(all(any(graph in found for graph in needed) for needed in info.graphs) for found in precisions.values())
    if not whole:
        wanted = ", ".join(needed[0] for needed in info.graphs)
        return Notice.of("variant-none", folder=folder, wanted=wanted)
    needed = ["config.json", "preprocessor_config.json" if info.input == "image" else "tokenizer.json"]
    if info.input == "audio":
        needed.append("preprocessor_config.json")
    missing = next((name for name in needed if name not in names), None)
    return Notice.of("model-file-missing", file=os.path.join(folder, missing)) if missing else None  # noqa: PTH118


def _no_task(task: str | None, contents: Contents) -> Notice:
    known = ", ".join(TASKS)
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
