"""Laws of cleaning up: however routes change, what goes stands elsewhere, and is nobody else's."""

import shutil
import socket
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.system.host.places import Places
from engine.system.orphans.clean_up import NotCleaned, cleaning
from tests.integration.house import House
from tests.integration.lab import tree, write

pytestmark = pytest.mark.tool("rsync")

KEYS = ("a", "b", "a/sub", "*/sub")
LEGS = ("nightly", "direct", '{none: "x"}')
ROOTS = {"nightly": b"disk", "direct": b"big/x"}
FILES = ("a/1", "a/sub/2", "b/3", "b/sub/4", "c/5")

routes = st.dictionaries(st.sampled_from(KEYS), st.sampled_from(LEGS), max_size=4)
steps = st.one_of(
    st.tuples(st.just("apply"), routes),
    st.tuples(st.just("run"), st.sampled_from(("nightly", "direct"))),
    st.tuples(st.just("change"), st.sampled_from(FILES)),
    st.tuples(st.just("gc"), st.booleans()),
    st.tuples(st.just("remove"), st.none()),
)
Copies = dict[bytes, tuple[str, bytes]]


def copies(house: House) -> Copies:
    return {
        name: one
        for name, one in tree(house.top / "mnt").items()
        if one[0] != "directory" and b".policyctl-" not in name
    }


def collect(house: House, *, verified: bool) -> None:
    """`gc --verified`, or `gc --remove` with all names."""
    assert house.plan is not None
    for record in house.orphans().values():
        with cleaning(house.plan, house.places, house.now) as cleaner:
            looked = cleaner.look(record)
            assert not looked.why_not, looked
            try:
                if verified:
                    cleaner.verify(looked)
            except NotCleaned:
                continue
            cleaner.remove(looked, house.said.append)


def owner(house: House, live: bytes) -> bytes:
    """Where the plan of today has the copy of a live path; empty where it has none."""
    table = house.plan.table("data") if house.plan else None
    line = table.line_for(tuple(live.split(b"/"))) if table else None
    return ROOTS[line.leg] + b"/" + live if line and line.leg else b""


def check(house: House, before: Copies, after: Copies, *, verified: bool) -> None:
    assert after.keys() <= before.keys(), "gc makes nothing"
    assert all(after[name] == before[name] for name in after)
    for name in before.keys() - after.keys():
        live = name.removeprefix(b"disk/").removeprefix(b"big/x/")
        stands = owner(house, live)
        assert stands != name, "a leg of today carries it"
        if verified:
            assert after.get(stands) == before[name], "it stands nowhere else"
        assert not live.startswith(b"foreign")


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(todo=st.lists(steps, min_size=4, max_size=9))
def test_law_03_what_gc_removes_stands_where_it_is_carried_now(todo) -> None:
    top = Path(tempfile.mkdtemp())
    try:
        house = House(top=top, host=socket.gethostname(), places=Places(root=top))
        for name in FILES:
            write(house.data / name, name)
        write(house.disk / "foreign/x", b"foreign")
        house.apply(house.text())
        house.run("nightly")
        for number, (what, value) in enumerate((*todo, ("gc", True))):
            if what == "apply":
                house.apply(house.text(*(f"{key}: {leg}" for key, leg in value.items())))
            elif what == "run":
                house.run(value)
            elif what == "change":
                write(house.data / value, f"{value} {number}")
            else:
                for leg in ROOTS if value else ():
                    house.run(leg)
                before = copies(house)
                collect(house, verified=what == "gc")
                check(house, before, copies(house), verified=what == "gc")
    finally:
        shutil.rmtree(top)
