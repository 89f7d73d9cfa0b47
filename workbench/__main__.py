"""``workbench`` and ``python -m workbench``. Imports happen inside functions, so that ``--version`` is instant."""

from __future__ import annotations

import os
import sys
from types import FrameType

STOPPED = 130
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
    _end_at_ctrl_c()
    if not words and "_ARGCOMPLETE" not in os.environ:  # which a shell sets that completes the words
        from workbench.gui import run as open_window

        return open_window()
    from workbench.cli import run

    return run(words)


def _end_at_ctrl_c() -> None:
    """Have Ctrl-C end the process at once until a front listens to it: by then there is nothing to tidy up.

    Python's KeyboardInterrupt would be lost where it falls into a callback of an import; and where it falls into code
    that a library makes out of text, as dataclasses does, Python ends the process by the signal, caught or not.
    """
    import atexit
    import signal

    atexit.register(signal.signal, signal.SIGINT, signal.SIG_IGN)  # the last of all: what is left is Python's own end
    signal.signal(signal.SIGINT, _stopped)


def _stopped(number: int, frame: FrameType | None) -> None:
    if sys.stderr is not None:
        sys.stderr.write("stopped\n")
    os._exit(STOPPED)


if __name__ == "__main__":
    sys.exit(main())
