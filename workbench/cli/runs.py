"""``run`` and ``bench``."""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from workbench.api import RunTarget, Workbench
from workbench.cancellation import Cancellation
from workbench.cli.output import ProgressLine, duration, print_json, size, table
from workbench.cli.results import result_text
from workbench.errors import InputError, UsageError
from workbench.results import Result, Text
from workbench.running import ItemReport, RunReport
from workbench.tasks.catalog import TaskInfo, check_params

__all__ = ["bench", "run"]


def run(workbench: Workbench, arguments: Any, cancellation: Cancellation) -> int:
    """Answer each input; an input that fails is named on stderr and the others go on."""
    target = _target(workbench, arguments)
    params = check_params(target.task, _params(arguments.param))
    with _inputs(target.task, arguments) as inputs:
        if not inputs:
            raise UsageError("usage-no-input", task=target.task.id, expected=_expected(target.task))
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
    for notice in report.warnings:
        print(f"workbench: {notice}", file=sys.stderr)
    failed = [item for item in report.items if item.error]
    if arguments.json:
        print_json(report.to_json() | {"choice": target.reason})
    else:
        print(_where(report), file=sys.stderr)
    return 1 if failed else 0


def bench(workbench: Workbench, arguments: Any, cancellation: Cancellation) -> int:
    """Measure one variant in an engine of its own."""
    target = _target(workbench, arguments)
    params = check_params(target.task, _params(arguments.param))
    line = ProgressLine()
    with _inputs(target.task, arguments) as inputs:
        report = workbench.bench(
            target,
            inputs or workbench.samples(target.task),
            params,
            rounds=arguments.rounds,
            on_progress=lambda body: line.show("measuring", body["done"], body["total"], body["unit"]),
            cancellation=cancellation,
        )
    line.clear()
    if arguments.json:
        print_json(report.to_json())
        return 0
    rows = [
        ("model", f"{report.model} ({report.task})"),
        ("variant", report.variant),
        ("provider", f"asked {report.provider_asked}, got {', '.join(report.providers_got)}"),
        ("load", duration(report.load_s)),
        ("first run", duration(report.first_s)),
        ("median of " + str(report.runs), duration(report.median_s)),
        ("95th percentile", duration(report.p95_s)),
        ("throughput", f"{report.throughput_per_s:.1f} inputs/s"),
        ("peak memory", size(report.peak_memory_bytes)),
    ]
    if report.bare_s is not None and report.paired_s is not None:
        bare = f"its graph by bare session.run {duration(report.bare_s)}"
        rows.append(("first input", f"{duration(report.paired_s)}, {bare}"))
    print(table(("", ""), rows).lstrip("\n"))
    return 0


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
        sys.stdout.write(result.text[self._written :])
        sys.stdout.flush()
        self._written = len(result.text)

    def progress(self, body: Any) -> None:
        if not self._written:
            self._line.show(body["stage"], body["done"], body["total"], body["unit"])

    def item(self, index: int, item: ItemReport) -> None:
        self._line.clear()
        for notice in item.warnings:
            print(f"workbench: {_named(item.input)}: {notice}", file=sys.stderr)
        if item.error:
            print(f"workbench: {_named(item.input)}: {item.error}", file=sys.stderr)
        elif item.result is not None and not self._json:
            if self._count > 1:
                print(f"# {_named(item.input)}")
            print(result_text(item.result)[self._written :], flush=True)
            if self._count > 1:
                print()

    def end(self) -> None:
        self._line.clear()


def _where(report: RunReport) -> str:
    timing = report.to_json()["timing_ms"]
    parts = ", ".join(f"{name} {duration(timing[name] / 1000)}" for name in ("load", "session", "total"))
    return f"— {report.model}, {report.variant} on {', '.join(report.providers_got)}: {parts}"


def _target(workbench: Workbench, arguments: Any) -> RunTarget:
    return workbench.target(
        arguments.model,
        revision=arguments.revision,
        task=arguments.task,
        precision=arguments.precision,
        provider=arguments.provider,
        allow_fallback=arguments.allow_fallback,
        threads=arguments.threads,
    )


def _params(words: list[str]) -> dict[str, str]:
    params = {}
    for word in words:
        name, separator, value = word.partition("=")
        if not separator:
            raise UsageError("usage-not-name-value", word=word)
        params[name] = value
    return params


@contextlib.contextmanager
def _inputs(task: TaskInfo, arguments: Any) -> Iterator[list[Any]]:
    """The inputs as the task takes them. What a task that wants a file gets on stdin is kept in one for the run."""
    with tempfile.TemporaryDirectory(prefix="workbench-") as folder:
        items: list[Any] = []
        for word in arguments.inputs:
            items.append(_text(word) if task.input in ("text", "fields") else _file(word, Path(folder)))
        if task.gathers and items:
            items = [items]
        for word in arguments.input:
            items.extend(_structured(word))
        yield items


def _text(word: str) -> str:
    if word == "-":
        return sys.stdin.buffer.read().decode("utf-8", "replace")
    if word.startswith("@"):
        return _read(Path(word[1:]))
    return word


def _file(word: str, folder: Path) -> str:
    if word == "-":
        path = folder / "stdin"
        path.write_bytes(sys.stdin.buffer.read())
        return str(path)
    path = Path(word).absolute()
    if not path.is_file():
        raise InputError("input-not-found", file=word)
    return str(path)


def _structured(word: str) -> list[Any]:
    text = _read(Path(word[1:])) if word.startswith("@") else sys.stdin.read() if word == "-" else word
    try:
        value = json.loads(text)
    except ValueError as error:
        raise UsageError("usage-bad-json", reason=error) from error
    return value if isinstance(value, list) and all(isinstance(item, dict) for item in value) else [value]


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8", errors="replace")
    except OSError as error:
        raise InputError("input-unreadable", file=path, reason=error.strerror or error) from error


def _named(item: Any) -> str:
    text = item if isinstance(item, str) else json.dumps(item, ensure_ascii=False)
    return text if len(text) <= 60 else text[:59] + "…"


def _expected(task: TaskInfo) -> str:
    if task.input == "fields":
        return "texts, or --input with the fields " + ", ".join(task.fields)
    return {"text": "a text (or @FILE)", "image": "a picture", "audio": "a sound file"}[task.input]
