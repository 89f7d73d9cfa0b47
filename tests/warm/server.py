"""The warm process, in the toolchain's Python: ``server.py SOCKET``. It ends with its standard input.

It listens before it imports anything, so that the first who ask only wait. What it imports starts no thread, which a
fork would lose.
"""

from __future__ import annotations

import array
import contextlib
import json
import os
import runpy
import selectors
import signal
import socket
import struct
import sys
import traceback
import types
from pathlib import Path
from typing import Any

STREAMS = 3
WARM = (
    "import onnx, onnxruntime, onnxruntime.quantization, safetensors.torch, scipy.signal, torch, transformers",
    "import optimum.exporters.onnx.convert, optimum.exporters.onnx.model_configs, optimum.exporters.tasks",
    "from transformers import AutoConfig, AutoFeatureExtractor, AutoImageProcessor, AutoModel, AutoTokenizer, pipeline",
    "from optimum.exporters.onnx import main_export",
)


class Server:
    def __init__(self, path: str) -> None:
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(64)
        self.forks: dict[int, socket.socket] = {}
        self.selector = selectors.DefaultSelector()
        self.woken, self.waker = socket.socketpair()
        self.waker.setblocking(False)

    def serve(self) -> None:
        signal.set_wakeup_fd(self.waker.fileno())
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        self.selector.register(self.listener, selectors.EVENT_READ, self.accept)
        self.selector.register(self.woken, selectors.EVENT_READ, self.reap)
        self.selector.register(0, selectors.EVENT_READ, self.end)
        while True:
            for key, _ in self.selector.select():
                key.data(key.fileobj)

    def accept(self, listener: socket.socket) -> None:
        line, _ = listener.accept()
        head, rights, _, _ = line.recvmsg(4, socket.CMSG_SPACE(STREAMS * array.array("i").itemsize))
        streams = array.array("i")
        for _, _, data in rights:
            streams.frombytes(data)
        said = b""
        if len(head) == 4:
            said = line.recv(struct.unpack("!I", head)[0], socket.MSG_WAITALL)
        if not said or len(streams) != STREAMS:  # whoever asked is gone
            line.close()
            return
        pid = os.fork()
        if not pid:
            self.become(json.loads(said), list(streams), line)
        for stream in streams:
            os.close(stream)
        self.forks[pid] = line
        self.selector.register(line, selectors.EVENT_READ, lambda broken: self.kill(pid))

    def become(self, order: dict[str, Any], streams: list[int], line: socket.socket) -> None:
        """Never returns."""
        os.setsid()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self.selector.close()
        for held in (self.listener, self.woken, self.waker, line, *self.forks.values()):
            held.close()
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        os.environ.clear()
        os.environ.update(order["environment"])
        os.chdir(order["folder"])
        os._exit(run(order["words"]))

    def kill(self, pid: int) -> None:
        self.selector.unregister(self.forks[pid])
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)

    def reap(self, woken: socket.socket) -> None:
        woken.recv(4096)
        while self.forks:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            line = self.forks.pop(pid)
            with contextlib.suppress(KeyError):
                self.selector.unregister(line)
            with contextlib.suppress(OSError):
                line.sendall(struct.pack("!i", os.waitstatus_to_exitcode(status)))
            line.close()

    def end(self, stdin: int) -> None:
        for pid in list(self.forks):
            self.kill(pid)
        os._exit(0)


def run(words: list[str]) -> int:
    """Do what Python would with these words, and say how it ended."""
    isolated = False
    while words and words[0] in ("-I", "-B", "-X"):
        flag, *words = words
        isolated |= flag == "-I"
        if flag == "-X":
            words = words[1:]
    try:
        if words[0] == "-c":
            sys.argv = ["-c", *words[2:]]
            module = types.ModuleType("__main__")
            sys.modules["__main__"] = module
            exec(compile(words[1], "<string>", "exec"), module.__dict__)
        else:
            sys.argv = words
            if not isolated:
                sys.path.insert(0, str(Path(words[0]).resolve().parent))
            runpy.run_path(words[0], run_name="__main__")
        return 0
    except SystemExit as ended:
        if ended.code is None or isinstance(ended.code, int):
            return ended.code or 0
        print(ended.code, file=sys.stderr)
        return 1
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()


def main() -> None:
    server = Server(sys.argv[1])
    print("listening", flush=True)
    for line in WARM:
        exec(line, {})
    server.serve()


main()
