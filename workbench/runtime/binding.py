"""Runs of a graph whose inputs and outputs stay where they are: memory that is given once and used by every run."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnxruntime as ort

from workbench.cancellation import Cancellation
from workbench.tasks.base import Array, Run

__all__ = ["Binding", "Buffer", "stoppable"]

# onnxruntime 1.32 asks each run for this entry, and raises and catches an error of its own where there is none: that
# takes a hundredth of the time in which a small model writes a token. The value is what no entry means here, too: that
# no work of a GPU is recorded to be repeated.
NO_RECORDED_GRAPH = ("gpu_graph_id", "-1")


class Buffer:
    """The memory of one tensor on a session's device, full of zeros at first.

    On a CPU the system gives the pages of a large one when they are first written: until then they cost nothing.
    """

    def __init__(self, shape: Sequence[int], dtype: np.dtype[Any], device: str) -> None:
        self._device = device
        self._place(np.zeros(shape, dtype))

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.value.shape())

    def grow(self, axis: int, size: int, used: int) -> None:
        """Make it ``size`` long on an axis, and take along the first ``used`` of what stood there."""
        old = self._array if self._device == "cpu" else self.value.numpy()
        shape = list(old.shape)
        shape[axis] = size
        grown = np.zeros(shape, old.dtype)
        kept = (slice(None),) * axis + (slice(used),)
        grown[kept] = old[kept]
        self._place(grown)

    def _place(self, array: Array) -> None:
        on_cpu = self._device == "cpu"
        self.value = ort.OrtValue.ortvalue_from_numpy(array, *(() if on_cpu else (self._device, 0)))
        self._array = array if on_cpu else np.empty(0, array.dtype)  # the value uses this memory on a CPU


class Binding:
    """What a graph reads and writes, by the names of its inputs and outputs. For one thread at a time."""

    def __init__(
        self, binding: ort.IOBinding, device: str, execute: Callable[[ort.IOBinding, ort.RunOptions, Run], None]
    ) -> None:
        self._binding = binding
        self._execute = execute
        self._settings, self._cancellation = ort.RunOptions(), Cancellation()  # of the last run
        self._arrays: dict[str, Array] = {}  # held, since the binding only knows where they lie
        self._places: dict[str, int] = {}
        self.device = device

    def buffer(self, shape: Sequence[int], dtype: np.dtype[Any]) -> Buffer:
        """Zeros on the device that the graph runs on."""
        return Buffer(shape, dtype, self.device)

    def read(self, name: str, array: Array) -> None:
        """Feed an array of this machine's memory, C-contiguous. Where its numbers change: :meth:`refresh`."""
        self._arrays[name] = array
        self._places[name] = array.ctypes.data
        self.cut(name, array.shape)

    def cut(self, name: str, shape: Sequence[int]) -> None:
        """Feed the first numbers of the array that is fed, in this shape. Raises ValueError where there are too few.

        Asking numpy for their place each time would take a two-hundredth of the time in which a small model writes a
        token.
        """
        array = self._arrays[name]
        if math.prod(shape) > array.size:
            raise ValueError(f"{name} has {array.size} numbers, too few for {tuple(shape)}")
        self._binding.bind_input(name, "cpu", 0, array.dtype, shape, self._places[name])

    def refresh(self, name: str) -> None:
        """Say again that an array is fed, after its numbers changed: a device other than the CPU has a copy of it."""
        if self.device != "cpu":
            self.read(name, self._arrays[name])

    def write(self, name: str, array: Array) -> None:
        """Have an output written to an array of this machine's memory, C-contiguous, of the output's very shape."""
        self._arrays[name] = array
        self._binding.bind_output(name, "cpu", 0, array.dtype, array.shape, array.ctypes.data)

    def share(self, name_in: str, name_out: str, buffer: Buffer) -> None:
        """Have one buffer read and written in place."""
        self._binding.bind_ortvalue_input(name_in, buffer.value)
        self._binding.bind_ortvalue_output(name_out, buffer.value)

    def run(self, run: Run) -> None:
        """Run the graph over what is bound. Times, errors and cancelling are those of ``Session.run``.

        A cancellation is listened to once, and not anew in each step of a text: that took a two-hundredth of its
        time.
        """
        if run.cancellation is not self._cancellation:
            self._settings, stop = stoppable()
            self._cancellation = run.cancellation
            run.cancellation.on_request(stop)
        self._execute(self._binding, self._settings, run)


def stoppable() -> tuple[ort.RunOptions, Callable[[], None]]:
    """Settings of a run, and what ends it between two nodes, from any thread."""
    settings = ort.RunOptions()
    settings.add_run_config_entry(*NO_RECORDED_GRAPH)

    def stop() -> None:
        settings.terminate = True

    return settings, stop
