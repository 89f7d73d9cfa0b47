"""The engine's main loop: reads requests, hands them to the models' threads, and answers each exactly once."""

from __future__ import annotations

import os
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil

from workbench import __version__
from workbench.cancellation import Cancellation
from workbench.engine import media
from workbench.engine.jobs import bench_steps, record_steps, run_steps, verify_steps
from workbench.engine.request import ModelChoice
from workbench.engine.residents import Residents
from workbench.engine.worker import Job, ModelWorker, Steps
from workbench.errors import Cancelled, EngineError, WorkbenchError, error_to_wire
from workbench.runtime.providers import probe_providers
from workbench.wire import VERSION, Buffer, Channel, Message, WireError

__all__ = ["serve"]

SIDE_THREADS = 2

Send = Callable[[Any, Mapping[str, Any]], None]


def serve(channel: Channel) -> None:
    """Answer requests until the parent is gone, then end the process at once."""
    channel.send(Message("hello", 0, {"name": "engine", "wire": VERSION, "version": __version__, "pid": os.getpid()}))
    engine = Engine(channel)
    try:
        while (message := channel.receive()) is not None:
            engine.receive(message)
    except (WireError, OSError) as error:
        print(f"the line to the front broke: {error}", file=sys.stderr)
    # Threads may be deep inside a graph; the process that holds them has no one left to answer to.
    os._exit(0)


class Engine:
    """Dispatches messages. All answers go through :meth:`_send`, which any thread may call."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._residents = Residents(psutil.virtual_memory().total // 2)
        self._workers: dict[Any, ModelWorker] = {}
        self._cancellations: dict[int, Cancellation] = {}
        self._lock = threading.Lock()
        self._side = ThreadPoolExecutor(SIDE_THREADS, "side")
        self._stops = ThreadPoolExecutor(1, "stops")  # of its own: no stop waits for a picture to be decoded
        self._on_models = {"run": run_steps, "bench": bench_steps, "verify": verify_steps, "record": record_steps}
        self._beside: dict[str, Callable[[Mapping[str, Any]], Mapping[str, Any]]] = {
            "preview": media.preview,
            "overlay": media.overlay,
            "peaks": media.peaks,
            "samples": media.samples,
            "providers": lambda body: probe_providers(),
            "status": self._status,
            "configure": self._configure,
            "unload": self._unload,
        }

    def receive(self, message: Message) -> None:
        if message.kind == "cancel":
            with self._lock:
                cancellation = self._cancellations.get(message.id)
            if cancellation:
                # RunOptions.terminate and the like are quick, but not this thread's to wait for.
                self._stops.submit(cancellation.cancel)
            return
        if message.kind != "request":
            return
        cancellation = Cancellation()
        with self._lock:
            self._cancellations[message.id] = cancellation
        method = str(message.body.get("method"))
        try:
            if method in self._on_models:
                self._start_job(message, method, cancellation)
            elif method in self._beside:
                self._side.submit(self._do_beside, message, self._beside[method])
                # It can't be interrupted, so a cancel is answered at once and its answer dropped.
                cancellation.on_request(lambda: self._answer(message.id, None, Cancelled()))
            else:
                raise EngineError("engine-unknown-method", method=method)
        except BaseException as error:  # an answer is owed, whatever went wrong
            self._answer(message.id, None, error)

    def _start_job(self, message: Message, method: str, cancellation: Cancellation) -> None:
        choice = ModelChoice.from_body(message.body["model"])
        body = {name: _arrays(value) for name, value in message.body.items()}
        result: dict[str, Any] = {}

        def send(kind: Any, value: Mapping[str, Any]) -> None:
            self._send(Message(kind, message.id, value))

        def steps(model: Any) -> Steps:
            return self._on_models[method](model, body, cancellation, send, result)

        def finish(error: BaseException | None) -> None:
            self._answer(message.id, result, error)

        job = Job(steps, finish, cancellation, interactive=message.body.get("priority") != "batch")
        while True:
            worker = self._workers.get(choice.key)
            if worker is None:
                worker = self._workers[choice.key] = ModelWorker(choice, self._residents)
            if worker.submit(job):
                break
            del self._workers[choice.key]  # it was unloaded to make room
        cancellation.on_request(lambda: worker.give_up(job))

    def _do_beside(self, message: Message, method: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> None:
        try:
            self._answer(message.id, method(message.body), None)
        except BaseException as error:  # an answer is owed, whatever went wrong
            self._answer(message.id, None, error)

    def _answer(self, number: int, result: Mapping[str, Any] | None, error: BaseException | None) -> None:
        with self._lock:
            if self._cancellations.pop(number, None) is None:
                return  # it was answered when it was cancelled
        if error is None:
            self._send(Message("result", number, result or {}))
        elif isinstance(error, Cancelled):
            self._send(Message("error", number, {"code": "cancelled"}))
        else:
            self._send(Message("error", number, error_to_wire(_for_user(error))))

    def _send(self, message: Message) -> None:
        try:
            self._channel.send(message)
        except WireError as error:
            too_big = EngineError("engine-bug", detail=str(error))
            self._channel.send(Message("error", message.id, error_to_wire(too_big)))
        except (OSError, ValueError):
            os._exit(0)  # the parent is gone

    def _status(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        models = [{"name": item.name, "bytes": item.cost_bytes} for item in self._residents.all().values()]
        return {
            "models": models,
            "used_bytes": self._residents.used_bytes(),
            "budget_bytes": self._residents.budget_bytes,
            "resident_bytes": psutil.Process().memory_info().rss,
        }

    def _configure(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        self._residents.budget_bytes = int(body["memory_budget_bytes"])
        return {}

    def _unload(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Unload every model whose folder is ``folder`` or lies below it, or all; those that are idle are gone with
        the answer."""
        folder, count = body.get("folder"), 0
        for key, model in self._residents.all().items():
            if folder is None or Path(key[0]).is_relative_to(folder):
                idle = model.idle
                model.unload()
                self._residents.drop(key)
                if idle:
                    model.join()
                count += 1
        return {"unloaded": count}


def _for_user(error: BaseException) -> WorkbenchError:
    if isinstance(error, WorkbenchError):
        return error
    if isinstance(error, MemoryError):
        return EngineError("engine-out-of-memory", model="this run")
    traceback.print_exception(error, file=sys.stderr)
    return EngineError("engine-bug", detail=f"{type(error).__name__}: {error}")


def _arrays(value: Any) -> Any:
    """The value with every buffer in it as a numpy array."""
    if isinstance(value, Buffer):
        return value.array()
    if isinstance(value, dict):
        return {name: _arrays(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_arrays(item) for item in value]
    return value
