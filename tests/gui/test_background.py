"""Jobs beside the GUI thread: each ends once, in order, and none stalls the window."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from tests.gui.heartbeat import Heartbeat, beating, freest
from workbench.errors import Cancelled
from workbench.gui.background import Background, Job


class Heard:
    """Counts how jobs ended, and in which thread that was told."""

    def __init__(self) -> None:
        self.said: list[Any] = []
        self.threads: set[threading.Thread] = set()

    def __call__(self, *what: Any) -> None:
        self.said.append(what)
        self.threads.add(threading.current_thread())


def test_a_result_comes_in_the_gui_thread(background: Background, qtbot: QtBot) -> None:
    heard = Heard()
    background.start(lambda job: threading.current_thread(), done=heard)
    qtbot.waitUntil(lambda: heard.said != [])
    assert heard.said[0][0] is not threading.main_thread()
    assert heard.threads == {threading.main_thread()}


def test_a_failure_is_told_and_no_result(background: Background, qtbot: QtBot) -> None:
    done, failed = Heard(), Heard()

    def work(job: Job) -> None:
        raise ValueError("no")

    background.start(work, done=done, failed=failed)
    qtbot.waitUntil(lambda: failed.said != [])
    assert done.said == []
    assert str(failed.said[0][0]) == "no"


def test_a_failure_that_nobody_takes_is_not_lost(
    background: Background, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = Heard()
    monkeypatch.setattr("sys.excepthook", seen)

    def work(job: Job) -> None:
        raise ValueError("nobody")

    background.start(work)
    qtbot.waitUntil(lambda: seen.said != [])
    assert seen.said[0][0] is ValueError


def test_a_cancelled_job_says_only_that(background: Background, qtbot: QtBot) -> None:
    begun, done, failed, cancelled = threading.Event(), Heard(), Heard(), Heard()

    def work(job: Job) -> None:
        begun.set()
        stop = threading.Event()
        with job.cancellation.calling(stop.set):
            stop.wait(10)
        job.cancellation.check()

    job = background.start(work, done=done, failed=failed, cancelled=cancelled)
    assert begun.wait(5)
    job.cancel()
    qtbot.waitUntil(lambda: cancelled.said != [])
    assert (done.said, failed.said) == ([], [])
    assert job.ended
    assert background.jobs == frozenset()


def test_what_a_job_tells_comes_before_its_end_and_in_order(background: Background, qtbot: QtBot) -> None:
    heard = Heard()

    def work(job: Job) -> str:
        for number in range(1000):
            job.tell(heard, number)
        return "end"

    background.start(work, done=heard)
    qtbot.waitUntil(lambda: ("end",) in heard.said)
    assert heard.said == [*((number,) for number in range(1000)), ("end",)]


def test_a_flood_of_events_does_not_stall_the_window(background: Background, qtbot: QtBot) -> None:
    """Each of 20,000 events takes a tenth of a millisecond: two seconds of work that a timer must get through."""

    def slow(number: int) -> None:
        until = time.perf_counter() + 0.0001
        while time.perf_counter() < until:
            pass

    def work(job: Job) -> None:
        for number in range(20_000):
            job.tell(slow, number)

    def flood() -> Heartbeat:
        heard = Heard()
        with beating() as heart:
            background.start(work, done=heard)
            qtbot.waitUntil(lambda: heard.said != [], timeout=20_000)
        return heart

    assert freest(flood, 0.1).longest_s < 0.1


def test_jobs_of_one_lane_do_not_overlap_and_others_do(background: Background, qtbot: QtBot) -> None:
    inside, most, heard = [0], [0], Heard()
    both = threading.Barrier(2)

    def alone(job: Job) -> None:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        inside[0] -= 1

    for _ in range(20):
        background.start(alone, done=heard, lane="one")
    background.start(lambda job: both.wait(5), done=heard)  # each of these two waits for the other
    background.start(lambda job: both.wait(5), done=heard)
    qtbot.waitUntil(lambda: len(heard.said) == 22)
    assert most[0] == 1


def test_closing_cancels_what_runs_and_tells_nothing_more(qapp: Any) -> None:
    background, heard, begun = Background(), Heard(), threading.Event()

    def work(job: Job) -> None:
        begun.set()
        stop = threading.Event()
        with job.cancellation.calling(stop.set):
            stop.wait(10)
        raise Cancelled

    background.start(work, cancelled=heard)
    assert begun.wait(5)
    background.close()
    qapp.processEvents()
    assert heard.said == []
