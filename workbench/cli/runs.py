"""``run``: answers on the terminal, as JSON and as files."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from workbench.api import RunTarget, Workbench
from workbench.cancellation import Cancellation
from workbench.cli.inputs import gathered_inputs
from workbench.cli.output import ProgressLine, print_json, printable
from workbench.cli.places import places_text
from workbench.cli.results import result_text
from workbench.errors import UsageError, WorkbenchError
from workbench.reports import ItemReport, PlacesReport, RunReport
from workbench.results import Result, Text
from workbench.saving.formats import Format, OutFolder, Overlay, chosen_formats
from workbench.tasks.catalog import TaskInfo, check_needed, check_params
from workbench.units import duration

__all__ = ["params_of", "run", "target_of"]


def run(workbench: Workbench, arguments: Any, cancellation: Cancellation) -> int:
    """Answer each input; an input that fails is named on stderr and the others go on. What cannot be saved, or placed,
    is raised when all answers were printed."""
    target = target_of(workbench, arguments)
    params = check_params(target.task, params_of(arguments.param))
    saver = _saver(workbench, target.task, arguments, cancellation)
    with gathered_inputs(target.task, arguments, cancellation) as inputs:
        if not inputs:
            raise UsageError("usage-no-input", task=target.task.id, expected=_expected(target.task))
        check_needed(target.task, params, inputs)
        shown = _Shown(len(inputs), json=arguments.json)
        report = workbench.run(
            target,
            inputs,
            params,
            on_item=shown.item,
            on_partial=shown.partial,
            on_progress=shown.progress,
            cancellation=cancellation,
        )
        shown.end()
        places: PlacesReport | None = None
        files: dict[int, list[str]] = {}
        after: WorkbenchError | None = None
        try:  # while what came on stdin is kept
            if saver:
                saver.save(report, files)
            if arguments.where:
                places = _places(workbench, target, inputs, params, cancellation)
                report = replace(report, placements=places.placements)
        except WorkbenchError as error:  # the answers are there: they are told before it
            after = error
    for notice in report.warnings:
        print(f"workbench: {notice}", file=sys.stderr)
    failed = [item for item in report.items if item.error]
    if arguments.json:
        value = report.to_json() | {"choice": target.reason}
        if places:
            value["first_run"] = places.first_run_json()
        for index, paths in files.items():
            value["results"][index]["files"] = paths
        print_json(value)
    else:
        if places:
            print(places_text(places), flush=True)
        print(_where(report), file=sys.stderr)
    if after:
        raise after
    return 1 if failed else 0


def _places(
    workbench: Workbench, target: RunTarget, inputs: Sequence[Any], params: Any, cancellation: Cancellation
) -> PlacesReport:
    """Where the model runs, asked of the first input."""
    line = ProgressLine()
    try:
        return workbench.places(
            target, inputs[0], params, lambda body: line.show(f"looking where it runs, {body['stage']}"), cancellation
        )
    finally:
        line.clear()


class _Saver:
    """Saves the results of a run into a folder, in formats that were asked for."""

    def __init__(
        self, folder: OutFolder, task: TaskInfo, formats: Sequence[Format], overlay: Overlay, cancellation: Cancellation
    ) -> None:
        self._folder, self._task, self._formats = folder, task, formats
        self._overlay, self._cancellation = overlay, cancellation

    def save(self, report: RunReport, files: dict[int, list[str]]) -> None:
        """Add the paths of files to ``files``, by the numbers of the inputs: also of those that were written before an
        error. Raises WorkbenchError, Cancelled."""
        line = ProgressLine()
        try:
            self._save(report, files, line)
        finally:
            line.clear()
            for path in dict.fromkeys(path for paths in files.values() for path in paths):
                print(f"workbench: saved {printable(path)}", file=sys.stderr)

    def _save(self, report: RunReport, files: dict[int, list[str]], line: ProgressLine) -> None:
        kind = self._task.input
        done = {n: item.result for n, item in enumerate(report.items) if item.result is not None}
        for count, (number, result) in enumerate(done.items(), 1):
            self._cancellation.check()
            if len(done) > 1:
                line.show("saving", count, len(done), "results")
            files[number] = []
            for path in self._folder.save(report.items[number].input, kind, result, self._formats, self._overlay):
                files[number].append(str(path))
        together = self._folder.save_together(
            [(report.items[number].input, result) for number, result in done.items()], kind, self._formats
        )
        for number in files:
            files[number] += [str(path) for path in together]


class _Shown:
    """Prints answers as they come: text streams to a terminal, tables when they are whole."""

    def __init__(self, count: int, *, json: bool) -> None:
        self._count = count
        self._json = json
        self._line = ProgressLine()
        self._written = 0

    def partial(self, index: int, result: Result) -> None:
        """Print what is new of a text that grows."""
        if self._json or not sys.stdout.isatty() or self._count > 1 or not isinstance(result, Text):
            return
        self._line.clear()
        text = printable(result.text, keep="\n\t")
        sys.stdout.write(text[self._written :])
        sys.stdout.flush()
        self._written = len(text)

    def progress(self, body: Any) -> None:
        if not self._written:
            stage = "checking files" if body["stage"] == "files" else body["stage"]
            self._line.show(stage, body["done"], body["total"], body["unit"])

    def item(self, index: int, item: ItemReport) -> None:
        self._line.clear()
        for notice in item.warnings:
            print(f"workbench: {_named(item.input)}: {notice}", file=sys.stderr)
        if item.error:
            print(f"workbench: {_said_of(item)}", file=sys.stderr)
        elif item.result is not None and not self._json:
            if self._count > 1:
                print(f"# {_named(item.input)}")
            print(printable(result_text(item.result), keep="\n\t")[self._written :], flush=True)
            if self._count > 1:
                print()

    def end(self) -> None:
        self._line.clear()


def _saver(workbench: Workbench, task: TaskInfo, arguments: Any, cancellation: Cancellation) -> _Saver | None:
    """What saves, where a folder is given. Before the run: a long one is not done for nothing."""
    names = [name.strip() for word in arguments.format for name in word.split(",") if name.strip()]
    if not arguments.out:
        if names:
            raise UsageError("usage-format-without-out")
        return None
    formats = chosen_formats(task.result, names)

    def overlay(path: Path, result: Result) -> bytes:
        return workbench.overlay(path, result, cancellation)

    return _Saver(OutFolder(Path(arguments.out)), task, formats, overlay, cancellation)


def _where(report: RunReport) -> str:
    times_s = report.times_s
    parts = ", ".join(f"{name} {duration(times_s[name])}" for name in ("load", "session", "total"))
    return f"— {report.model}, {report.variant} on {', '.join(report.providers_got)}: {parts}"


def target_of(workbench: Workbench, arguments: Any) -> RunTarget:
    """What the words of a command mean to be run. Raises ModelError, UsageError."""
    if arguments.allow_fallback and arguments.no_node_fallback:
        raise UsageError("usage-fallback-twice")
    return workbench.target(
        arguments.model,
        revision=arguments.revision,
        task=arguments.task,
        precision=arguments.precision,
        provider=arguments.provider,
        allow_fallback=arguments.allow_fallback,
        node_fallback=not arguments.no_node_fallback,
        threads=arguments.threads,
    )


def params_of(words: list[str]) -> dict[str, str]:
    """The values of ``--param NAME=VALUE`` by their names. Raises UsageError."""
    params = {}
    for word in words:
        name, separator, value = word.partition("=")
        if not separator:
            raise UsageError("usage-not-name-value", word=word)
        params[name] = value
    return params


def _said_of(item: ItemReport) -> str:
    """The error with the input it is about; most errors about a file name it already."""
    text, name = str(item.error), _named(item.input)
    named = isinstance(item.input, str) and Path(item.input).is_absolute() and printable(item.input) in text
    return text if named else f"{name}: {text}"


def _named(item: Any) -> str:
    text = item if isinstance(item, str) else json.dumps(item, ensure_ascii=False)
    return printable(text if len(text) <= 60 else text[:59] + "…")


def _expected(task: TaskInfo) -> str:
    if task.input == "fields":
        fields = ", ".join(item.name for item in task.fields)
        return f"{'texts, or ' if task.gathers else ''}--input with the fields {fields}"
    return {"text": "a text (or @FILE)", "image": "a picture", "audio": "a sound file"}[task.input]
