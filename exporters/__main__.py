"""The worker: one process, one request, over the framing on stdin and stdout.

Started isolated by the app; see ``workbench/exporting/worker.py``. A ``cancel`` message or the end of the line ends the
process group at once: torch cannot be interrupted in any gentler way, and the staging folder is the parent's to remove.
"""

from __future__ import annotations

import errno
import os
import platform
import queue
import signal
import sys
import threading
import time
import traceback
from typing import Any

# Set before any library is imported: nothing here may look anything up, or write outside the staging folder.
os.environ.update(
    HF_HUB_OFFLINE="1",
    TRANSFORMERS_OFFLINE="1",
    HF_HUB_DISABLE_TELEMETRY="1",
    TOKENIZERS_PARALLELISM="false",
    ORT_DISABLE_TELEMETRY="1",
)

from exporters.failure import ExportFailure
from exporters.memory import give_back
from exporters.protocol import ExportRequest
from workbench import __version__
from workbench.wire import VERSION, Channel, Message, claim_standard_streams

__all__ = ["Reporter", "main"]

OUT_OF_MEMORY = (
    "can't allocate memory",
    "not enough memory",
    "bad_alloc",
    "bad allocation",
    "failed to allocate memory",
    "failed to map segment",  # of a library that is being loaded
    "error return without exception set",  # protobuf, of a message that it cannot write
)


class Reporter:
    """Tells the app how far the one request is, and knows which stage is being worked on."""

    def __init__(self, channel: Channel, request: int) -> None:
        self._channel = channel
        self._request = request
        self.stage_name = "load"
        self.times_s: dict[str, float] = {}
        self._started = time.perf_counter()

    def stage(self, name: str) -> None:
        """Begin a stage, one of :data:`exporters.protocol.STAGES`; the time of the one before is kept."""
        self.finish()
        give_back()
        self.stage_name = name
        self.progress(0, 0, "")

    def finish(self) -> None:
        now = time.perf_counter()
        self.times_s[self.stage_name] = self.times_s.get(self.stage_name, 0.0) + now - self._started
        self._started = now

    def progress(self, done: float, total: float, unit: str) -> None:
        """How much of the stage is done; a total of 0 says that nobody knows."""
        body = {"stage": self.stage_name, "done": done, "total": total, "unit": unit}
        self._channel.send(Message("progress", self._request, body))

    def log(self, line: str) -> None:
        self._channel.send(Message("log", self._request, {"line": line}))


def main() -> None:
    """Say hello, answer one request, end."""
    channel = claim_standard_streams()
    channel.send(
        Message(
            "hello",
            body={
                "name": "exporter",
                "version": __version__,
                "wire": VERSION,
                "python": platform.python_version(),
                "pid": os.getpid(),
            },
        )
    )
    requests: queue.SimpleQueue[Message] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(channel, requests), daemon=True).start()
    message = requests.get()
    reporter = Reporter(channel, message.id)
    channel.send(_answer(message, reporter))
    sys.stderr.flush()
    os._exit(0)  # torch takes up to a second to take itself down, and nothing is left to save


def _listen(channel: Channel, requests: queue.SimpleQueue[Message]) -> None:
    try:
        while (message := channel.receive()) is not None:
            if message.kind == "cancel":
                break
            if message.kind == "request":
                requests.put(message)
    finally:
        _end_at_once()


def _end_at_once() -> None:
    if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(1)


def _answer(message: Message, reporter: Reporter) -> Message:
    try:
        return Message("result", message.id, _do(message.body, reporter))
    except ExportFailure as failure:
        body = failure.to_wire()
    except MemoryError:
        body = _memory(reporter)
    except OSError as error:
        traceback.print_exc()
        body = _of_system(error, reporter)
    except ImportError as error:
        traceback.print_exc()
        body = _memory(reporter) if _is_memory(error) else _unfit(error)
    except Exception as error:
        traceback.print_exc()
        body = _failed(error, reporter)
    return Message("error", message.id, body)


def _do(body: Any, reporter: Reporter) -> dict[str, Any]:
    method = body.get("method")
    if method == "probe":
        from exporters.probe import probe

        return probe()
    if method == "export":
        from exporters.optimum_exporter import export

        return export(ExportRequest.from_body(body), reporter).to_body()
    if method == "answer":
        from exporters.optimum_exporter import answer

        return answer(ExportRequest.from_body(body), reporter)
    raise ValueError(f"unknown method {method!r}")


def _of_system(error: OSError, reporter: Reporter) -> dict[str, Any]:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _disk_full(error.filename)
    if error.errno == errno.ENOMEM:  # a file that is to be mapped, or a process that is to be started
        return _memory(reporter)
    return _failed(error, reporter)


def _failed(error: Exception, reporter: Reporter) -> dict[str, Any]:
    if _is_memory(error):
        return _memory(reporter)
    if "No space left on device" in str(error):
        return _disk_full(None)
    return ExportFailure("export-failed", stage=reporter.stage_name, reason=_first_line(error)).to_wire()


def _is_memory(error: Exception) -> bool:
    # torch and onnxruntime have no class of their own for memory and disk; their words are all there is to go by.
    return any(words in str(error).lower() for words in OUT_OF_MEMORY)


def _memory(reporter: Reporter) -> dict[str, Any]:
    return ExportFailure("export-out-of-memory", stage=reporter.stage_name).to_wire()


def _unfit(error: ImportError) -> dict[str, Any]:
    return ExportFailure("export-toolchain-unfit", reason=_first_line(error)).to_wire()


def _disk_full(file: str | None) -> dict[str, Any]:
    return ExportFailure("export-disk-full", file=file or "a graph").to_wire()


def _first_line(error: Exception) -> str:
    text = str(error).strip()
    return f"{type(error).__name__}: {text.splitlines()[0][:400]}" if text else type(error).__name__


if __name__ == "__main__":
    main()
