"""The words and options of the command line."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from exporters.protocol import CALIBRATIONS
from workbench import __version__
from workbench.cli import benches, chats, exports, libraries, receipts, runs, system
from workbench.providers import PROVIDERS
from workbench.saving.formats import FORMATS
from workbench.tasks.catalog import TASKS
from workbench.thread_limit import most_threads

__all__ = ["build_parser"]

Command = Callable[..., int]


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line instead of with the whole grammar."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"workbench: {message}; see `{self.prog} --help`\n")


def build_parser() -> argparse.ArgumentParser:
    """The whole grammar. ``command`` is the function to call with (workbench, arguments, cancellation)."""
    parser = _Parser(
        prog="workbench",
        description="Use AI models on your own machine, offline: list, export, check, run. Without words: the window.",
    )
    parser.add_argument("--version", "-V", action="version", version=f"workbench {__version__}")
    parser.set_defaults(command=None, cache_dir=None)
    words = parser.add_subparsers(title="commands", metavar="COMMAND")
    _library_words(words)
    _export_words(words)
    _receipt_words(words)
    _run_words(words)
    _system_words(words)
    return parser


def _library_words(words: Any) -> None:
    models = _word(words, "models", libraries.models, "list the models of the hub cache and of your folders")
    models.add_argument("--task", help="only models of this task", metavar="TASK").completer = _tasks  # type: ignore[attr-defined]
    show = _word(words, "show", libraries.show, "everything about one model")
    _model(show)
    show.add_argument("--card", action="store_true", help="print the model card too")
    delete = _word(words, "delete", libraries.delete, "free the disk space of a model")
    _model(delete)
    confirm = delete.add_mutually_exclusive_group(required=True)
    confirm.add_argument("--dry-run", action="store_true", help="show what would go, delete nothing")
    confirm.add_argument("--yes", action="store_true", help="delete it")
    artifacts = _word(words, "artifacts", libraries.artifacts, "list, show or delete exported models")
    artifacts.add_argument("action", nargs="?", choices=("list", "show", "delete"), default="list")
    artifacts.add_argument("artifact", nargs="?", metavar="ARTIFACT").completer = _artifacts  # type: ignore[attr-defined]
    artifacts.add_argument("--yes", action="store_true", help="delete; else only show what would go")
    _word(words, "tasks", libraries.tasks, "list the tasks, their inputs and parameters")


def _export_words(words: Any) -> None:
    export = _word(words, "export", exports.export, "turn a hub checkpoint into checked ONNX")
    _model(export)
    _task(export)
    export.add_argument(
        "--precision",
        help="fp32, fp16, int8, int8-static (convolutions, encoders of texts, pictures, sounds), q4 (language models), "
        "q4f16 (those on GPUs); several are separated by commas (default: fp32, and int8-static for a convolutional "
        "network, else int8)",
        metavar="LIST",
    )
    export.add_argument(
        "--samples",
        metavar="PATH",
        help="calibrate and verify on your own: a folder, or a file of texts, CSV, JSON lines, Parquet; they are kept "
        "in the exported model (default: built-in samples)",
    )
    export.add_argument("--column", metavar="NAME", help="which column of the file of samples holds them")
    export.add_argument("--sample-count", type=_count, metavar="N", help="at most so many samples (default: 100)")
    export.add_argument(
        "--calibration",
        choices=CALIBRATIONS,
        default=CALIBRATIONS[0],
        help="how int8-static chooses the ranges of its numbers (default: %(default)s)",
    )
    export.add_argument("--force", action="store_true", help="export again what is there already")
    export.add_argument("--no-receipt", action="store_true", help="do not measure what each precision is worth")
    export.add_argument("--allow-pickle", action="store_true", help="load pickled weights; only if you trust them")
    toolchain = _word(words, "toolchain", exports.toolchain, "the environment that exports: install, look, remove")
    toolchain.add_argument("action", nargs="?", choices=("install", "status", "remove"), default="status")
    toolchain.add_argument(
        "name", nargs="?", default="optimum", metavar="NAME", help="which one (default: %(default)s)"
    )
    toolchain.add_argument(
        "--torch",
        choices=("cpu", "cuda", "as-configured"),
        default="as-configured",
        help="which build of torch; as-configured takes what your package index offers (default)",
    )
    toolchain.add_argument("--wheelhouse", metavar="DIR", help="install from this folder of wheels, without network")


def _receipt_words(words: Any) -> None:
    receipt = _word(words, "receipt", receipts.receipt, "what each precision does to answers, speed and size")
    _measured(receipt)
    receipt.add_argument("--measure", action="store_true", help="measure anew, even where there is a receipt")
    receipt.add_argument(
        "--samples", metavar="PATH", help="measure on your own: a folder, or a file of texts, CSV, JSON lines, Parquet"
    )
    receipt.add_argument("--column", metavar="NAME", help="which column of the file of samples holds them")
    receipt.add_argument("--sample-count", type=_count, metavar="N", help="at most so many samples (default: 200)")
    verify = _word(words, "verify", receipts.verify, "prove that an exported model is whole and answers as it should")
    _measured(verify)
    verify.add_argument(
        "--threshold",
        type=_share,
        metavar="X",
        help="least agreement, from 0 to 1 (default: 0.97, or near to what the export measured where that is less)",
    )


def _measured(parser: argparse.ArgumentParser) -> None:
    _model(parser)
    _task(parser)
    parser.add_argument("--precision", metavar="LIST", help="only these, separated by commas (default: all)")
    parser.add_argument(
        "--provider", metavar="LIST", help="only these, separated by commas: cpu, cuda, dml (default: what works)"
    )


def _run_words(words: Any) -> None:
    run = _word(words, "run", runs.run, "run a model on texts, pictures or sounds")
    _task_and_model(run)
    run.add_argument("inputs", nargs="*", metavar="INPUT", help="text (@FILE: a file of text), or a path; - is stdin")
    run.add_argument("--out", metavar="DIR", help="save each result into this folder; nothing there is replaced")
    run.add_argument(
        "--format",
        action="append",
        default=[],
        metavar="NAME",
        help=f"how to save: {', '.join(FORMATS)}, as the result has it; separated by commas (default: the usual one)",
    )
    run.add_argument("--where", action="store_true", help="show which nodes ran on which provider, and their times")
    chat = _word(words, "chat", chats.chat, "talk with a model that has a chat template")
    chat.set_defaults(task="text-generation")
    _model(chat)
    chat.add_argument(
        "inputs",
        nargs="*",
        metavar="PROMPT",
        help="ask this alone (@FILE: a file of text; - is stdin); else you are asked, or each line of a pipe is a turn",
    )
    chat.add_argument("--system", metavar="TEXT", help="the system prompt, or @FILE (default: the model's own)")
    _how(chat)
    bench = _word(words, "bench", benches.bench, "measure how fast a model runs here")
    _task_and_model(bench, lists=True)
    bench.add_argument("--compare", action="store_true", help="measure all that the options name, side by side")
    bench.add_argument("--batch", metavar="LIST", help="with --compare: how many inputs go together (default: 1)")
    bench.add_argument("inputs", nargs="*", metavar="INPUT", help="as for run; default: built-in samples")
    bench.add_argument("--rounds", type=_count, help="how often at most (default: 20)")


def _system_words(words: Any) -> None:
    _word(words, "doctor", system.doctor, "check the installation, and say how to mend it")
    settings = _word(words, "settings", system.settings, "show the settings, or change one")
    settings.add_argument("changes", nargs="*", metavar="NAME=VALUE", help="an empty value restores the default")
    _word(words, "completion", system.completion, "how to switch on completion in your shell")


def _word(words: Any, name: str, command: Command, summary: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = words.add_parser(name, help=summary, description=summary)
    parser.set_defaults(command=command)
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    parser.add_argument("--cache-dir", metavar="DIR", help="the hub cache to use")
    return parser


def _model(parser: argparse.ArgumentParser) -> None:
    model = parser.add_argument("model", metavar="MODEL", help="a hub id, an artifact, or a folder")
    model.completer = _models  # type: ignore[attr-defined]
    parser.add_argument("--revision", metavar="REV", help="a branch, tag or commit (default: main, else the newest)")


def _task(parser: argparse.ArgumentParser) -> None:
    task = parser.add_argument("--task", metavar="TASK", help="what the model is to do (default: what it says itself)")
    task.completer = _tasks  # type: ignore[attr-defined]


def _task_and_model(parser: argparse.ArgumentParser, *, lists: bool = False) -> None:
    _model(parser)
    _task(parser)
    parser.add_argument("--input", action="append", default=[], metavar="JSON", help="a structured input, or @FILE")
    _how(parser, lists=lists)


def _how(parser: argparse.ArgumentParser, *, lists: bool = False) -> None:
    """How to run; with ``lists``, several values are checked by the command itself."""
    more = "; with --compare a list" if lists else ""
    known = ("auto", *PROVIDERS)
    parser.add_argument("--precision", metavar="P", help=f"which variant (default: the recommended one{more})")
    provider = f"{', '.join(known)} (default: the setting{more})"
    parser.add_argument("--provider", choices=None if lists else known, metavar="P", help=provider)
    parser.add_argument("--allow-fallback", action="store_true", help="if the named provider can't be had, use the CPU")
    parser.add_argument(
        "--no-node-fallback",
        action="store_true",
        help="an error where the provider leaves operators of the model to the CPU",
    )
    auto = "; auto: measure, and keep the best" if lists else ""
    parser.add_argument(
        "--threads",
        type=str if lists else _threads,
        default=None,
        help=f"processor threads; 0: onnxruntime's choice{auto} (default: the setting, else what was measured{more})",
    )
    parser.add_argument(
        "--param",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="see `workbench tasks`",
    )


def _count(word: str) -> int:
    with _expected(word, "a whole number from 1 on"):
        value = int(word)
        if value < 1:
            raise ValueError
        return value


def _share(word: str) -> float:
    with _expected(word, "a number from 0 to 1"):
        value = float(word)
        if not 0 <= value <= 1:
            raise ValueError
        return value


def _threads(word: str) -> int:
    with _expected(word, f"a whole number from 0 to {most_threads()}"):
        value = int(word)
        if not 0 <= value <= most_threads():
            raise ValueError
        return value


@contextlib.contextmanager
def _expected(word: str, what: str) -> Iterator[None]:
    """Say what was expected where a word is something else."""
    try:
        yield
    except ValueError:
        raise argparse.ArgumentTypeError(f"{word!r} is not {what}") from None


def _models(parsed_args: argparse.Namespace, **_: Any) -> list[str]:
    from workbench.api import Workbench
    from workbench.settings import Settings

    settings = Settings.load()
    if parsed_args.cache_dir:
        settings = settings.with_value("hub_cache", parsed_args.cache_dir)
    with Workbench(settings) as workbench:
        return [model.id for model in workbench.models().models]


def _artifacts(**_: Any) -> list[str]:
    from workbench.api import Workbench

    with Workbench() as workbench:
        return [artifact.id for artifact in workbench.artifacts().artifacts]


def _tasks(**_: Any) -> list[str]:
    return list(TASKS)
