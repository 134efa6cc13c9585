"""Asking the tracker to catch up."""

import os
import socket
import stat
import threading
import time
from pathlib import Path

import pytest

from engine.system.host.places import Places
from engine.system.journal import barrier


@pytest.fixture
def places(tmp_path: Path) -> Places:
    state = tmp_path / ("deep" * 20) / ("down" * 20)  # longer than a socket's address may be
    state.mkdir(parents=True)
    return Places(root=tmp_path, state=state)


def asking(places: Places, answers: list[bool], seconds: float = 10.0) -> threading.Thread:
    thread = threading.Thread(target=lambda: answers.append(barrier.synchronize(places, seconds)))
    thread.start()
    return thread


def asked(server: socket.socket) -> socket.socket:
    """The next question."""
    while True:
        for client in barrier.questions(server):
            return client
        time.sleep(0.002)


def test_a_question_is_answered_no_earlier_than_it_is(places: Places) -> None:
    answers: list[bool] = []
    with barrier.listening(places) as server:
        assert barrier.questions(server) == []
        thread = asking(places, answers)
        client = asked(server)
        thread.join(0.05)
        assert answers == []
        barrier.answer(client)
        thread.join()
    assert answers == [True]


def test_many_may_wait(places: Places) -> None:
    """A question that is refused at once would cost its run a full pass."""
    answers: list[bool] = []
    with barrier.listening(places) as server:
        threads = [asking(places, answers) for _ in range(40)]
        left = 40
        while left:
            for client in barrier.questions(server):
                barrier.answer(client)
                left -= 1
        for thread in threads:
            thread.join()
    assert answers == [True] * 40


def test_nobody_there_is_no(places: Places, tmp_path: Path) -> None:
    assert not barrier.synchronize(places, 5)
    assert not barrier.synchronize(Places(root=tmp_path / "nowhere"), 5)
    with barrier.listening(places):
        pass
    assert not (places.state_dir / barrier.NAME).exists()
    assert not barrier.synchronize(places, 5)


def test_a_socket_that_a_killed_tracker_left_is_no_and_in_nobodys_way(places: Places) -> None:
    listening = barrier.listening(places)
    listening.__enter__().close()
    assert (places.state_dir / barrier.NAME).exists()
    assert not barrier.synchronize(places, 5)
    with barrier.listening(places) as server:
        answers: list[bool] = []
        thread = asking(places, answers)
        barrier.answer(asked(server))
        thread.join()
        assert answers == [True]


@pytest.mark.parametrize("ends", [False, True])
def test_no_answer_in_time_is_no(places: Places, ends: bool) -> None:
    answers: list[bool] = []
    with barrier.listening(places) as server:
        thread = asking(places, answers, 0.2)
        client = asked(server)
        if ends:
            client.close()
        thread.join()
        assert answers == [False]
        barrier.answer(client)  # who asked has gone: nothing happens


def test_only_its_owner_may_ask(places: Places) -> None:
    before = os.umask(0)
    try:
        with barrier.listening(places):
            mode = (places.state_dir / barrier.NAME).stat().st_mode
            assert os.umask(0) == 0, "the umask is as it was"
    finally:
        os.umask(before)
    assert stat.S_IMODE(mode) == 0o600
