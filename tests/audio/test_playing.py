"""Playing through the audio process, with a file as the loudspeaker: what is heard, when, and what no longer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from tests.audio.conftest import PATIENCE_S, RATE_HZ, Running, Watch
from workbench.audio import host as host_module
from workbench.audio.host import AudioHost, Block
from workbench.cancellation import Cancellation
from workbench.errors import AudioError, Cancelled
from workbench.wire import Buffer

MakeHost = Callable[..., AudioHost]


def blocks_of(samples: Any, block_s: float = 0.5, rate_hz: int = RATE_HZ) -> list[Block]:
    step = int(block_s * rate_hz)
    return [
        Block(Buffer.of(samples[at : at + step]), rate_hz, at / rate_hz)
        for at in range(0, len(samples), step)
    ]  # fmt: skip


def heard(path: Path) -> Any:
    """What came out of the loudspeaker, without the silence before and after it."""
    samples = np.fromfile(path, dtype=np.int16)
    sounding = np.flatnonzero(samples)
    return samples[sounding[0] : sounding[-1] + 1]


def playing(host: AudioHost, blocks: Any, **more: Any) -> tuple[ThreadPoolExecutor, Any]:
    pool = ThreadPoolExecutor(1)
    return pool, pool.submit(lambda: host.play(blocks, **more))


@pytest.fixture
def played(tmp_path: Path) -> Path:
    return tmp_path / "played"


class TestWhatIsHeard:
    def test_blocks_follow_each_other_without_a_gap(self, make_host: MakeHost, noise: Any, played: Path) -> None:
        samples = noise[: 2 * RATE_HZ] | 1  # none of them is silence
        make_host(played=played, speed=2).play(blocks_of(samples))
        np.testing.assert_array_equal(heard(played), samples)

    def test_floats_are_heard_as_what_they_are(self, make_host: MakeHost, played: Path) -> None:
        samples = np.array([0.5, -0.5, 1.5, -1.5, np.nan, 0.25], np.float32)
        make_host(played=played).play([Block(Buffer.of(samples), RATE_HZ, 0.0)])
        assert heard(played).tolist() == [16_384, -16_384, 32_767, -32_768, 0, 8192]

    def test_another_rate_follows_in_a_stream_of_its_own(self, make_host: MakeHost, noise: Any, played: Path) -> None:
        first, second = noise[:4000] | 1, noise[4000:12_000] | 1
        make_host(played=played, speed=5).play([*blocks_of(first), *blocks_of(second, rate_hz=8000)])
        got = heard(played)
        np.testing.assert_array_equal(got[:4000], first)
        np.testing.assert_array_equal(got[-8000:], second)

    def test_a_device_with_a_rate_of_its_own_gets_that(self, make_host: MakeHost, played: Path) -> None:
        tone = (8000 * np.sin(2 * np.pi * 440 * np.arange(RATE_HZ) / RATE_HZ)).astype(np.int16)
        make_host(played=played, output_rate=48_000, speed=2).play(blocks_of(tone, 0.25))
        got = heard(played)
        assert len(got) == pytest.approx(48_000, abs=500)
        wanted = 8000 * np.sin(2 * np.pi * 440 * np.arange(len(got)) / 48_000)
        middle = slice(2000, 46_000)  # no seam at any joint
        shift = int(np.flatnonzero(np.fromfile(played, dtype=np.int16))[0])
        assert shift < 48_000
        error = min(np.abs(got[middle] - np.roll(wanted, late)[middle]).max() for late in range(-3, 4))
        assert error < 300

    def test_nothing_to_play_is_played_at_once(self, make_host: MakeHost, played: Path) -> None:
        host = make_host(played=played)
        host.play([])
        host.play([Block(Buffer.of(np.zeros(0, np.int16)), RATE_HZ, 0.0)])
        assert not played.exists() or not np.fromfile(played, np.int16).any()


class TestPosition:
    def test_positions_run_from_the_first_sample_to_the_last(self, make_host: MakeHost, noise: Any) -> None:
        watch = Watch()
        blocks = [Block(block.samples, RATE_HZ, 7.0 + block.at_s) for block in blocks_of(noise[: RATE_HZ])]  # fmt: skip
        make_host().play(blocks, on_position=watch)
        positions = [at for (at,) in watch.seen]
        assert positions == sorted(positions)
        assert 7.0 <= positions[0] < 7.2
        assert 7.8 < positions[-1] <= 8.0
        assert 10 <= len(positions) <= 25

    def test_blocks_are_asked_for_as_they_are_needed(self, make_host: MakeHost, noise: Any) -> None:
        asked: list[float] = []
        ahead: list[float] = []

        def blocks() -> Iterator[Block]:
            for block in blocks_of(noise[: 2 * RATE_HZ], 0.25):
                asked.append(block.at_s)
                yield block

        make_host(speed=2).play(blocks(), on_position=lambda at: ahead.append(asked[-1] - at))
        assert len(asked) == 8
        assert max(ahead) <= 0.5 + 0.1


class TestHowItEnds:
    def test_a_cancel_is_silence_at_once(self, make_host: MakeHost, noise: Any, played: Path) -> None:
        host, watch, cancellation = make_host(played=played), Watch(), Cancellation()
        pool, future = playing(host, blocks_of(noise, 5.0), on_position=watch, cancellation=cancellation)
        with pool:
            watch.wait_for_second(0.2)
            cancellation.cancel()
            with pytest.raises(Cancelled):
                future.result(PATIENCE_S)
        host.play([Block(Buffer.of(np.full(10, 9999, np.int16)), RATE_HZ, 0.0)])
        got = heard(played)
        before = got[: np.flatnonzero(got == 9999)[0]]
        before = before[: np.flatnonzero(before)[-1] + 1]
        np.testing.assert_array_equal(before, noise[: len(before)])
        assert 0.2 * RATE_HZ < len(before) < 2 * RATE_HZ

    def test_a_cancel_before_it_began(self, make_host: MakeHost, noise: Any, played: Path) -> None:
        cancellation = Cancellation()
        cancellation.cancel()
        with pytest.raises(Cancelled):
            make_host(played=played).play(blocks_of(noise), cancellation=cancellation)
        assert not played.exists()

    def test_an_error_of_who_makes_the_blocks_reaches_the_caller(self, make_host: MakeHost, noise: Any) -> None:
        def blocks() -> Iterator[Block]:
            yield blocks_of(noise)[0]
            raise OSError("the file is gone")

        host = make_host()
        with pytest.raises(OSError, match="the file is gone"):
            host.play(blocks())
        host.play(blocks_of(noise[:100]))

    def test_an_unplugged_device(self, make_host: MakeHost, noise: Any) -> None:
        with pytest.raises(AudioError) as caught:
            make_host(unplug_after=0.3, speed=5).play(blocks_of(noise))
        assert caught.value.code == "audio-output-gone"
        assert caught.value.arguments == {"device": "Speaker"}

    def test_a_process_that_dies(self, make_host: MakeHost, noise: Any) -> None:
        host, watch = make_host(), Watch()
        pool, future = playing(host, blocks_of(noise), on_position=watch)
        with pool:
            watch.wait_for_second(0.1)
            assert host.pid
            psutil.Process(host.pid).kill()
            with pytest.raises(AudioError) as caught:
                future.result(PATIENCE_S)
        assert caught.value.code == "audio-stopped"
        host.play(blocks_of(noise[:100]))

    def test_a_device_that_hangs(self, make_host: MakeHost, noise: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(host_module, "BEGIN_TIMEOUT_S", 0.5)
        host = make_host(hang="play")
        host.start()
        pid = host.pid
        with pytest.raises(AudioError) as caught:
            host.play(blocks_of(noise))
        assert caught.value.code == "audio-not-responding"
        assert pid
        assert not psutil.pid_exists(pid)

    @pytest.mark.parametrize(
        ("options", "device", "code"),
        [
            ({"no_loudspeaker": True}, None, "audio-no-loudspeaker"),
            ({}, "Fake/No such thing", "audio-device-unknown"),
            ({"busy": True}, None, "audio-not-opened"),
            ({"no_library": True}, None, "audio-no-library"),
        ],
    )
    def test_no_device(
        self, make_host: MakeHost, noise: Any, options: dict[str, Any], device: str | None, code: str
    ) -> None:
        with pytest.raises(AudioError) as caught:
            make_host(**options).play(blocks_of(noise), device)
        assert caught.value.code == code

    @pytest.mark.parametrize(
        ("samples", "rate_hz"),
        [
            (np.zeros((2, 2), np.int16), RATE_HZ),
            (np.zeros(2, np.float64), RATE_HZ),
            (np.zeros(2, np.int16), 10),
        ],
    )
    def test_what_is_no_sound(self, make_host: MakeHost, samples: Any, rate_hz: int) -> None:
        with pytest.raises(AudioError) as caught:
            make_host().play([Block(Buffer.of(samples), rate_hz, 0.0)])
        assert caught.value.code == "audio-bad-samples"


class TestBesideOthers:
    def test_a_second_sound_waits_until_the_first_was_heard(
        self, make_host: MakeHost, noise: Any, played: Path
    ) -> None:
        host, watch = make_host(played=played, speed=4), Watch()
        first, second = noise[:RATE_HZ] | 1, noise[RATE_HZ : 2 * RATE_HZ] | 1
        pool, future = playing(host, blocks_of(first), on_position=watch)
        with pool:
            watch.wait_for_second(0.1)
            host.play(blocks_of(second))
            future.result(PATIENCE_S)
        got = heard(played)
        np.testing.assert_array_equal(got[:RATE_HZ], first)
        np.testing.assert_array_equal(got[-RATE_HZ:], second)

    def test_who_waits_can_be_cancelled(self, make_host: MakeHost, noise: Any) -> None:
        host, watch, first, second = make_host(), Watch(), Cancellation(), Cancellation()
        pool, future = playing(host, blocks_of(noise), on_position=watch, cancellation=first)
        with pool:
            watch.wait_for_second(0.05)
            threading.Timer(0.05, second.cancel).start()
            with pytest.raises(Cancelled):
                host.play(blocks_of(noise), cancellation=second)
            assert not future.done()
            first.cancel()
            with pytest.raises(Cancelled):
                future.result(PATIENCE_S)

    def test_recording_goes_on_while_something_is_played(
        self, make_host: MakeHost, noise_wav: Path, noise: Any, tmp_path: Path, played: Path
    ) -> None:
        host = make_host(noise_wav, played=played, speed=5)
        running = Running(host, tmp_path / "kept.wav")
        running.levels.wait_for_second(0.1)
        host.play(blocks_of(noise[:RATE_HZ] | 1))
        running.stop.cancel()
        assert running.result().duration_s >= 1.0
        np.testing.assert_array_equal(heard(played), noise[:RATE_HZ] | 1)
