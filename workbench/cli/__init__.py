"""The command line. Each word is a function in this package; all of them go through :class:`workbench.api.Workbench`.

Exit status: 0 done, 1 failed (one clear line on stderr), 2 wrong use, 130 stopped by the user.
"""

from __future__ import annotations

from workbench.cli.main import run

__all__ = ["run"]
