"""Earliest start and latest end of each run: by hand, and against a simulated queue."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.schedule.calendars import REFERENCE_START
from engine.schedule.timeline import Runs, Timeline, disk_of
from policy.model import Policy
from tests.strategies import REFERENCE, Manifest, manifest, policy_of

HOUR, DAY = 3600, 86_400


def mirrors(zone: str = "UTC", /, **legs: Any) -> Manifest:
    """Mirror legs, each of a tree of its own, all to one disk where they name no other."""
    return manifest(
        timezone=zone,
        sources={f"t-{name}": {"kind": "tree", "path": f"/srv/{name}"} for name in legs},
        destinations={
            name: {"path": f"/mnt/{name}", "media": "hdd", "site": "home"}
            for name in ("disk", "other")
        },
        legs={
            name: {"kind": "mirror", "from": f"t-{name}", "to": f"disk:/{name}", **leg}
            for name, leg in legs.items()
        },
        routes=None,
    )


def timeline_of(content: Manifest) -> Timeline:
    return Timeline(policy_of(content))


def runs_of(content: Manifest, leg: str) -> Runs:
    runs = timeline_of(content).of(leg)
    assert runs is not None
    return runs


def clock(moment: int, zone: str = "UTC") -> str:
    return datetime.fromtimestamp(moment, ZoneInfo(zone)).strftime("%H:%M")


def times(runs: Runs, at: int = 40, zone: str = "UTC") -> tuple[str, str, str, str]:
    """Due, earliest start, latest start and latest end of one run in winter."""
    return (
        clock(runs.due[at], zone),
        clock(runs.earliest[at], zone),
        clock(runs.start[at], zone),
        clock(runs.end[at], zone),
    )


class TestByHand:
    """Each run's earliest start and latest end, from calendar, delay, waits and limits."""

    def test_alone(self) -> None:
        runs = runs_of(mirrors(a={"schedule": "02:00", "timeout": "3h"}), "a")
        assert times(runs) == ("02:00", "02:00", "02:00", "05:00")
        assert runs.longest_wait == 0
        assert runs.allowed_age(0) == 27 * HOUR

    def test_by_hand_only(self) -> None:
        assert timeline_of(mirrors(a={})).of("a") is None
        assert timeline_of(mirrors(a={})).of("nobody") is None

    def test_an_hour_where_no_limit_is_given(self) -> None:
        assert times(runs_of(mirrors(a={"schedule": "02:00"}), "a"))[3] == "03:00"

    def test_a_random_delay(self) -> None:
        content = mirrors(a={"schedule": "02:00", "timeout": "1h", "random_delay": "15m"})
        assert times(runs_of(content, "a")) == ("02:00", "02:00", "02:15", "03:15")

    def test_one_that_is_due_before_on_the_same_disk(self) -> None:
        content = mirrors(
            a={"schedule": "02:00", "timeout": "5h"}, b={"schedule": "05:00", "timeout": "1h"}
        )
        assert times(runs_of(content, "b")) == ("05:00", "05:00", "07:00", "08:00")
        assert times(runs_of(content, "a")) == ("02:00", "02:00", "02:00", "07:00")

    def test_another_disk_does_not_matter(self) -> None:
        content = mirrors(
            a={"schedule": "02:00", "timeout": "5h"},
            b={"schedule": "05:00", "timeout": "1h", "to": "other:/b"},
        )
        assert times(runs_of(content, "b")) == ("05:00", "05:00", "05:00", "06:00")

    def test_due_together_any_of_them_may_be_the_last(self) -> None:
        # Two timers never fire at the very same instant: who comes first takes a free disk.
        legs = {name: {"schedule": "02:00", "timeout": "1h"} for name in ("c", "a", "b")}
        content = mirrors(**legs)
        assert [times(runs_of(content, name))[2] for name in "abc"] == ["04:00", "04:00", "04:00"]

    def test_its_own_run_before_may_hold_up_the_queue(self) -> None:
        content = mirrors(
            a={"schedule": "02:00", "timeout": "2h"}, b={"schedule": "00/6:00", "timeout": "5h"}
        )
        runs = runs_of(content, "b")
        six = next(at for at, due in enumerate(runs.due) if at > 40 and clock(due) == "06:00")
        # The run of 00:00 until 05:00, then a until 07:00.
        assert times(runs, six) == ("06:00", "06:00", "07:00", "12:00")

    def test_a_late_starter_of_the_same_time_may_be_overtaken(self) -> None:
        content = mirrors(
            a={"schedule": "02:00", "timeout": "1h", "random_delay": "10m"},
            b={"schedule": "02:00", "timeout": "2h"},
        )
        # b may begin at 02:00, while a still sits out its delay.
        assert times(runs_of(content, "a")) == ("02:00", "02:00", "04:00", "05:00")

    def test_after_waits_for_the_limit_of_the_other(self) -> None:
        content = mirrors(
            a={"schedule": "02:00", "timeout": "5h"},
            b={"schedule": "05:00", "timeout": "1h", "after": ["a"], "to": "other:/b"},
        )
        assert times(runs_of(content, "b")) == ("05:00", "05:00", "07:00", "08:00")

    def test_after_one_that_comes_later_waits_for_the_run_before(self) -> None:
        content = mirrors(
            a={"schedule": "06:00", "timeout": "1h"},
            b={"schedule": "05:00", "timeout": "1h", "after": ["a"], "to": "other:/b"},
        )
        assert times(runs_of(content, "b")) == ("05:00", "05:00", "05:00", "06:00")

    def test_after_a_leg_that_runs_by_hand_waits_for_nobody(self) -> None:
        content = mirrors(
            a={}, b={"schedule": "05:00", "timeout": "1h", "after": ["a"], "to": "other:/b"}
        )
        assert times(runs_of(content, "b")) == ("05:00", "05:00", "05:00", "06:00")

    def test_each_wait_adds_up_along_a_row(self) -> None:
        content = mirrors(
            a={"schedule": "02:00", "timeout": "2h"},
            b={"schedule": "02:00", "timeout": "2h", "after": ["a"]},
            c={"schedule": "02:00", "timeout": "2h", "after": ["b"]},
        )
        assert times(runs_of(content, "c")) == ("02:00", "02:00", "06:00", "08:00")
        assert times(runs_of(content, "b")) == ("02:00", "02:00", "04:00", "06:00")

    def test_a_row_over_a_weekly_leg_holds_on_that_day_only(self) -> None:
        content = mirrors(
            a={"schedule": "05:00", "timeout": "1h", "random_delay": "1h"},
            b={"schedule": "Sun 05:10", "timeout": "10m", "after": ["a"], "to": "other:/b"},
            c={"schedule": "05:30", "timeout": "3h", "after": ["b"]},
        )
        runs = runs_of(content, "a")
        monday = next(
            at
            for at, due in enumerate(runs.due)
            if at > 30 and datetime.fromtimestamp(due, UTC).weekday() == 0
        )
        # On a Monday b does not run: c begins at 05:30, and a may find the disk taken until 08:30.
        assert clock(runs.start[monday]) >= "08:30"

    def test_the_day_when_clocks_go_back_has_25_hours(self) -> None:
        runs = runs_of(mirrors("Europe/Sofia", a={"schedule": "02:00", "timeout": "3h"}), "a")
        assert runs.allowed_age(0) == 28 * HOUR

    def test_a_run_that_comes_after_this_one_by_its_own_words_is_not_in_its_way(self) -> None:
        content = mirrors(
            a={"schedule": "02:00", "timeout": "1h", "random_delay": "1h"},
            b={"schedule": "02:30", "timeout": "3h", "after": ["a"]},
            c={"schedule": "02:30", "timeout": "10m", "random_delay": "1h"},
        )
        # At worst c comes first, which is due in the hour of a's delay; b waits for a.
        assert times(runs_of(content, "a")) == ("02:00", "02:00", "03:10", "04:10")

    def test_its_own_run_before_has_ended_when_it_is_due(self) -> None:
        content = mirrors(
            a={"schedule": ["02:00", "03:00"], "timeout": "3h"},
            b={"schedule": "02:30", "timeout": "1h"},
        )
        runs = runs_of(content, "a")
        three = next(at for at, due in enumerate(runs.due) if at > 40 and clock(due) == "03:00")
        assert times(runs, three) == ("03:00", "03:00", "04:00", "07:00")

    def test_who_waits_too_long_gives_up(self) -> None:
        content = mirrors(
            a={"schedule": "02:00", "timeout": "5h"},
            b={"schedule": "02:00", "timeout": "1h", "wait": "1h", "random_delay": "30m"},
        )
        runs = runs_of(content, "b")
        assert times(runs) == ("02:00", "02:00", "03:30", "04:30")
        assert runs.longest_wait == 5 * HOUR

    @pytest.mark.parametrize("limit", ["1m", "1h"])
    def test_as_many_runs_as_may_be_on_one_disk_take_seconds(self, limit: str) -> None:
        content = mirrors(**{name: {"schedule": "*:0/15", "timeout": limit} for name in "ab"})
        began = time.process_time()
        runs = runs_of(content, "a")
        assert time.process_time() - began < 20
        assert {
            start - due for start, due in zip(runs.start[200:], runs.due[200:], strict=True)
        } == ({60} if limit == "1m" else {12 * HOUR})

    def test_the_reference(self) -> None:
        from policy.parse import load

        timeline = Timeline(load(REFERENCE.read_bytes(), "r")[1])
        found = {}
        for leg in ("sda-mirror", "pvc-files", "sqlite-copies", "offsite", "synology-direct"):
            runs = timeline.of(leg)
            assert runs is not None
            at = next(  # a Monday in January: no weekly leg, no clock change
                i
                for i, due in enumerate(runs.due)
                if i > 20 and datetime.fromtimestamp(due, UTC).weekday() == 0
            )
            found[leg] = times(runs, at, "Europe/Sofia")
        # 05:00 + 10 m firewall-config + 10 m host-config, then 4 h and 1 h on the same disk.
        assert found["sda-mirror"] == ("02:00", "02:00", "02:00", "05:00")
        assert found["pvc-files"] == ("05:00", "05:00", "05:20", "09:20")
        assert found["sqlite-copies"] == ("05:00", "05:00", "09:20", "10:20")
        assert found["offsite"][0] == "06:00"
        assert found["synology-direct"][0] == "06:00"


# ── A queue played through with random durations ─────────────────────────────────────────────


@dataclass
class Job:
    leg: Any
    due: int
    eligible: int
    """When its random delay is over."""
    index: int
    started: int | None = None
    ended: int | None = None
    left_out: bool = False


@dataclass
class Queue:
    """What a machine really does: one run a leg, one leg a disk, ordered by (due, name)."""

    policy: Policy
    timeline: Timeline
    rng: random.Random
    jobs: list[Job] = field(default_factory=list)

    def play(self, begin: int, end: int) -> list[Job]:
        for leg in self.policy.legs:
            runs = self.timeline.of(leg.name)
            for index, due in enumerate(runs.due if runs else ()):
                if begin <= due < end:
                    most = leg.random_delay.seconds if leg.random_delay else 0
                    delay = self.rng.choice([0, most, self.rng.randint(0, most)])
                    self.jobs.append(Job(leg, due, due + delay, index))
        self.jobs.sort(key=lambda job: (job.due, job.leg.name))
        now = begin
        while True:
            self.settle(now)
            coming = [
                moment
                for job in self.jobs
                for moment in (job.due, job.eligible, job.ended, job.due + job.leg.wait.seconds)
                if moment is not None and moment > now
            ]
            if not coming:
                return self.jobs
            now = min(coming)

    def settle(self, now: int) -> None:
        changed = True
        while changed:
            changed = any(self.advance(job, now) for job in self.jobs)

    def advance(self, job: Job, now: int) -> bool:
        """Start the job, or give it up, if that is what happens now."""
        if job.started is not None or job.left_out or now < job.due:
            return False
        if now == job.due and any(self.busy(o, now) for o in self.before(job)):
            job.left_out, job.ended = True, now
            return True
        if now >= job.due + job.leg.wait.seconds:
            job.left_out, job.ended = True, now
            return True
        if now < job.eligible or not self.others_ended(job, now) or not self.disk_free(job, now):
            return False
        job.started = now
        limit = job.leg.limits.whole.seconds
        job.ended = now + self.rng.choice([0, limit, limit, self.rng.randint(0, limit)])
        return True

    def before(self, job: Job) -> list[Job]:
        return [o for o in self.jobs if o.leg is job.leg and o.due < job.due]

    def busy(self, job: Job, now: int) -> bool:
        return not job.left_out and (job.ended is None or job.ended > now)

    def others_ended(self, job: Job, now: int) -> bool:
        for name in job.leg.after:
            runs = [o for o in self.jobs if o.leg.name == name and o.due <= job.due]
            if runs and (runs[-1].ended is None or runs[-1].ended > now):
                return False
        return True

    def disk_free(self, job: Job, now: int) -> bool:
        """Whether its disk is free and nobody who waits at the lock comes first."""
        disk = disk_of(job.leg, self.policy)
        for other in self.jobs:
            if other is job or disk_of(other.leg, self.policy) != disk:
                continue
            if (
                other.started is not None
                and other.ended is not None
                and other.ended > now >= other.started
            ):
                return False
            waits = (
                other.started is None
                and not other.left_out
                and now >= other.eligible
                and self.others_ended(other, now)
            )
            if waits and (other.due, other.leg.name) < (job.due, job.leg.name):
                return False
        return True


@st.composite
def busy_days(draw: Callable[..., Any]) -> Manifest:
    names = draw(st.permutations(["a", "b", "c", "d", "e"]))[: draw(st.integers(2, 5))]
    legs: dict[str, dict[str, Any]] = {}
    for name in names:
        legs[name] = {
            "schedule": draw(
                st.sampled_from(
                    [
                        "02:00",
                        "02:00",
                        "02:30",
                        "05:00",
                        "06:00",
                        ["02:00", "14:00"],
                        "00/6:00",
                        "Sun 03:00",
                        "Mon,Thu 02:15",
                    ]
                )
            ),
            "timeout": draw(st.sampled_from(["10m", "30m", "1h", "2h", "5h"])),
            "to": draw(st.sampled_from(["disk:/", "disk:/", "other:/"])) + name,
        }
        if draw(st.booleans()):
            legs[name]["random_delay"] = draw(st.sampled_from(["5m", "1h", "3h"]))
        earlier = list(legs)[:-1]
        if earlier and draw(st.booleans()):
            legs[name]["after"] = draw(st.lists(st.sampled_from(earlier), max_size=2, unique=True))
    return mirrors(**legs)


class TestAgainstAQueue:
    """The bounds hold for whatever durations up to the limits, and whatever random delays."""

    @settings(max_examples=max(40, settings().max_examples))
    @given(busy_days(), st.integers(0, 2**32), st.integers(3, 600))
    def test_no_run_starts_earlier_or_ends_later(
        self, content: Manifest, seed: int, day: int
    ) -> None:
        policy = policy_of(content)
        timeline = Timeline(policy)
        begin = int(REFERENCE_START.timestamp()) + day * DAY
        for round_ in range(2):
            queue = Queue(policy, timeline, random.Random(seed + round_))
            for job in queue.play(begin, begin + 5 * DAY):
                runs = timeline.of(job.leg.name)
                assert runs is not None
                if job.started is None or job.ended is None:
                    continue
                about = (job.leg.name, datetime.fromtimestamp(job.due, UTC))
                assert runs.earliest[job.index] <= job.started, about
                assert job.started <= runs.start[job.index], (
                    about,
                    clock(job.started),
                    clock(runs.start[job.index]),
                )
                assert job.ended <= runs.end[job.index], about

    @settings(max_examples=max(10, settings().max_examples))
    @given(busy_days(), st.randoms(use_true_random=False))
    def test_the_order_of_asking_means_nothing(self, content: Manifest, rng: Any) -> None:
        policy = policy_of(content)
        names = [leg.name for leg in policy.legs]
        first = Timeline(policy)
        answers = {name: first.of(name) for name in names}
        rng.shuffle(names)
        second = Timeline(policy)
        assert {name: second.of(name) for name in names} == answers


@pytest.mark.parametrize("leg", ["a", "b"])
def test_no_run_is_missing_or_invented(leg: str) -> None:
    content = mirrors(a={"schedule": "02:00"}, b={"schedule": "Sun 03:00", "after": ["a"]})
    runs = runs_of(content, leg)
    assert len(runs.due) == {"a": 731, "b": 105}[leg]
    assert all(
        due <= earliest <= start < end
        for due, earliest, start, end in zip(
            runs.due, runs.earliest, runs.start, runs.end, strict=True
        )
    )
