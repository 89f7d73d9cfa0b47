from __future__ import annotations

import threading

import pytest

from workbench.cancellation import Cancellation
from workbench.errors import Cancelled


def test_nothing_is_asked_for_at_first() -> None:
    cancellation = Cancellation()
    cancellation.check()
    assert not cancellation.requested


def test_check_raises_once_it_was_asked_for() -> None:
    cancellation = Cancellation()
    cancellation.cancel()
    assert cancellation.requested
    with pytest.raises(Cancelled):
        cancellation.check()


def test_callbacks_are_called_in_their_order_and_once() -> None:
    cancellation, calls = Cancellation(), list[str]()
    with cancellation.calling(lambda: calls.append("a")), cancellation.calling(lambda: calls.append("b")):
        cancellation.cancel()
        cancellation.cancel()
        assert calls == ["a", "b"]
    assert calls == ["a", "b"]


def test_a_callback_is_forgotten_after_its_block() -> None:
    cancellation, calls = Cancellation(), list[str]()
    with cancellation.calling(lambda: calls.append("a")):
        pass
    with pytest.raises(ValueError, match="stop"), cancellation.calling(lambda: calls.append("b")):
        raise ValueError("stop")
    cancellation.cancel()
    assert calls == []


def test_a_callback_that_comes_too_late_is_called_at_once() -> None:
    cancellation, calls = Cancellation(), list[str]()
    cancellation.cancel()
    with cancellation.calling(lambda: calls.append("a")):
        assert calls == ["a"]


def test_the_same_callback_in_two_blocks_is_forgotten_once_for_each() -> None:
    cancellation, calls = Cancellation(), list[str]()

    def callback() -> None:
        calls.append("a")

    with cancellation.calling(callback):
        with cancellation.calling(callback):
            pass
        cancellation.cancel()
    assert calls == ["a"]


def test_a_callback_may_cancel_and_register_itself() -> None:
    # The lock is not held while callbacks run.
    cancellation, calls = Cancellation(), list[str]()

    def callback() -> None:
        cancellation.cancel()
        with cancellation.calling(lambda: calls.append("inner")):
            calls.append("outer")

    with cancellation.calling(callback):
        cancellation.cancel()
    assert calls == ["inner", "outer"]


def test_of_many_threads_that_cancel_one_calls_back() -> None:
    cancellation, calls = Cancellation(), list[str]()
    together = threading.Barrier(8)

    def cancel() -> None:
        together.wait()
        cancellation.cancel()

    with cancellation.calling(lambda: calls.append("a")):
        threads = [threading.Thread(target=cancel) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert calls == ["a"]
