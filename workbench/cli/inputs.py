"""The inputs of ``run`` and ``bench``: words of the command line, files of text, stdin, JSON.

What is read here may be anything: a pipe that nobody writes to, a device without an end, lists nested without end.
"""

from __future__ import annotations

import contextlib
import json
import stat
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from workbench.cancellation import Cancellation
from workbench.errors import InputError, UsageError
from workbench.tasks.catalog import TaskInfo

__all__ = ["gathered_inputs", "given_text"]

STDIN = 0
PIECE_BYTES = 1 << 20
MAX_TEXT_BYTES = 64 << 20
MAX_FILE_BYTES = 4 << 30  # what the header of a WAV can say
# Deeper than any task asks for, and far from where Python gives up.
MAX_DEPTH = 32


@contextlib.contextmanager
def gathered_inputs(task: TaskInfo, arguments: Any, cancellation: Cancellation) -> Iterator[list[Any]]:
    """The inputs as the task takes them. What a task that wants a file gets on stdin is kept in one for the run.

    Raises InputError for a file that cannot be read, UsageError for what is no JSON and for one text where texts are
    compared, Cancelled.
    """
    if task.input == "fields" and not task.gathers and arguments.inputs:
        raise UsageError("usage-needs-fields", task=task.id, fields=", ".join(item.name for item in task.fields))
    if task.gathers and len(arguments.inputs) == 1:
        raise UsageError("usage-one-text", task=task.id)
    items: list[Any] = []
    with contextlib.ExitStack() as kept:
        for word in arguments.inputs:
            if task.input in ("text", "fields"):
                items.append(given_text(word, cancellation))
            else:
                items.append(_file(word, kept, cancellation))
        if task.gathers and items:
            items = [items]
        for word in arguments.input:
            items.extend(_with_files(task, value, kept, cancellation) for value in _structured(word, cancellation))
        yield items


def _with_files(task: TaskInfo, value: Any, kept: contextlib.ExitStack, cancellation: Cancellation) -> Any:
    """A structured input with the paths of its files made whole: the engine works in another folder."""
    if not isinstance(value, dict):
        return value
    names = {field.name for field in task.fields if field.kind in ("image", "audio")}
    return {
        name: _file(item, kept, cancellation) if name in names and isinstance(item, str) else item
        for name, item in value.items()
    }


def given_text(word: str, cancellation: Cancellation) -> str:
    """The text that a word of the command line stands for: itself, that of ``@FILE``, all of stdin for ``-``.

    Raises InputError, Cancelled.
    """
    return _read_text(word, cancellation) if word == "-" or word.startswith("@") else word


def _file(word: str, kept: contextlib.ExitStack, cancellation: Cancellation) -> str:
    if word == "-":
        path = Path(kept.enter_context(tempfile.TemporaryDirectory(prefix="workbench-"))) / "stdin"
        with path.open("wb") as stream:
            _read(STDIN, "stdin", MAX_FILE_BYTES, stream.write, cancellation)
        return str(path)
    path = Path(word).absolute()
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return str(path)  # the task refuses it in its place, and the other inputs get their answers
    except OSError as error:
        raise InputError("input-unreadable", file=word, reason=error.strerror or error) from error
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "a pipe or a device"
        raise InputError("input-unreadable", file=path, reason=f"it is {kind}, not a file")
    return str(path)


def _structured(word: str, cancellation: Cancellation) -> list[Any]:
    text = given_text(word, cancellation)
    try:
        value = json.loads(text)
    except ValueError as error:
        raise UsageError("usage-bad-json", reason=error) from error
    except RecursionError:
        raise UsageError("usage-bad-json", reason=f"nested deeper than {MAX_DEPTH} levels") from None
    if not _is_shallow(value, MAX_DEPTH):
        raise UsageError("usage-bad-json", reason=f"nested deeper than {MAX_DEPTH} levels")
    return value if isinstance(value, list) and all(isinstance(item, dict) for item in value) else [value]


def _is_shallow(value: Any, depth: int) -> bool:
    if not isinstance(value, (dict, list)):
        return True
    inner = value.values() if isinstance(value, dict) else value
    return depth > 0 and all(_is_shallow(item, depth - 1) for item in inner)


def _read_text(word: str, cancellation: Cancellation) -> str:
    """All of ``@FILE``, or of stdin for ``-``; what is not UTF-8 becomes U+FFFD."""
    source: Path | int = STDIN if word == "-" else Path(word[1:])
    pieces: list[bytes] = []
    _read(source, "stdin" if word == "-" else word[1:], MAX_TEXT_BYTES, pieces.append, cancellation)
    return b"".join(pieces).decode("utf-8", "replace")


def _read(
    source: Path | int, name: str, limit_bytes: int, keep: Callable[[bytes], Any], cancellation: Cancellation
) -> None:
    """Hand all bytes of a file to ``keep``. Raises InputError, Cancelled.

    In a thread of its own: reading from a pipe, and opening one, waits for whoever writes to it and cannot be stopped.
    Without a buffer, because Python cannot end while such a thread holds the lock of one.
    """
    done = threading.Event()
    errors: list[BaseException] = []

    def work() -> None:
        size = 0
        try:
            with open(source, "rb", buffering=0, closefd=source != STDIN) as stream:
                while not cancellation.requested and (piece := stream.read(PIECE_BYTES)):
                    size += len(piece)
                    if size > limit_bytes:
                        raise InputError("input-too-large", file=name, limit_mib=limit_bytes >> 20)
                    keep(piece)
        except OSError as error:
            errors.append(InputError("input-unreadable", file=name or "''", reason=error.strerror or error))
        except BaseException as error:  # raised below, where the caller is
            errors.append(error)
        finally:
            done.set()

    threading.Thread(target=work, name="input", daemon=True).start()
    with cancellation.calling(done.set):
        done.wait()
    cancellation.check()
    if errors:
        raise errors[0]
