"""``workbench`` and ``python -m workbench``. Imports happen inside functions, so that ``--version`` is instant."""

from __future__ import annotations

import os
import sys

# In a packaged app the executable is no Python: it starts its own children through this table.
CHILDREN = ("workbench.engine", "workbench.audio", "workbench.audio.probe")


def main() -> int:
    """Run the command line; the exit status."""
    words = sys.argv[1:]
    if words in (["--version"], ["-V"]):
        from workbench import __version__

        print(f"workbench {__version__}")
        return 0
    if len(words) == 2 and words[0] == "--child" and words[1] in CHILDREN:
        import runpy

        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
        return 0
    try:
        if not words and "_ARGCOMPLETE" not in os.environ:  # which a shell sets that completes the words
            from workbench.gui import run as open_window

            return open_window()
        from workbench.cli import run

        return run(words)
    except KeyboardInterrupt:  # Ctrl-C while it was still being imported; later it is taken in there
        print("stopped", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
