"""Items abreast: each item's steps in order, and never more copies at a time than asked for."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.steps.generations import CompleteGeneration, CopyGeneration, StageGeneration
from engine.steps.model import Step
from engine.steps.modes import Mode, ModeChoice
from engine.system.host.process import Command, complete, start
from engine.system.passes.abreast import Copying, carry_out, feed_of
from engine.system.passes.transfers import Started
from tests.generations import HIST, NAME

CHOICE = ModeChoice(mode=Mode.FULL, reason="")


def item(feed: str, *argv: str) -> list[Step]:
    """The steps of one item whose copy is a command."""
    copy = CopyGeneration(
        feed=feed, argv=tuple(os.fsencode(word) for word in argv), still=(), target=HIST
    )
    named = CompleteGeneration(
        feed=feed, target=HIST, name=NAME, kept=(), file_system="", mounts=()
    )
    return [StageGeneration(feed=feed, choice=CHOICE, target=HIST), copy, named]


@dataclass
class Doing:
    """Writes down what is done."""

    stopped: set[str] = field(default_factory=set)
    breaks: str = ""
    done: list[tuple[str, str]] = field(default_factory=list)
    most: int = 0
    processes: list[int] = field(default_factory=list)
    _copying: int = 0

    def one(self, step: Step) -> None:
        self.done.append((feed_of(step) or "", type(step).__name__))

    def begin(self, step: Copying) -> Started | None:
        assert isinstance(step, CopyGeneration)
        if step.feed in self.stopped:
            return None
        self.done.append((step.feed, "begin"))
        running = start(Command(argv=step.argv, timeout=60))
        self.processes.append(running.child.pid)
        self._copying += 1
        self.most = max(self.most, self._copying)
        return Started(feed=step.feed, running=running, own_limit=False)

    def end(self, step: Copying, started: Started) -> None:
        self._copying -= 1
        self.done.append((step.feed, "end"))
        complete(started.running)
        if step.feed == self.breaks:
            raise RuntimeError("it breaks")

    def of(self, feed: str) -> list[str]:
        return [what for name, what in self.done if name == feed]


WHOLE = ["StageGeneration", "begin", "end", "CompleteGeneration"]


@settings(max_examples=20, deadline=None)
@given(
    delays=st.lists(st.sampled_from(["0", "0.02", "0.05"]), max_size=6), at_once=st.integers(1, 4)
)
def test_each_item_has_its_steps_in_order(delays: Sequence[str], at_once: int) -> None:
    doing = Doing()
    items = [item(f"item-{number}", "sleep", one) for number, one in enumerate(delays)]
    carry_out([step for one in items for step in one], doing, at_once)
    assert all(doing.of(f"item-{number}") == WHOLE for number in range(len(delays)))
    assert doing.most == min(at_once, len(delays))


def test_one_at_a_time_is_one_after_the_other() -> None:
    doing = Doing()
    carry_out([*item("a", "true"), *item("b", "true")], doing, 1)
    assert doing.done == [("a", what) for what in WHOLE] + [("b", what) for what in WHOLE]


def test_a_quick_item_does_not_wait_for_a_slow_one(tmp_path: Path) -> None:
    """The slow one ends only once the quick ones are complete."""
    done = tmp_path / "done"
    slow = ["sh", "-c", 'until [ -e "$1" ]; do sleep 0.02; done', "sh", str(done)]

    @dataclass
    class Telling(Doing):
        def one(self, step: Step) -> None:
            super().one(step)
            if self.done[-1] == ("c", "CompleteGeneration"):
                done.touch()

    doing = Telling()
    carry_out([*item("a", *slow), *item("b", "true"), *item("c", "true")], doing, 2)
    assert doing.done[-1] == ("a", "CompleteGeneration")


def test_an_item_that_has_stopped_keeps_no_place() -> None:
    doing = Doing(stopped={"a"})
    carry_out([*item("a", "true"), *item("b", "true")], doing, 1)
    assert doing.of("a") == ["StageGeneration", "CompleteGeneration"]
    assert doing.of("b") == WHOLE


def test_whatever_ends_it_ends_all_that_it_has_started() -> None:
    doing = Doing(breaks="b")
    began = time.monotonic()
    with pytest.raises(RuntimeError, match="it breaks"):
        carry_out([*item("a", "sleep", "60"), *item("b", "true"), *item("c", "true")], doing, 2)
    assert time.monotonic() - began < 20
    assert doing.of("c") == []
    for process in doing.processes:
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)


def test_much_output_of_one_holds_up_no_other() -> None:
    """More than a pipe holds: each is read while the others run."""
    doing = Doing()
    noisy = ["sh", "-c", "yes | head -c 500000; yes | head -c 500000 >&2"]
    carry_out([step for name in "abc" for step in item(name, *noisy)], doing, 3)
    assert doing.most == 3
    assert all(doing.of(name) == WHOLE for name in "abc")


def test_a_step_has_its_feed() -> None:
    first, *_ = item("a", "true")
    assert feed_of(first) == "a"
    assert isinstance(first, StageGeneration)
    assert feed_of(replace(first, feed="b")) == "b"
