"""The warm toolchain ends, reads and writes as Python would."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.toolchain

ECHO = """
import os, sys
import torch
print(sys.argv[1:], os.getcwd(), os.environ["OWN"], sys.stdin.read(), flush=True)
print("to the other", file=sys.stderr)
sys.exit(int(sys.argv[1]))
"""


@pytest.mark.parametrize("status", [0, 3])
def test_a_script_has_words_streams_environment_and_folder(warm_toolchain: Path, tmp_path: Path, status: int) -> None:
    script = tmp_path / "script.py"
    script.write_text(ECHO)
    for way in ([script], ["-c", ECHO]):
        done = subprocess.run(
            [warm_toolchain, "-I", *way, str(status), "é"],
            input="given",
            env={"OWN": "mine"},
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert done.returncode == status, done.stderr
        assert done.stdout == f"['{status}', 'é'] {tmp_path} mine given\n"
        assert done.stderr == "to the other\n"


def test_an_error_is_told_as_python_tells_it(warm_toolchain: Path) -> None:
    done = subprocess.run([warm_toolchain, "-c", "1 / 0"], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.endswith("ZeroDivisionError: division by zero\n")


def test_a_fork_and_the_one_that_asked_for_it_end_together(warm_toolchain: Path) -> None:
    sleep = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
    for end_fork in (True, False):
        with subprocess.Popen([warm_toolchain, "-c", sleep], stdout=subprocess.PIPE, text=True) as asked:
            assert asked.stdout
            fork = psutil.Process(int(asked.stdout.readline()))
            (fork if end_fork else asked).send_signal(signal.SIGTERM)
            assert asked.wait(10) == -signal.SIGTERM
            psutil.wait_procs([fork], timeout=10)
            assert not fork.is_running()
