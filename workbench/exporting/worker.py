"""Starting the export worker: isolated, offline, with a home of its own that goes away with it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from workbench.cancellation import Cancellation
from workbench.children import Child, ChildGone
from workbench.errors import Cancelled, ToolchainError

__all__ = ["start_worker", "worker_command", "worker_environment"]

# What tells those libraries about other places, accounts or behaviours than the ones given here.
DROPPED_PREFIXES = ("HF_", "HUGGING", "HUGGINGFACE", "TRANSFORMERS_", "TORCH_HOME", "PYTHON", "OPTIMUM_")
START = "import sys; sys.path.insert(0, {copy!r}); from exporters.__main__ import main; main()"
HELLO_TIMEOUT_S = 30.0


def worker_command(python: Path, copy: Path) -> list[str]:
    """``-I`` keeps the environment's paths, the user's site and the current folder out."""
    return [str(python), "-I", "-B", "-X", "utf8", "-c", START.format(copy=str(copy))]


def worker_environment(home: Path) -> dict[str, str]:
    """The environment of a worker; libraries write their caches and temporary files below ``home``."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(DROPPED_PREFIXES)}
    temporary = str(home / "tmp")
    return kept | {
        "HF_HOME": str(home / "hf"),
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "ORT_DISABLE_TELEMETRY": "1",
        # Threads that spin while they wait make torch four times slower on a machine that has other work too.
        "OMP_WAIT_POLICY": "PASSIVE",
        "TMPDIR": temporary,
        "TEMP": temporary,
        "TMP": temporary,
    }


def start_worker(
    python: Path,
    copy: Path,
    home: Path,
    on_log: Callable[[str], None] | None = None,
    cancellation: Cancellation | None = None,
) -> Child:
    """A worker that has said hello. Raises ToolchainError when this Python cannot run it, and Cancelled."""
    cancel = cancellation or Cancellation()
    (home / "hf").mkdir(parents=True, exist_ok=True)
    (home / "tmp").mkdir(exist_ok=True)
    environment: Mapping[str, str] = worker_environment(home)
    try:
        child = Child("exporter", worker_command(python, copy), environment, on_log)
    except ChildGone as gone:
        raise ToolchainError("toolchain-broken", python=python, reason=gone.how) from gone
    try:
        with cancel.calling(child.kill):
            child.hello(HELLO_TIMEOUT_S)
    except ChildGone as gone:
        child.close()
        if cancel.requested:
            raise Cancelled from gone
        lines = gone.log.strip().splitlines()
        reason = lines[-1] if lines else gone.how
        raise ToolchainError("toolchain-broken", python=python, reason=reason) from gone
    except BaseException:  # of another version, or stopped by Ctrl-C: nobody has its handle yet
        child.kill()
        child.close()
        raise
    return child
