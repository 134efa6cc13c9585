"""A home lab as the report finds it one morning: histories, rooms and generations made by hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from engine.compile import compile_policy
from engine.drill.outcome import Drilled, DrillFacts, Status
from engine.generations.names import Generation, Standing
from engine.generations.retention import decide
from engine.moves.acceptances import acceptances
from engine.overview.overview import overview_of
from engine.plan.model import Location, Plan
from engine.promises.chains import Chains
from engine.promises.plan_chains import chains_of
from engine.records.measurement import GenerationRoom, Volume
from engine.records.reports import RunStatus
from engine.report.facts import Facts, LegRun, RoomHistory
from engine.schedule.pauses import Pause
from engine.standing.drills import DrillStatus, drill_status
from engine.standing.facts import ItemFacts, LegFacts, Ran, RoomFacts
from engine.standing.forecast import RoomDay
from engine.standing.keeping import Keeping, Kept
from engine.standing.safety import safety_of
from engine.standing.status import LegStatus, leg_status
from engine.standing.surroundings import destination_status
from engine.verify.comparison import Difference
from engine.verify.verdict import Verified
from policy.legs import MirrorLeg
from policy.parse import load
from policy.parts import Keep

NOW = datetime(2026, 11, 25, 5, 40, tzinfo=UTC)
ZONE = ZoneInfo("Europe/Sofia")
DAY = timedelta(days=1)
TIB = 1024**4
EXAMPLE = Path(__file__).parents[1] / "examples/homelab/backup-policy.yaml"


def plan_of(text: bytes) -> Plan:
    """The plan of a manifest that is valid."""
    _, policy = load(text, "backup-policy.yaml")
    return compile_policy(policy)


def homelab() -> Plan:
    """The plan of the reference."""
    return plan_of(EXAMPLE.read_bytes())


def ran(start: datetime, minutes: float = 12, status: RunStatus = RunStatus.OK, **more) -> Ran:
    """A run that began then."""
    ended = start + timedelta(minutes=minutes)
    base = {"files": 1200, "bytes": 3_400_000_000, "deletions": 4, "mode": "incremental"}
    return Ran(started=start, ended=ended, status=status, **{**base, **more})


def local(day: int, hour: int, minute: int = 0) -> datetime:
    """A time of the manifest's zone, so many days before today."""
    today = NOW.astimezone(ZONE).date() - day * DAY
    wall = datetime(today.year, today.month, today.day, hour, minute, tzinfo=ZONE)
    return wall.astimezone(UTC)


TOO_LONG = (
    "it took longer than its limit of 2h: what it had copied stays, and it goes on from there"
)
FULL_DISK = "rsync: write failed: No space left on device (28); 812 files were not copied"


def histories() -> dict[str, list[Ran]]:
    """The runs of each leg, the newest first."""
    nights = range(14)
    found = {
        "sda-mirror": [
            ran(local(day, 2), 38 - day % 5, data_as_of=local(day, 2)) for day in nights
        ],
        "synology-direct": [ran(local(day, 6), 22, data_as_of=local(day, 6)) for day in range(14)],
        "offsite": [ran(local(day, 6, 22), 31, data_as_of=local(day, 2)) for day in nights],
        "lvm-snapshots": [
            ran(local(day, hour), 1, data_as_of=local(day, hour))
            for day in nights
            for hour in (12, 0)
            if local(day, hour) < NOW
        ],
        "pvc-files": [ran(local(day, 5), 41, data_as_of=local(day, 0)) for day in nights],
        "sqlite-copies": [ran(local(day, 5, 41), 3, data_as_of=local(day, 0)) for day in nights],
        "firewall-config": [ran(local(day, 5), 0.1, data_as_of=local(day, 5)) for day in nights],
        "firewall-system": [ran(local(day, 5), 2, data_as_of=local(day, 5)) for day in (3, 10)],
        "host-config": [ran(local(day, 5), 0.2, data_as_of=local(day, 5)) for day in nights],
    }
    found["pvc-files"][0] = ran(
        local(0, 5), 58, RunStatus.FAILED, reason=FULL_DISK, data_as_of=None
    )
    for day in (0, 1):
        found["synology-direct"][day] = ran(
            local(day, 6), 120, RunStatus.TIMED_OUT, reason=TOO_LONG, data_as_of=None
        )
    return found


def statuses(plan: Plan, runs: dict[str, list[Ran]], now: datetime) -> Iterator[LegStatus]:
    """How each leg stands by its runs."""
    for leg in plan.legs:
        own = runs.get(leg.name, [])
        good = [one for one in own if one.status is not None and one.status.succeeded]
        checked = (
            verified(leg.name, feed_reads=leg.feeds[0].reads, at=local(0, 3))
            if leg.name == "sda-mirror"
            else None
        )
        items = tuple(
            ItemFacts(
                name=feed.reads,
                last=own[0] if own else None,
                success=good[0] if good else None,
                earlier=tuple(good[1:]),
                verified=checked,
            )
            for feed in leg.feeds
        )
        facts = LegFacts(
            last=own[0] if own else None,
            ended=own[0] if own else None,
            success=good[0] if good else None,
            items=items,
            pause=Pause(
                leg=leg.name, until=now + 2 * DAY, since=now - DAY, reason="a new disk comes"
            )
            if leg.name == "host-config"
            else None,
        )
        yield leg_status(plan, leg, facts, applied_at=now - 30 * DAY, now=now)


def verified(leg: str, *, feed_reads: str, at: datetime, damaged: int = 0) -> Verified:
    """A comparison that found so many damaged files."""
    return Verified(
        leg=leg,
        reads=feed_reads,
        began=at,
        ended=at + timedelta(minutes=4),
        seed=7,
        compared=1000,
        compared_bytes=2_000_000_000,
        files=812_004,
        counts=((Difference.DAMAGED, damaged),) if damaged else (),
    )


def room_days(name: str, first: float, daily: float, total: float) -> RoomHistory:
    """Two months of growth, a little uneven."""
    today = NOW.date()
    days = []
    for at in range(60):
        used = first + daily * at + (0.004 * total if at % 7 == 0 else 0)
        day: date = today - (59 - at) * DAY
        days.append(RoomDay(day=day, free=int((total - used) * TIB), total=int(total * TIB)))
    return RoomHistory(destination=name, days=tuple(days))


def keeping(leg: str, item: str, holder: str, moments: list[datetime], keep: Keep) -> Keeping:
    """Generations of these moments; one of them is not verified yet."""
    generations = tuple(
        Generation(moment=one, standing=Standing.COMPLETE if at == 2 else Standing.VERIFIED)
        for at, one in enumerate(moments)
    )
    decisions = decide(generations, keep, zone=ZONE, now=NOW)
    return Keeping(
        leg=leg,
        item=item,
        place=Location(holder=holder, names=tuple(item.encode().split(b"/"))),
        keep=keep,
        kept=tuple(Kept(decision=one, goes=one.generation.moment + 28 * DAY) for one in decisions),
    )


def keepings(plan: Plan) -> Iterator[Keeping]:
    """Snapshots twice a day of a week, weekly generations of a month; of other plans none."""
    if plan.leg("lvm-snapshots") is None:
        return
    keeps = {one.name: one.leg.keep for one in plan.legs if not isinstance(one.leg, MirrorLeg)}
    twice = [local(day, hour) for day in range(7) for hour in (12, 0) if local(day, hour) < NOW]
    for item in ("apps/web", "apps/wiki", "home/assistant"):
        yield keeping("lvm-snapshots", item, "pvcs", twice, keeps["lvm-snapshots"])
    weekly = [local(day, 5) for day in (1, 3, 10, 17, 24, 45)]
    for item in ("apps/web", "apps/wiki"):
        yield keeping("pvc-files", item, "sda", weekly, keeps["pvc-files"])
    yield keeping("sqlite-copies", "apps/wiki", "sda", weekly[:4], keeps["sqlite-copies"])


def homelab_facts(plan: Plan | None = None, **more) -> Facts:
    """The facts of one morning: a leg has failed, another one is paused, all else went well."""
    return replace(_facts_of(plan) if plan is not None else _reference(), **more)


def drills(plan: Plan, now: datetime) -> Iterator[DrillStatus]:
    """One has taken both of its destinations in turn, and failed at one; the other waits."""
    for one in plan.drills:
        done: tuple[Drilled, ...] = ()
        if one.name == "nfs":
            good = Drilled(
                drill="nfs",
                source="nfs",
                place="sda",
                began=local(24, 10),
                ended=local(24, 10, 9),
                status=Status.OK,
                seed=7,
                files=512,
                bytes=2_000_000_000,
                seconds=41.5,
                compared=430,
                databases=2,
                whole=1_600_000_000_000,
            )
            bad = replace(
                good,
                place="synology",
                began=local(54, 10),
                ended=local(54, 10, 20),
                status=Status.FAILED,
                reason="2 of 498 files are not what they should be",
                fault_count=2,
            )
            done = (good, bad)
        facts = DrillFacts(expected_since=now - 90 * DAY, drills=done)
        yield drill_status(plan, one, facts, now=now)


@cache
def _reference() -> Facts:
    return _facts_of(homelab())


def _facts_of(plan: Plan) -> Facts:
    now = NOW
    chains: Chains = chains_of(plan)
    runs = histories()
    legs = tuple(statuses(plan, runs, now))
    rooms = (room_days("sda", 2.1, 0.0105, 3.6), room_days("synology", 4.2, 0.004, 14.4))
    seen = {one.destination: one for one in rooms}
    destinations = tuple(
        destination_status(
            one,
            RoomFacts(
                destination=one.name,
                free=seen[one.name].days[-1].free,
                total=seen[one.name].days[-1].total,
                measured=now - timedelta(minutes=50),
                days=seen[one.name].days,
            )
            if one.name in seen
            else None,
            now=now,
            staged=False,
        )
        for one in plan.destinations
    )
    newest = sorted(
        (LegRun(leg=leg, ran=one) for leg, own in runs.items() for one in own),
        key=lambda one: one.ran.started,
        reverse=True,
    )
    return Facts(
        plan=plan,
        overview=overview_of(plan, chains),
        now=now,
        applied_at=now - 30 * DAY,
        healthy=all(one.sound for one in legs),
        sources=safety_of(plan, legs, now=now, chains=chains),
        legs=legs,
        destinations=destinations,
        rooms=rooms,
        notes=("offsite: its source pvc-files is failing",),
        acceptances=tuple(
            replace(one, since=now - 41 * DAY) for one in acceptances(chains, chains, {}, now)
        ),
        generations=(
            GenerationRoom(
                leg="pvc-files",
                place="sda:/pvc-data",
                generations=9,
                volume=Volume(files=81_204, bytes=412_000_000_000),
                unreadable=0,
                at=now - 3 * DAY,
            ),
        ),
        keepings=tuple(keepings(plan)),
        drills=tuple(drills(plan, now)),
        runs=tuple(newest),
    )
