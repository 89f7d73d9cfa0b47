"""Commands in processes of their own, and a cache with a model that runs as it is."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.engine.tiny import tiny_model
from workbench.cancellation import Cancellation
from workbench.cli.foreground import Foreground
from workbench.cli.main import exit_status, outcome_of
from workbench.cli.parser import build_parser

TINY = "someone/tiny"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Command:
    """Runs ``workbench WORDS…`` with this test's folders."""

    def __call__(self, *words: object, stdin: bytes = b"", **variables: str) -> Done:
        process = self.start(*words, **variables)
        out, err = process.communicate(stdin, timeout=300)
        return Done(process.returncode, out.decode("utf-8"), err.decode("utf-8"))

    def start(self, *words: object, **variables: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "workbench", *map(str, words)]
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        return subprocess.Popen(command, env=os.environ | variables, **pipes)  # type: ignore[call-overload,no-any-return]


@pytest.fixture
def workbench() -> Command:
    return Command()


@pytest.fixture
def hub_cache() -> Path:
    """The hub cache that commands of this test find by themselves."""
    folder = Path(os.environ["HF_HOME"]) / "hub"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def tiny_repo(hub_cache: Path, tmp_path: Path) -> Path:
    """A repository with ONNX graphs in the cache, laid out with links as the hub does; its snapshot."""
    tiny_model(tmp_path / "made")
    repo = hub_cache / "models--someone--tiny"
    snapshot = repo / "snapshots" / COMMIT
    for number, path in enumerate(sorted(path for path in (tmp_path / "made").rglob("*") if path.is_file())):
        link = snapshot / path.relative_to(tmp_path / "made")
        link.parent.mkdir(parents=True, exist_ok=True)
        blob = repo / "blobs" / f"{number:064x}"
        blob.parent.mkdir(exist_ok=True)
        shutil.move(path, blob)
        link.symlink_to(os.path.relpath(blob, link.parent))
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text(COMMIT, "utf-8")
    return snapshot


def in_process(*words: str) -> int:
    """The exit status of a command that is carried out in this process, which takes a hundredth of the time."""
    try:
        arguments = build_parser().parse_args(words)
    except SystemExit as ended:
        return int(ended.code or 0)
    arguments.foreground = Foreground()
    return exit_status(outcome_of(arguments, Cancellation()))
