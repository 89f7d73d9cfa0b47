"""What a user dropped, pasted or opened: files by what they are for, texts read. Runs in a job; decodes nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from workbench.errors import InputError
from workbench.file_kinds import HEAD_BYTES, SUFFIXES, Kind, kind_of_head

__all__ = ["SUFFIXES", "Intake", "Item", "Kind", "gather", "read_text", "text_items"]

MAX_FILES = 100_000
MAX_TEXT_BYTES = 16 << 20
MAX_TEXTS_BYTES = 128 << 20


@dataclass(frozen=True)
class Item:
    """One input: what the task gets, and the name to show for it. ``path`` is None for a text that was typed."""

    name: str
    value: str
    path: str | None = None


@dataclass
class Intake:
    """Files by kind, in the order they came; names of what is of no use; whether there were more than we take."""

    files: dict[Kind, list[str]] = field(default_factory=dict)
    passed_over: list[str] = field(default_factory=list)
    cut_off: bool = False

    @property
    def count(self) -> int:
        """All files that were looked at."""
        return sum(map(len, self.files.values())) + len(self.passed_over)

    @property
    def kind(self) -> Kind | None:
        """The kind most files are of."""
        return max(self.files, key=lambda kind: len(self.files[kind]), default=None)


def gather(paths: Iterable[str], check: Callable[[], None]) -> Intake:
    """Sort files, and the files in folders, by kind. ``check`` is called for each and may raise Cancelled."""
    found = Intake()
    for count, path in enumerate(_files(paths)):
        check()
        if count >= MAX_FILES:
            found.cut_off = True
            break
        kind = _kind_of(path)
        if kind:
            found.files.setdefault(kind, []).append(path)
        else:
            found.passed_over.append(path)
    return found


def text_items(paths: Sequence[str], found: Intake, check: Callable[[], None]) -> list[Item]:
    """Text files as inputs, at most :data:`MAX_TEXTS_BYTES` of them together, which ``found`` then says.

    One that cannot be read or is too large is left out; alone, it raises InputError.
    """
    items: list[Item] = []
    size = 0
    for path in paths:
        check()
        try:
            text = read_text(path)
        except InputError:
            if len(paths) == 1:
                raise
            continue
        size += len(text)
        if size > MAX_TEXTS_BYTES:
            found.cut_off = True
            break
        items.append(Item(os.path.basename(path), text, path))  # noqa: PTH119, names as the system has them
    return items


def read_text(path: str) -> str:
    """A text file; what is not UTF-8 becomes U+FFFD. Raises InputError."""
    try:
        with Path(path).open("rb") as stream:
            data = stream.read(MAX_TEXT_BYTES + 1)
    except OSError as error:
        raise InputError("input-unreadable", file=path, reason=error.strerror or error) from error
    if len(data) > MAX_TEXT_BYTES:
        raise InputError("input-too-large", file=path, limit_mib=MAX_TEXT_BYTES >> 20)
    return data.decode("utf-8-sig", "replace")


def _files(paths: Iterable[str]) -> Iterator[str]:
    for path in paths:
        if os.path.isdir(path):  # noqa: PTH112, never raises
            for folder, folders, names in os.walk(path):
                folders.sort()
                folders[:] = [name for name in folders if not name.startswith(".")]
                yield from (os.path.join(folder, name) for name in sorted(names) if not name.startswith("."))  # noqa: PTH118
        else:
            yield path


def _kind_of(path: str) -> Kind | None:
    kind = SUFFIXES.get(os.path.splitext(path)[1].lower())  # noqa: PTH122
    if kind:
        return kind
    try:
        if not os.path.isfile(path):  # noqa: PTH113, a pipe or a device would not end
            return None
        with Path(path).open("rb") as stream:
            head = stream.read(HEAD_BYTES)
    except OSError:
        return None
    return kind_of_head(head)
