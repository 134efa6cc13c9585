"""Laws of migrations: whatever routes do, and whoever dies, no path has fewer copies than before.

> A path can be asked about at any moment of a migration, and the answer is true: at no step does
> any path that was protected have fewer verified copies than before the change, until the new copy
> stands.
"""

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from engine.plan.spots import Spot
from engine.standing.copy_standing import There
from tests.property.migration_world import FILES, KEYS, LEGS, Layout, Version, World

pytestmark = pytest.mark.tool("rsync")

Copies = Mapping[bytes, Version]
PLACES = {
    "second": ("second", "third", "third/in"),
    "direct": ("direct", "photos", "pve/in"),
    "offsite": ("pve", "old"),
}
"""Where legs may write: beside each other, and the one inside the other."""
MOST_CALLS = 4_000
"""About as many calls as the longest command makes before it ends."""


# ── What happens ─────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Apply:
    """Some routes and places change; `dies` is the call in which the command is killed."""

    routes: Mapping[str, str | None]
    places: Mapping[str, str]
    migrating: bool
    dies: int


@dataclass(frozen=True, slots=True)
class Run:
    """A leg runs."""

    leg: str
    dies: int


@dataclass(frozen=True, slots=True)
class Migrate:
    """`migrate --all`."""

    dies: int


@dataclass(frozen=True, slots=True)
class Collect:
    """`gc --verified`."""

    dies: int


@dataclass(frozen=True, slots=True)
class Change:
    """A file of the source changes."""

    path: bytes


Step = Apply | Run | Migrate | Collect | Change

deaths = st.one_of(st.just(0), st.just(0), st.integers(1, MOST_CALLS))
routes = st.dictionaries(
    st.sampled_from(tuple(KEYS)),
    st.sampled_from(("mirror", "second", "direct", None)),
    max_size=2,
)
places: st.SearchStrategy[Mapping[str, str]] = st.one_of(
    st.just({}),
    st.fixed_dictionaries({}, optional={leg: st.sampled_from(PLACES[leg]) for leg in PLACES}),
)
steps = st.one_of(
    st.builds(Apply, routes=routes, places=places, migrating=st.booleans(), dies=deaths),
    st.builds(Run, leg=st.sampled_from(LEGS), dies=deaths),
    st.builds(Migrate, dies=deaths),
    st.builds(Collect, dies=deaths),
    st.builds(Change, path=st.sampled_from(FILES)),
)


def take(world: World, step: Step) -> None:
    match step:
        case Apply():
            edited = {**world.layout.routes, **step.routes}
            layout = replace(world.layout, routes=edited, **step.places)
            world.apply(layout, migrating=step.migrating, dies=step.dies)
        case Run():
            world.run(step.leg, dies=step.dies)
        case Migrate():
            world.migrate(dies=step.dies)
        case Collect():
            world.gc(dies=step.dies)
        case Change():
            world.change(step.path)


# ── The law ──────────────────────────────────────────────────────────────────────────────────


class Promises:
    """What each destination must go on holding of each path, until all copies of today stand."""

    def __init__(self) -> None:
        self._made: dict[bytes, dict[bytes, int]] = {}

    def check(self, world: World, copies: Copies) -> None:
        held = held_by(copies)
        for path in world.live:
            promised, here = self._made.get(path, {}), held.get(path, {})
            newest, wanted = max(promised.values(), default=0), world.in_force.wanted(path)
            # What is routed to `none` never comes anywhere: what it has is kept.
            if not wanted or not all(stands(copies, one, path, newest) for one in wanted):
                lost = {one for one, number in promised.items() if here.get(one, 0) < number}
                assert not lost, f"{path!r} is no more at {lost}, and {wanted} do not all stand"
            self._made[path] = here


def held_by(copies: Copies) -> dict[bytes, dict[bytes, int]]:
    """The newest version of each live path at each destination, wherever it lies there."""
    found: dict[bytes, dict[bytes, int]] = {}
    for name, version in copies.items():
        newest = found.setdefault(version.path, {})
        newest[destination(name)] = max(version.number, newest.get(destination(name), 0))
    return found


def stands(copies: Copies, name: bytes, path: bytes, least: int) -> bool:
    one = copies.get(name)
    return one is not None and one.path == path and one.number >= least


def destination(name: bytes) -> bytes:
    return name.split(b"/")[1]


# ── What each command may do at all ──────────────────────────────────────────────────────────


def check_step(world: World, step: Step, before: Copies, after: Copies) -> None:
    match step:
        case Run():
            pass
        case Collect():
            assert before.items() >= after.items(), "gc makes and changes nothing"
            for name, version in before.items() - after.items():
                assert name not in world.in_force.wanted(version.path), "a leg of today carries it"
        case Migrate() | Apply(migrating=True):
            assert contents(before) == contents(after), "nothing but names may change"
            check_renamed(world, before, after)
        case _:
            assert before == after


def contents(copies: Copies) -> Counter[tuple[bytes, Version]]:
    return Counter((destination(name), one) for name, one in copies.items())


def check_renamed(world: World, before: Copies, after: Copies) -> None:
    """What has another name is where it is wanted, or on record as what nobody carries."""
    orphans = [one.orphan.place for one in world.orphans()]
    for name, version in after.items() - before.items():
        # An apply that was killed may have been so before or after its plan was in force.
        wanted = (*world.in_force.wanted(version.path), *world.layout.wanted(version.path))
        assert name in wanted or any(lies_in(name, one) for one in orphans), name


def lies_in(name: bytes, place: Spot) -> bool:
    _, holder, *names = name.split(b"/")
    components = place.pattern.components
    return (
        place.holder.encode() == holder
        and len(components) <= len(names)
        and all(one.matches(each) for one, each in zip(components, names, strict=False))
    )


def check_explained(world: World) -> None:
    for path, (leg, copies) in world.explained().items():
        assert leg == world.layout.leg_of(path)
        assert copies.keys() == set(world.layout.wanted(path))
        for name, there in copies.items():
            real = os.path.lexists(os.fsencode(world.root) + b"/" + name)
            assert there is (There.YES if real else There.NO), name


# ── At the end ───────────────────────────────────────────────────────────────────────────────


def settle(world: World) -> None:
    """Do all that is to be done."""
    world.apply(world.layout, migrating=True)
    for _ in range(2):
        for leg in LEGS:
            world.run(leg)
        world.migrate()
    world.gc()


def check_settled(world: World) -> None:
    """All copies are there, nothing is left to do, and nothing lies there that nobody knows of."""
    expected = {
        place: Version(path, number)
        for path, number in world.live.items()
        for place in world.layout.wanted(path)
    }
    check_full_passes(world)
    assert world.copies().items() >= expected.items()
    for record in world.orphans():
        world.remove(record)
    check_full_passes(world)
    assert world.copies() == expected


def check_full_passes(world: World) -> None:
    for leg in LEGS:
        report = world.full_pass(leg)
        left = [(one.files, one.deleted, one.deletions_wanted) for one in report.feeds]
        assert report.status.succeeded, report
        assert left == [(0, 0, 0)], f"{leg} has found {left}"


def play(top: Path, todo: list[Step]) -> None:
    """A machine that has all its copies, then what happens to it, judged at every step."""
    world, promises = World(top), Promises()
    world.apply(Layout(), migrating=False)
    for leg in LEGS:
        world.run(leg)
    copies = world.copies()
    promises.check(world, copies)
    for step in todo:
        before = copies
        take(world, step)
        copies = world.copies()
        check_step(world, step, before, copies)
        promises.check(world, copies)
        check_explained(world)
    settle(world)
    promises.check(world, world.copies())
    check_explained(world)
    check_settled(world)


# What once went wrong, and what a line of the engine alone keeps from going wrong.
ARRIVAL: list[Step] = [
    Apply({"a": "direct"}, {}, migrating=False, dies=0),
    Run("direct", 0),
    Collect(0),
    # The disk has nothing of it any more, so that offsite would delete what is renamed too early.
    Apply({"a": "mirror"}, {}, migrating=True, dies=0),
    Run("offsite", 0),
]
LAST_OFF_SITE: list[Step] = [
    Apply({}, {"offsite": "old"}, migrating=False, dies=0),
    # The disk holds all of it, and at the NAS it is nowhere else yet.
    Collect(0),
]
LEFT_INSIDE: list[Step] = [
    Apply({}, {"offsite": "old"}, migrating=False, dies=0),
    # Renamed with `a`, `a/sub` is nobody's at the new place.
    Apply({"*/sub": "second"}, {}, migrating=True, dies=0),
]
BEATEN: list[Step] = [
    Apply({"a": None}, {}, migrating=False, dies=0),
    # It decides nothing in `a`, which a more specific line decides.
    Apply({"*/sub": "mirror"}, {}, migrating=False, dies=0),
    Collect(0),
]
INNER: list[Step] = [
    # What `second` had written at the disk has an image at the NAS, which nobody carries either.
    Apply({}, {"second": "third"}, migrating=False, dies=0),
    Collect(0),
]


@settings(
    max_examples=max(1, settings().max_examples // 8),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(todo=st.lists(steps, min_size=3, max_size=9))
@example(todo=ARRIVAL)
@example(todo=LAST_OFF_SITE)
@example(todo=LEFT_INSIDE)
@example(todo=BEATEN)
@example(todo=INNER)
def test_no_path_has_fewer_copies_until_the_new_ones_stand(todo: list[Step]) -> None:
    top = Path(tempfile.mkdtemp())
    try:
        play(top, todo)
    finally:
        shutil.rmtree(top)
