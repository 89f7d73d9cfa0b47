"""Reference answers: scripts of tests/toolchain_scripts, each run once for all tests that read what it wrote."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parent.parent / "toolchain_scripts"
LIMIT_S = 900
TAIL_LINES = 30

RunScript = Callable[..., Path]


@pytest.fixture(scope="session")
def run_toolchain_script(warm_toolchain: Path, tmp_path_factory: pytest.TempPathFactory) -> RunScript:
    """``run_toolchain_script(name, *words)``: the folder that ``toolchain_scripts/<name>.py`` filled.

    The script gets that folder as its first word and ``words`` after it; the same call again is the same folder. It
    runs isolated (``-I``), offline and without the hub's cache of the user. A script that fails fails the test.
    """
    made: dict[tuple[str, ...], Path] = {}

    def run(name: str, *words: str | Path) -> Path:
        key = (name, *map(str, words))
        if key not in made:
            folder = tmp_path_factory.mktemp(name)
            environment = os.environ | {
                "ORT_DISABLE_TELEMETRY": "1",
                "HF_HUB_OFFLINE": "1",
                "HF_HOME": str(tmp_path_factory.mktemp("hf")),
                "TOKENIZERS_PARALLELISM": "false",
            }
            command = [str(warm_toolchain), "-I", str(SCRIPTS / f"{name}.py"), str(folder), *key[1:]]
            done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=LIMIT_S)
            if done.returncode:
                tail = "\n".join(done.stderr.splitlines()[-TAIL_LINES:])
                pytest.fail(f"{name}.py ended with {done.returncode}:\n{tail}", pytrace=False)
            made[key] = folder
        return made[key]

    return run
