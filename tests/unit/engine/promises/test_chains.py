"""How old each copy may get: by hand, and against simulated nights.

"RPO is the longest time from the state that a place was sure to hold until the next state arrives
there, each hop taking its whole limit."
"""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.promises.chains import Copy
from engine.schedule.calendars import REFERENCE_START
from tests.strategies import REFERENCE, Manifest, compiled, errors, manifest

HOUR, DAY = 3600, 86_400


def reference() -> Any:
    from engine.compile import compile_with
    from policy.diagnostics import Findings
    from policy.parse import load

    compilation = compile_with(load(REFERENCE.read_bytes(), "r")[1], Findings())
    assert compilation is not None
    return compilation


def ages(copies: tuple[Copy, ...]) -> dict[str, int]:
    """The best age of each place, in minutes."""
    best: dict[str, int] = {}
    for copy in copies:
        if not copy.snapshot and not copy.partial and copy.rpo is not None:
            best[copy.place] = min(best.get(copy.place, 10**9), copy.rpo.seconds // 60)
    return best


def minutes(text: str) -> int:
    hours, _, rest = text.partition(":")
    return int(hours) * 60 + int(rest or 0)


class TestReference:
    """ "The RPOs of the reference are those that a hand calculation gives"."""

    @pytest.mark.parametrize(
        ("source", "names", "expected"),
        [
            # From 02:00 to 05:00 of the next day, which has 25 hours once a year: 28 h. It waits
            # for sda-mirror, pvc-files and sqlite-copies: 05:00 + 10 m + 10 m + 30 m + 4 h + 1 h,
            # then 2 h: until 12:50, from 02:00 the day before: 34 h 50 m, and the 25th hour.
            ("nfs", (b"any",), {"sda": "28:00", "synology": "35:50"}),
            ("nfs", (b"immich", b"x"), {"synology": "29:00"}),
            ("nfs-ssd", (b"x",), {"synology": "29:00"}),
            # From a snapshot at 00:00 to 09:50 a day later, as firewall-system runs on Sundays.
            ("pvcs", (b"apps", b"x"), {"sda": "34:50", "synology": "37:50"}),
        ],
    )
    def test_routed(self, source: str, names: tuple[bytes, ...], expected: dict[str, str]) -> None:
        copies = reference().chains.of_path(source, names)
        assert ages(copies) == {place: minutes(text) for place, text in expected.items()}

    def test_postgresql(self) -> None:
        copies = reference().chains.of_leg("postgresql-full")
        found = ages(copies)
        assert found["synology"] == minutes("37:50")
        assert found["sda"] == minutes("30:00")
        assert found["nfs"] == minutes("25:15")

    def test_what_no_leg_carries_has_no_copy(self) -> None:
        for path in ((b"frigate",), (b"temp", b"x"), (b"old-photos",)):
            assert reference().chains.of_path("nfs", path) == ()
        assert reference().chains.of_path("pvcs", (b"dbaas", b"x")) == ()
        assert reference().chains.of_path("nobody", ()) == ()

    def test_a_snapshot_is_no_copy_and_databases_are_a_part(self) -> None:
        copies = reference().chains.of_path("pvcs", (b"apps", b"x"))
        assert {copy.leg for copy in copies if copy.snapshot} == {"lvm-snapshots"}
        assert {copy.leg for copy in copies if copy.partial} == {"sqlite-copies", "offsite"}
        assert [copy.via for copy in copies if copy.leg == "offsite" and not copy.partial] == [
            ("lvm-snapshots", "pvc-files", "offsite")
        ]

    def test_where_the_copies_lie(self) -> None:
        copies = reference().chains.of_path("nfs", (b"a", b"b"))
        assert [str(copy.location) for copy in copies] == ["sda:/a/b", "synology:/pve-backup/a/b"]
        dumps = reference().chains.of_leg("postgresql-full")
        assert [str(copy.location) for copy in dumps] == [
            "nfs:/postgresql-backup",
            "sda:/postgresql-backup",
            "synology:/pve-backup/postgresql-backup",
        ]

    def test_the_case_that_shows_it(self) -> None:
        (first, _) = reference().chains.of_path("nfs", (b"a",))
        assert first.rpo is not None
        assert first.rpo.arrives - first.rpo.held == first.rpo.seconds

    def test_snapshots_of_the_nas_guard_its_copies(self) -> None:
        copies = reference().chains.of_path("nfs", (b"a",))
        assert {copy.place: copy.guarded for copy in copies} == {"sda": False, "synology": True}

    def test_snapshots_of_the_nas_reach_back_as_declared(self) -> None:
        near, far = reference().chains.of_path("nfs", (b"a",))
        assert (near.reach, far.history) == (0, 0)
        assert far.reach == far.own_snapshots == 7 * 86_400

    def test_law_26_snapshots_on_a_disk_of_this_host_are_not_beyond_it(self) -> None:
        own = {"kind": "btrfs", "share": "/mnt/disk", "keep": {"within": "7d"}}
        place = {"path": "/mnt/disk", "media": "hdd", "site": "home", "snapshots": own}
        copies = compiled(manifest(destinations={"disk": place}))[0].chains.of_path("data", ())
        assert [(one.guarded, one.reach) for one in copies] == [(False, 7 * 86_400)]


def chain(
    first: dict[str, Any], second: dict[str, Any], third: dict[str, Any] | None = None
) -> Manifest:
    """Live data to disk, disk to a second, the second to a third; each on a medium of its own."""
    legs = {
        "a": {"kind": "mirror", "to": "disk:/", **first},
        "b": {"kind": "mirror", "from": "disk", "to": "far:/", **second},
    }
    if third is not None:
        legs["c"] = {"kind": "mirror", "from": "far", "to": "moon:/", **third}
    return manifest(
        destinations={
            name: {"path": f"/mnt/{name}", "media": "hdd", "site": name}
            for name in ("disk", "far", "moon")
        },
        legs=legs,
        routes={"/srv/data": "a"},
    )


def rpos(content: Manifest) -> dict[str, int | None]:
    compilation, _ = compiled(content)
    copies = compilation.chains.of_path("data", (b"x",))
    return {copy.leg: copy.rpo.seconds if copy.rpo else None for copy in copies}


class TestByHand:
    def test_a_consumer_that_waits(self) -> None:
        found = rpos(
            chain(
                {"schedule": "02:00", "timeout": "3h"},
                {"schedule": "04:00", "timeout": "1h", "after": ["a"]},
            )
        )
        # a: 02:00 → 05:00 next day; b: 05:00 → 06:00 at the latest.
        assert found == {"a": 27 * HOUR, "b": 28 * HOUR}

    def test_a_consumer_that_does_not_wait_may_miss_the_run(self) -> None:
        found = rpos(
            chain({"schedule": "02:00", "timeout": "3h"}, {"schedule": "04:00", "timeout": "1h"})
        )
        # At 04:00 only the run of the day before is sure: 24 h more.
        assert found == {"a": 27 * HOUR, "b": 51 * HOUR}

    def test_a_weekly_consumer(self) -> None:
        found = rpos(
            chain(
                {"schedule": "02:00", "timeout": "1h"}, {"schedule": "Sun 04:00", "timeout": "1h"}
            )
        )
        assert found == {"a": 25 * HOUR, "b": 7 * DAY + 3 * HOUR}

    def test_by_hand_is_as_old_as_it_is(self) -> None:
        assert rpos(chain({"schedule": "02:00"}, {})) == {"a": 25 * HOUR, "b": None}
        assert rpos(chain({}, {"schedule": "02:00"})) == {"a": None, "b": None}

    def test_a_random_delay_of_the_first_makes_it_older(self) -> None:
        found = rpos(
            chain(
                {"schedule": "02:00", "timeout": "1h", "random_delay": "30m"},
                {"schedule": "04:00", "timeout": "1h"},
            )
        )
        assert found == {"a": 25 * HOUR + 1800, "b": 27 * HOUR}

    def test_after_over_a_leg_that_does_not_run_each_day_is_no_promise(self) -> None:
        content = chain(
            {"schedule": "02:00", "timeout": "3h"},
            {"schedule": "04:00", "timeout": "1h", "after": ["weekly"]},
        )
        content["sources"]["other"] = {"kind": "tree", "path": "/srv/other"}
        content["legs"]["weekly"] = {
            "kind": "mirror",
            "from": "other",
            "to": "moon:/",
            "schedule": "Sun 03:00",
            "timeout": "10m",
            "after": ["a"],
        }
        # From Monday to Saturday b waits for nobody: as if there were no `after` at all.
        # On Friday it took what was there at 02:00; the next new state comes on Sunday at 06:10.
        assert rpos(content)["b"] == 52 * HOUR + 600

    def test_after_over_a_leg_that_runs_by_hand_is_no_promise(self) -> None:
        content = chain(
            {"schedule": "02:00", "timeout": "3h"},
            {"schedule": "04:00", "timeout": "1h", "after": ["manual"]},
        )
        content["sources"]["other"] = {"kind": "tree", "path": "/srv/other"}
        content["legs"]["manual"] = {
            "kind": "mirror",
            "from": "other",
            "to": "moon:/",
            "after": ["a"],
        }
        assert rpos(content)["b"] == 51 * HOUR


limits = st.sampled_from(["10m", "1h", "3h", "5h"])
schedules = st.sampled_from(["02:00", "03:30", "05:00", "Sun 03:00", "Mon,Thu 04:00", "00/6:00"])


@st.composite
def chains(draw: Any) -> Manifest:
    legs = []
    for number in range(3):
        leg: dict[str, Any] = {"schedule": draw(schedules), "timeout": draw(limits)}
        if draw(st.booleans()):
            leg["random_delay"] = draw(st.sampled_from(["10m", "2h"]))
        if number and draw(st.booleans()):
            leg["after"] = [draw(st.sampled_from("abc"[:number]))]
        legs.append(leg)
    return chain(*legs)


class TestAgainstNights:
    """What really arrives is never older than promised."""

    @settings(max_examples=max(40, settings().max_examples))
    @given(chains(), st.integers(0, 2**32))
    def test_no_copy_is_older_than_promised(  # noqa: C901 - nights told one after another
        self, content: Manifest, seed: int
    ) -> None:
        compilation, _ = compiled(content)
        promised = rpos(content)
        rng = random.Random(seed)
        begin = int(REFERENCE_START.timestamp()) + rng.randrange(20, 600) * DAY
        limit = {one.leg.name: one.leg.limits.whole.seconds for one in compilation.plan.legs}
        after = {one.leg.name: one.leg.after for one in compilation.plan.legs}
        delay = {
            one.leg.name: one.leg.random_delay.seconds if one.leg.random_delay else 0
            for one in compilation.plan.legs
        }
        ended: dict[str, list[tuple[int, int]]] = {}
        held: dict[str, list[tuple[int, int]]] = {"live": []}
        for name, upstream in (("a", "live"), ("b", "a"), ("c", "b")):
            runs = compilation.timeline.of(name)
            assert runs is not None
            ended[name], held[name] = [], []
            free = 0
            for due in runs.due:
                if not begin <= due < begin + 40 * DAY:
                    continue
                start = due + rng.choice([0, delay[name], rng.randint(0, delay[name])])
                for other in after[name]:
                    earlier = [end for day, end in ended[other] if day <= due]
                    start = max([start, *earlier[-1:]])
                if due < free:
                    continue  # The run before still goes on: this one is left out.
                end = free = start + rng.choice([0, limit[name], rng.randint(0, limit[name])])
                ended[name].append((due, end))
                here = [state for there, state in held[upstream] if there <= start]
                if upstream == "live":
                    held[name].append((end, start))
                elif here:
                    held[name].append((end, max(here)))
            overlaps = any(one > two for one, two in zip(runs.end, runs.due[1:], strict=False))
            worst = promised[name]
            if worst is None or overlaps or not held[name]:
                break  # `check` says that runs are left out then.
            for (_, state), (arrives, _) in zip(held[name], held[name][1:], strict=False):
                assert arrives - state <= worst, name


def versions(schedule: str | None, keep: dict[str, Any], **options: Any) -> Manifest:
    """Live data in generations, and a mirror that carries these on."""
    place = {"media": "hdd", "site": "home"}
    leg = {"kind": "versions", "to": "disk:/hist", "keep": keep, "timeout": "1h", **options}
    if schedule is not None:
        leg["schedule"] = schedule
    return manifest(
        destinations={name: {"path": f"/mnt/{name}", **place} for name in ("disk", "far")},
        timezone="Europe/Sofia",
        legs={
            "hist": leg,
            "offsite": {"kind": "mirror", "from": "disk", "to": "far:/lab", "schedule": "12:00"},
        },
        routes={"/srv/data": "hist"},
    )


class TestHistory:
    """Law 16: a number of generations is as long as the schedule makes it."""

    @pytest.mark.parametrize(
        ("schedule", "keep", "history", "generations"),
        [
            # One week of the year is an hour short.
            ("Mon 05:00", {"weekly": 4}, 21 * DAY - HOUR, (4, 4)),
            # Each week is kept by its Sunday: on a Monday the oldest of four is 15 days old.
            ("05:00", {"weekly": 4}, 15 * DAY - HOUR, (4, 4)),
            ("05:00", {"last": 5}, 4 * DAY - HOUR, (5, 5)),
            ("05:00", {"daily": 1}, 0, (1, 1)),
            # Where one is an hour too old for `within`, the next one is a day younger.
            ("05:00", {"within": "14d"}, 13 * DAY, (14, 15)),
            (None, {"weekly": 4}, 0, None),
        ],
    )
    def test_it_follows_from_keep_and_schedule(
        self,
        schedule: str | None,
        keep: dict[str, Any],
        history: int,
        generations: tuple[int, int] | None,
    ) -> None:
        chains = compiled(versions(schedule, keep))[0].chains
        span = chains.kept("hist")
        assert chains.history("hist") == history
        assert (span and (span.fewest, span.most)) == generations

    def test_a_mirror_that_carries_generations_on_has_their_history(self) -> None:
        chains = compiled(versions("05:00", {"last": 5}))[0].chains
        copies = chains.of_path("data", (b"x",))
        assert {copy.leg: copy.history for copy in copies} == {
            "hist": 4 * DAY - HOUR,
            "offsite": 4 * DAY - HOUR,
        }
        assert chains.kept("offsite") is None

    def test_what_a_mirror_sets_aside_is_its_history(self) -> None:
        content = chain({"deleted": {"keep": "30d"}, "schedule": "02:00"}, {"schedule": "04:00"})
        chains = compiled(content)[0].chains
        assert chains.history("a") == 30 * DAY
        copies = chains.of_path("data", (b"x",))
        assert {copy.leg: copy.history for copy in copies} == {"a": 30 * DAY, "b": 0}


class TestDated:
    """After how many names of a copy's place the name of a generation stands."""

    def test_below_the_place_of_the_leg_and_of_each_later_hop(self) -> None:
        copies = compiled(versions("05:00", {"last": 5}))[0].chains.of_path("data", (b"a", b"x"))
        assert [(str(copy.location), copy.dated) for copy in copies] == [
            ("disk:/hist/a/x", 1),
            ("far:/lab/hist/a/x", 2),
        ]

    def test_a_mirror_has_none(self) -> None:
        copies = reference().chains.of_path("nfs", (b"a",))
        assert {copy.dated for copy in copies} == {None}

    def test_each_item_has_generations_of_its_own(self) -> None:
        copies = reference().chains.of_path("pvcs", (b"apps", b"web"))
        assert {str(copy.location): copy.dated for copy in copies if not copy.snapshot} == {
            "sda:/pvc-data/apps/web": 3,
            "sda:/sqlite-backup/apps/web": 3,
            "synology:/pve-backup/pvc-data/apps/web": 4,
            "synology:/pve-backup/sqlite-backup/apps/web": 4,
        }


def test_a_rotated_disk_promises_no_age_and_so_counts_for_no_objective() -> None:
    """It comes when somebody brings it; what rides on from it is no surer."""
    place = {"media": "hdd", "site": "home"}
    content = manifest(
        destinations={
            "disk": {"path": "/mnt/disk", "presence": "sometimes", **place},
            "far": {"path": "/mnt/far", **place},
        },
        legs={
            "mirror": {"kind": "mirror", "to": "disk:/", "schedule": "02:00"},
            "second": {
                "kind": "mirror",
                "from": "disk",
                "to": "far:/",
                "schedule": "06:00",
                "after": ["mirror"],
            },
        },
    )
    copies = compiled(content)[0].chains.of_path("data", (b"x",))
    assert [(copy.leg, copy.rpo) for copy in copies] == [("mirror", None), ("second", None)]
    wanted = {"default": {"copies": 2, "rpo": "40h"}}
    assert errors({**content, "objectives": wanted}) == ["objective-rpo"]
