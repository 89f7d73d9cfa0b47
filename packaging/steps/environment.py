"""The application's environment ``.venv`` in the checkout: made, kept, repaired."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from steps.console import Console, Failure

__all__ = ["ROOT", "STATE", "VENV", "make_environment", "outer_environment", "workbench"]

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
STATE = ROOT / ".workbench"  # what the commands of the checkout leave besides: logs, the tests' models and toolchain
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
NOTE = VENV / "workbench-bootstrap.json"

# Run in the environment: which Python it is, whether it has pip, and where the installed app lies.
PROBE = """
import importlib.util, json, sys
app = importlib.util.find_spec("workbench")
has_pip = importlib.util.find_spec("pip") is not None
print(json.dumps([sys.version_info[:2], has_pip, app and app.origin]))
"""


def outer_environment(**extra: str) -> dict[str, str]:
    """The variables of this process without those that would mix another Python's packages in, and with ``extra``."""
    mixed = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__")
    kept = {name: value for name, value in os.environ.items() if name not in mixed}
    quiet = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1", "PYTHONUTF8": "1"}
    return kept | quiet | extra


def make_environment(extras: Iterable[str], console: Console) -> Path:
    """The Python of an environment that has the app with these extras (and those it had before). Raises Failure."""
    state = _probe(console)
    if state is None or not _usable(state):
        _create(console)
        state = None
    note = _read_note() if state else {}
    wanted = {
        "extras": sorted({*extras, *note.get("extras", ())}),
        "pyproject": hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest(),
    }
    if note == wanted:
        console.say(f"The app is installed in {VENV}.", indent="  ")
        return PYTHON
    NOTE.unlink(missing_ok=True)
    with console.step(f"Installing the app with {', '.join(wanted['extras'])} into {VENV.name}"):
        target = f"{ROOT}[{','.join(wanted['extras'])}]"
        command = [PYTHON, "-m", "pip", "install", "--editable", target]
        console.run(command, "the app could not be installed", outer_environment())
    NOTE.write_text(json.dumps(wanted, indent=2), "utf-8")
    return PYTHON


def workbench(words: Sequence[str], failing: str, console: Console, **variables: str) -> Any:
    """The JSON document that a command of the app prints. Raises Failure."""
    command = [PYTHON, "-m", "workbench", *words, "--json"]
    text = console.run(command, failing, outer_environment(**variables))
    try:
        return json.loads(text)
    except ValueError as error:
        raise Failure(f"{failing}: `workbench {words[0]}` printed no JSON. All of it is in {console.log}") from error


def _probe(console: Console) -> list[Any] | None:
    """What :data:`PROBE` prints; None where there is no environment or its Python does not run."""
    if not PYTHON.exists():
        return None
    try:
        return list(json.loads(console.run([PYTHON, "-P", "-c", PROBE], "no answer", outer_environment(), VENV)))
    except (Failure, ValueError):
        return None


def _usable(state: list[Any]) -> bool:
    version, has_pip, app = state
    ours = app is None or Path(app).resolve() == ROOT / "workbench" / "__init__.py"  # else the checkout was moved
    return (3, 11) <= tuple(version) <= (3, 13) and bool(has_pip) and ours


def _create(console: Console) -> None:
    if importlib.util.find_spec("ensurepip") is None:
        package = f"python3.{sys.version_info[1]}-venv"
        raise Failure(f"this Python cannot make environments; install {package} (`sudo apt-get install {package}`)")
    if VENV.exists() or VENV.is_symlink():
        if not (VENV / "pyvenv.cfg").is_file():
            raise Failure(f"{VENV} is in the way: it is no Python environment; move it away")
        console.say(f"The environment {VENV} does not work here; it is made again.", indent="  ")
        shutil.rmtree(VENV)
    with console.step(f"Making the environment {VENV.name} with Python {sys.version_info[0]}.{sys.version_info[1]}"):
        console.run([sys.executable, "-m", "venv", VENV], "the environment could not be made", outer_environment())
        # A newer pip goes on with a download that broke off, instead of starting it again.
        command = [PYTHON, "-m", "pip", "install", "--upgrade", "pip>=25.2"]
        console.run(command, "pip could not be brought up to date", outer_environment())


def _read_note() -> dict[str, Any]:
    try:
        return dict(json.loads(NOTE.read_text("utf-8")))
    except (OSError, ValueError):
        return {}
