"""Audio processes with a fake device, and something for them to hear."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.audio.fake_device import fake_command
from workbench.audio.host import AudioHost, Recording
from workbench.cancellation import Cancellation

RATE_HZ = 16_000
PATIENCE_S = 20.0


class Watch:
    """Remembers the calls, and lets a test wait for what it wants to see."""

    def __init__(self) -> None:
        self.seen: list[tuple[Any, ...]] = []
        self._changed = threading.Condition()

    def __call__(self, *what: Any) -> None:
        with self._changed:
            self.seen.append(what)
            self._changed.notify_all()

    def wait_until(self, enough: Callable[[tuple[Any, ...]], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: any(enough(what) for what in self.seen), PATIENCE_S), self.seen[-3:]

    def wait_for_second(self, second: float) -> None:
        """Until a recording has that many, or the loudspeaker is there."""
        self.wait_until(lambda what: what[0] >= second)


class Running:
    """A recording in a thread of its own."""

    def __init__(self, host: AudioHost, path: Path | None, **more: Any) -> None:
        self.stop = Cancellation()
        self.cancellation = Cancellation()
        self.levels = Watch()
        self._pool = ThreadPoolExecutor(1)
        more = {"on_level": self.levels, "cancellation": self.cancellation} | more
        self._future: Future[Recording] = self._pool.submit(lambda: host.record(path, stop=self.stop, **more))

    def result(self) -> Recording:
        try:
            return self._future.result(PATIENCE_S)
        finally:
            self._pool.shutdown()


@pytest.fixture
def make_host() -> Iterator[Callable[..., AudioHost]]:
    """Makes hosts of fake audio processes: (sound, **options of the fake device)."""
    hosts: list[AudioHost] = []

    def make(sound: Path | None = None, **options: Any) -> AudioHost:
        hosts.append(AudioHost(fake_command(sound, **options)))
        return hosts[-1]

    yield make
    for host in hosts:
        host.close()


@pytest.fixture
def noise() -> Any:
    """Ten seconds, int16, no two stretches alike and none of them silent."""
    return np.random.default_rng(5).integers(-8000, 8000, 10 * RATE_HZ, dtype=np.int16)


@pytest.fixture
def noise_wav(tmp_path: Path, noise: Any) -> Path:
    soundfile.write(tmp_path / "noise.wav", noise, RATE_HZ)
    return tmp_path / "noise.wav"
