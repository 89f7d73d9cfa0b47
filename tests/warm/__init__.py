"""A toolchain's Python that is warm: it stands for ``python`` wherever a test needs what torch answers, and not how its
process starts. Importing torch, transformers and Optimum takes longer than most tests' work; here one process imports
them and forks for each script, with the arguments, environment, folder and standard streams of the one that asked.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from workbench.exporting.worker import worker_environment

__all__ = ["warmed"]

HERE = Path(__file__).parent
END_S = 10.0


@contextmanager
def warmed(python: Path) -> Iterator[Path]:
    """An executable that takes Python's words; ``python`` itself where a process cannot be forked.

    It knows ``-I``, ``-B``, ``-X``, ``-c`` and a script. Everything ends with the context. Not for a test that ends
    its process and looks at once at what is left: the fork ends a moment after the one that asked for it.
    """
    if sys.platform == "win32":
        yield python
        return
    with TemporaryDirectory(prefix="warm-") as made:  # pytest's own folders are too deep for a socket's name
        yield from _serve(python, Path(made))


def _serve(python: Path, folder: Path) -> Iterator[Path]:
    line, stand_in = folder / "line", folder / "python"
    command = [python, "-I", "-B", "-X", "utf8", HERE / "server.py", line]
    (folder / "home" / "tmp").mkdir(parents=True)
    environment = worker_environment(folder / "home")  # what libraries keep when they are imported
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdin
        assert server.stdout
        try:
            if not server.stdout.readline():  # it listens, and imports while nobody waits
                raise RuntimeError(f"the warm toolchain ended with {server.wait()}")
            words = " ".join(shlex.quote(str(word)) for word in (sys.executable, "-IS", HERE / "client.py", line))
            stand_in.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
            stand_in.chmod(0o755)
            yield stand_in
        finally:
            server.stdin.close()
            try:
                server.wait(END_S)
            except subprocess.TimeoutExpired:
                server.kill()
