"""``doctor``, ``settings`` and ``completion``."""

from __future__ import annotations

from typing import Any

from workbench.api import Workbench
from workbench.cancellation import Cancellation
from workbench.cli.output import print_json, table
from workbench.errors import UsageError

__all__ = ["completion", "doctor", "settings"]

MARKS = {"ok": "ok", "missing": "–", "broken": "BROKEN"}

COMPLETION = """Completion of commands, model ids and tasks:
  bash  add to ~/.bashrc:   eval "$(register-python-argcomplete workbench)"
  zsh   add to ~/.zshrc:    autoload -U bashcompinit && bashcompinit; eval "$(register-python-argcomplete workbench)"
  fish  add to config.fish: register-python-argcomplete --shell fish workbench | source
register-python-argcomplete lies beside the command workbench."""


def doctor(workbench: Workbench, arguments: Any, cancellation: Cancellation) -> int:
    """All checks with their cures; exit status 1 when something is broken."""
    diagnosis = workbench.doctor(cancellation)
    if arguments.json:
        print_json(diagnosis.to_json())
    else:
        rows = [
            (check.area, check.name, MARKS[check.state], check.detail + (f" → {check.cure}" if check.cure else ""))
            for check in diagnosis.checks
        ]
        print(table(("area", "what", "state", "finding"), rows))
    return 0 if diagnosis.healthy else 1


def settings(workbench: Workbench, arguments: Any, cancellation: Cancellation) -> int:
    """Show all settings, after making the changes that were asked for."""
    for word in arguments.changes:
        name, separator, value = word.partition("=")
        if not separator:
            raise UsageError("usage-not-name-value", word=word)
        workbench.change_setting(name, value)
    rows = workbench.settings.describe()
    if arguments.json:
        print_json({"file": str(workbench.settings_file), "settings": {row.name: row.value for row in rows}})
    else:
        print(table(("setting", "value", "from", "what it is"), [(r.name, r.shown, r.origin, r.help) for r in rows]))
    return 0


def completion(workbench: Workbench, arguments: Any, cancellation: Cancellation) -> int:
    """How to switch on completion."""
    if arguments.json:
        print_json({"text": COMPLETION})
    else:
        print(COMPLETION)
    return 0
