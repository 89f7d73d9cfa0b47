"""``models``, ``show``, ``delete``, ``artifacts`` and ``tasks``."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from workbench.api import Workbench
from workbench.cancellation import Cancellation
from workbench.cli.output import print_json, printable, table
from workbench.errors import UsageError
from workbench.library.artifacts import Artifact
from workbench.library.deletion import DeletionPlan
from workbench.library.model import Model, Revision, Support
from workbench.library.references import Found
from workbench.saving.formats import formats_of
from workbench.tasks.catalog import Param, TaskInfo, task_info
from workbench.units import size

__all__ = ["artifact_json", "artifact_text", "artifacts", "delete", "models", "show", "tasks"]


def models(workbench: Workbench, arguments: Any, cancellation: Cancellation) -> int:
    """All models, the odd ones with the reason; exit status 0 whatever state they are in."""
    scan = workbench.models()
    listed = scan.models
    if arguments.task:
        task = task_info(arguments.task)
        listed = tuple(model for model in listed if _does(model, task))
    if arguments.json:
        print_json(scan.to_json() | {"models": [model.to_json() for model in listed]})
        return 0
    for warning in scan.warnings:
        print(f"workbench: {warning}", file=sys.stderr)
    if not listed:
        print("no models" + (f" for {arguments.task}" if arguments.task else ""))
        return 0
    exported = _exported(workbench)
    ids = Counter(model.id for model in scan.models)
    rows = [
        (
            model.id if ids[model.id] == 1 or model.layout == "hub" else model.place,
            model.task or "–",
            size(model.size_bytes),
            ", ".join(_formats(model.revision)) if model.revision else "–",
            model.state,
            _can(model, exported),
        )
        for model in listed
    ]
    print(table(("model", "task", "size", "formats", "state", "you can"), rows, right=(2,)))
    below = [f"{printable(model.id)}: {model.reason}" for model in listed if model.reason]
    below += [f"{printable(model.id)}: also in {_copy_text(copy)}" for model in listed for copy in model.copies]
    if below:
        print("", *below, sep="\n")
    return 0


def show(workbench: Workbench, arguments: Any, cancellation: Cancellation) -> int:
    """Everything about one model or artifact."""
    found = workbench.find(arguments.model, arguments.revision)
    card = workbench.card(found) if arguments.card else None
    copies = workbench.copies(found)
    if arguments.json:
        value: dict[str, Any] = replace(found.model, copies=copies).to_json() if found.model else {}
        if found.artifact:
            value = artifact_json(workbench, found.artifact)
        elif found.revision:
            value["shown_revision"] = found.revision.to_json()
        print_json(value | ({"card": card.text if card else None} if arguments.card else {}))
        return 0
    if found.artifact:
        print(artifact_text(workbench, found.artifact))
    else:
        print(_model_text(found, copies, _exports_of(workbench, found)))
    if arguments.card:
        print("\n" + (printable(card.text.rstrip(), keep="\n\t") if card else "(it has no model card)"))
    return 0


def delete(workbench: Workbench, arguments: Any, cancellation: Cancellation) -> int:
    """Show what deleting would remove, or do it."""
    return _delete(workbench, workbench.plan_deletion(arguments.model, arguments.revision), arguments)


def artifacts(workbench: Workbench, arguments: Any, cancellation: Cancellation) -> int:
    """List exported models, show one, or delete one."""
    if arguments.action == "list" and arguments.artifact is None:
        return _list_artifacts(workbench, arguments)
    if arguments.artifact is None:
        raise UsageError("usage-no-artifact", action=arguments.action)
    found = workbench.find(arguments.artifact)
    if found.artifact is None:
        known = ", ".join(item.id for item in workbench.artifacts().artifacts) or "none"
        raise UsageError("artifact-unknown", name=arguments.artifact, known=known)
    if arguments.action == "delete":
        return _delete(workbench, workbench.plan_deletion(arguments.artifact), arguments)
    if arguments.json:
        print_json(artifact_json(workbench, found.artifact))
    else:
        print(artifact_text(workbench, found.artifact))
    return 0


def tasks(workbench: Workbench, arguments: Any, cancellation: Cancellation) -> int:
    """The tasks with their inputs and parameters."""
    if arguments.json:
        print_json({"tasks": [_task_json(task) for task in workbench.tasks()]})
        return 0
    for number, task in enumerate(workbench.tasks()):
        print(("\n" if number else "") + f"{task.id}: {task.title}; input: {_input(task)}")
        for param in task.params:
            print(f"  --param {param.name}={_values(param)}  {param.help} ({_default(param)})")
        print("  --format " + "|".join(item.name for item in formats_of(task.result)) + "  How --out DIR saves results")
    return 0


def _list_artifacts(workbench: Workbench, arguments: Any) -> int:
    listed = workbench.artifacts()
    if arguments.json:
        print_json(
            listed.to_json()
            | {
                "artifacts": [
                    item.to_json() | {"recommended": workbench.recommended(item)} for item in listed.artifacts
                ]
            }
        )
        return 0
    for warning in listed.warnings:
        print(f"workbench: {warning}", file=sys.stderr)
    if not listed.artifacts:
        print("no exported models; `workbench export MODEL` makes one")
        return 0
    rows = []
    for item in listed.artifacts:
        best = workbench.recommended(item)
        variants = item.manifest.variants if item.manifest else ()
        names = [v.precision + ("*" if v.precision == best else "") for v in variants]
        rows.append((item.id, item.task or "–", ", ".join(names) or "–", size(item.size_bytes), item.state))
    print(table(("artifact", "task", "precisions (* recommended)", "size", "state"), rows, right=(3,)))
    for item in listed.artifacts:
        if item.reason:
            print(f"{printable(item.id)}: {item.reason}")
    return 0


def _delete(workbench: Workbench, plan: DeletionPlan, arguments: Any) -> int:
    freed = workbench.delete(plan) if arguments.yes else None
    if arguments.json:
        print_json(plan.to_json() | {"deleted": freed is not None, "freed_bytes": freed})
        return 0
    if freed is None:
        print(f"would delete {plan.what}: {size(plan.bytes)}; nothing was deleted")
        print(table(("path", "frees"), [(str(item.path), size(item.bytes)) for item in plan.doomed], right=(1,)))
        for notice in plan.kept:
            print(notice)
        if len({item.root for item in plan.doomed}) > 1:
            print("it lies in several caches; by the path of its folder only that one is deleted")
        print("delete it with --yes")
    else:
        print(f"deleted {plan.what}: {size(freed)} are free again")
    return 0


def _does(model: Model, task: TaskInfo) -> bool:
    revision = model.revision
    return model.task == task.id or bool(
        revision and (task.id in revision.run.tasks or task.id in revision.export.tasks)
    )


def _exported(workbench: Workbench) -> frozenset[str]:
    ready = (item.manifest for item in workbench.artifacts().artifacts if item.state == "ready" and item.manifest)
    return frozenset(manifest.repo_id for manifest in ready)


def _formats(revision: Revision) -> list[str]:
    names = [name for name in revision.formats if name != "onnx"]
    return names + ([f"onnx ({', '.join(revision.precisions)})"] if revision.precisions else [])


def _can(model: Model, exported: frozenset[str]) -> str:
    revision = model.revision
    if revision is None:
        return "–"
    words = []
    if model.id in exported:
        words.append("run it (exported)")
    elif revision.run.possible:
        words.append("run it")
    if revision.export.answer == "yes":
        words.append("export it")
    elif revision.export.answer == "confirm":
        words.append("export it with --allow-pickle")
    return ", ".join(words) or "–"


def _exports_of(workbench: Workbench, found: Found) -> list[Artifact]:
    listed = workbench.artifacts().artifacts
    return [item for item in listed if item.manifest and item.manifest.repo_id == found.name]


def _model_text(found: Found, copies: Sequence[Model], exports: list[Artifact]) -> str:
    model, revision = found.model, found.revision
    assert model is not None
    rows: list[tuple[str, object]] = [("model", model.id), ("state", model.state)]
    if revision:
        contents = revision.contents
        if revision.reason:
            rows.append(("", revision.reason))
        count = contents.parameter_count
        rows += [
            ("task", revision.task or "–"),
            ("architecture", ", ".join(contents.architectures) or contents.model_type or "–"),
            ("parameters", "–" if count is None else f"{count:,}"),
            ("licence", contents.licence or "– (the card names none)"),
            ("languages", ", ".join(contents.languages) or "–"),
            ("formats", ", ".join(_formats(revision)) or "–"),
            ("can be exported", _support(revision.export)),
            ("runs as it is", _support(revision.run)),
        ]
        rows += [("exported", f"{item.id} ({item.state})") for item in exports]
        rows += [("revision", _revision_text(item, shown=item is revision)) for item in model.revisions]
        rows.append(("folder", revision.folder))
    elif model.reason:
        rows.append(("", model.reason))
    rows += [("also in", _copy_text(copy)) for copy in copies]
    rows += [("size", size(model.size_bytes)), ("last use", _when(model.last_used))]
    if model.leftover_bytes:
        rows.append(("leftovers", f"{size(model.leftover_bytes)} of broken-off downloads"))
    rows += [("warning", warning) for warning in model.warnings]
    return _facts(rows)


def _copy_text(copy: Model) -> str:
    return f"{printable(copy.place)} ({size(copy.size_bytes)}, {copy.state})"


def _revision_text(revision: Revision, *, shown: bool) -> str:
    names = f" ({', '.join(revision.refs)})" if revision.refs else ""
    mark = ", shown here" if shown else ""
    return f"{revision.commit or 'the folder as it is'}{names}: {size(revision.size_bytes)}, {revision.state}{mark}"


def artifact_json(workbench: Workbench, artifact: Artifact) -> dict[str, Any]:
    known = {"recommended": workbench.recommended(artifact), "threads": workbench.threads_of(artifact)}
    return artifact.to_json() | known


def artifact_text(workbench: Workbench, artifact: Artifact) -> str:
    rows: list[tuple[str, object]] = [("artifact", artifact.id), ("state", artifact.state)]
    if artifact.reason:
        rows.append(("", artifact.reason))
    manifest = artifact.manifest
    if manifest is None:
        return _facts([*rows, ("folder", artifact.folder)])
    rows += [
        ("model", manifest.repo_id),
        ("revision", manifest.commit),
        ("task", manifest.task),
        ("licence", manifest.licence or "– (the card names none)"),
        ("made with", ", ".join(f"{name} {version}" for name, version in manifest.toolchain.items())),
        ("size", size(artifact.size_bytes)),
        ("folder", artifact.folder),
    ]
    best, threads = workbench.recommended(artifact), workbench.threads_of(artifact)
    lines = []
    for variant in manifest.variants:
        agreement = variant.verification.get("agreement") or {}
        outputs = variant.verification.get("outputs") or {}
        difference = max((item["max_abs_diff"] for item in outputs.values()), default=None)
        lines.append(
            (
                variant.precision + (" (recommended)" if variant.precision == best else ""),
                size(variant.bytes),
                f"{agreement['metric']} {agreement['mean']:.4f} ({agreement['worst']:.4f})" if agreement else "–",
                "–" if difference is None else f"{difference:.2g}",
                threads.get(variant.precision, "–"),
            )
        )
    counts = {variant.verification.get("samples", 0) for variant in manifest.variants}
    rows.append(("compared", f"with the original model on {' or '.join(map(str, sorted(counts)))} samples"))
    headings = ("precision", "size", "agreement (worst)", "difference", "threads")
    return _facts(rows) + "\n\n" + table(headings, lines, right=(1, 3, 4))


def _facts(rows: list[tuple[str, object]]) -> str:
    width = max(len(name) for name, _ in rows) + 2
    return "\n".join(f"{name:<{width}}{printable(str(value))}" for name, value in rows)


def _support(support: Support) -> str:
    answer = {"yes": "yes", "confirm": "yes, if you allow it", "no": "no"}[support.answer]
    tasks_ = f" ({', '.join(support.tasks)})" if support.tasks and support.possible else ""
    return f"{answer}{tasks_}" + (f": {support.reason}" if support.reason else "")


def _when(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))


def _input(task: TaskInfo) -> str:
    return ", ".join(item.name for item in task.fields) if task.fields else task.input


def _values(param: Param) -> str:
    if param.type is list:
        return "TEXT,TEXT…"
    return "|".join(param.words) if param.choices else param.type.__name__.upper()


def _default(param: Param) -> str:
    if param.is_needed:
        return "must be given"
    return f"default: {'as the model says' if param.default is None else param.default}"


def _task_json(task: TaskInfo) -> dict[str, Any]:
    return {
        "id": task.id,
        "title": task.title,
        "input": task.input,
        "fields": [item.name for item in task.fields],
        "result": task.result,
        "formats": [item.name for item in formats_of(task.result)],
        "params": [
            {
                "name": param.name,
                "type": param.type.__name__,
                "default": param.default,
                "help": param.help,
                "choices": list(param.choices),
                "minimum": param.minimum,
                "maximum": param.maximum,
            }
            for param in task.params
        ],
    }
