"""What comes first when all is lost."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from engine.compile import compile_policy
from engine.promises.needs import Carrier, Opening, Openings
from engine.promises.restore_order import RestoreOrder, order_of, restore_order
from policy.needs import FileNeed, Need, SecretNeed, SourceNeed, kept_outside
from policy.parts import NOWHERE
from policy.values import parse_absolute_path
from tests.strategies import REFERENCE, manifest, policy_of

PLACE = {"media": "hdd", "site": "home"}


def ordered(**sections: Any) -> RestoreOrder:
    return restore_order(compile_policy(policy_of(manifest(**sections))))


def names(order: RestoreOrder) -> list[str]:
    return [turn.name for turn in order.turns]


def trees(**needs: list[Any]) -> dict[str, Any]:
    """Trees with needs, all on one disk."""
    sources = {
        name: {"kind": "tree", "path": f"/srv/{name}", **({"needs": many} if many else {})}
        for name, many in needs.items()
    }
    return {
        "sources": sources,
        "legs": {"mirror": {"kind": "mirror", "to": "disk:/{source}"}},
        "routes": {f"/srv/{name}": "mirror" for name in needs},
    }


def test_what_is_needed_comes_before() -> None:
    order = ordered(**trees(a=["b"], b=["c"], c=[], d=[]))
    assert names(order) == ["disk", "c", "b", "a", "d"]
    assert [wait.by for wait in order.turns[2].waits] == ["c"]
    assert order.turns[1].places == ("disk",)


def test_a_secret_comes_out_of_its_source() -> None:
    order = ordered(**trees(a=[{"secret": "it", "in": "z"}], z=[]))
    assert names(order) == ["disk", "z", "a"]


def test_what_is_kept_outside_waits_for_nothing() -> None:
    order = ordered(**trees(a=[{"secret": "it", "in": "z", "kept": "in the safe"}], z=["a"]))
    assert names(order) == ["disk", "a", "z"]
    assert order.turns[1].waits[0].by is None


def test_a_destination_waits_for_its_key_too() -> None:
    far = {**PLACE, "path": "/b", "ssh": "u@far", "key": "/srv/keys/far"}
    destinations = {"disk": {**PLACE, "path": "/mnt/disk"}, "far": far}
    sections = trees(keys=[], photos=[])
    sections["legs"]["away"] = {"kind": "mirror", "to": "far:/{source}"}
    sections["routes"]["/srv/photos"] = "away"
    order = ordered(destinations=destinations, **sections)
    assert names(order) == ["disk", "keys", "far", "photos"]
    assert order.turns[3].places == ("far",)


def test_a_key_is_fetched_by_itself_where_its_source_has_to_wait() -> None:
    far = {**PLACE, "path": "/b", "ssh": "u@far", "key": "/srv/data/keys/far"}
    destinations = {"disk": {**PLACE, "path": "/mnt/disk"}, "far": far}
    sections = trees(data=[])
    sections["legs"]["away"] = {"kind": "mirror", "to": "far:/{source}"}
    sections["routes"]["/srv/data/films"] = "away"
    order = ordered(destinations=destinations, **sections)
    assert names(order) == ["disk", "far", "data"]
    assert (order.turns[2].places, order.turns[2].parts) == ((), ("disk", "far"))
    (wait,) = order.turns[1].waits
    assert (wait.by, wait.alone) == ("data", True)


def test_the_reference_has_an_order() -> None:
    from policy.parse import load

    order = restore_order(compile_policy(load(REFERENCE.read_bytes(), "m.yaml")[1]))
    assert order.circles == ()
    at = names(order).index
    assert at("host") < at("etcd") < at("pvcs") < at("vault") < at("postgresql")
    assert at("pvcs") < at("vaultwarden")


def test_law_39_the_disk_key_in_the_vault_on_the_encrypted_disk() -> None:
    """ "The disk key lay in a vault that lay on the encrypted disk"."""
    from tests.strategies import errors

    sections = trees(disks=[{"secret": "the passphrase", "in": "vault"}], vault=["disks"], other=[])
    assert errors(manifest(**sections)) == ["need-inside"]
    sections = trees(
        disks=[{"secret": "the passphrase", "in": "vault", "kept": "in the safe"}],
        vault=["disks"],
        other=[],
    )
    assert errors(manifest(**sections)) == []


# ── Any needs ────────────────────────────────────────────────────────────────────────────────

SOURCES = ("a", "b", "c", "d")
PLACES = ("x", "y")
PATHS = tuple(parse_absolute_path(f"/k/{number}") for number in range(3))


def need() -> st.SearchStrategy[Need]:
    kept = st.sampled_from(["", "", "in the safe"])
    return st.one_of(
        st.builds(SourceNeed, source=st.sampled_from(SOURCES)),
        st.builds(FileNeed, path=st.sampled_from(PATHS), kept=kept),
        st.builds(
            SecretNeed, secret=st.just("it"), inside=st.sampled_from([None, *SOURCES]), kept=kept
        ),
    )


def opening(name: str) -> st.SearchStrategy[Opening]:
    region = st.frozensets(st.sampled_from(PLACES), min_size=1)
    return st.builds(
        Opening,
        name=st.just(name),
        is_destination=st.just(name in PLACES),
        needs=st.lists(need(), max_size=2).map(tuple),
        unsaid=st.just(()),
        regions=st.lists(region, max_size=2).map(tuple) if name in SOURCES else st.just(()),
        origin=st.just(NOWHERE),
    )


@st.composite
def worlds(draw: st.DrawFn) -> Openings:
    carrier = st.builds(
        Carrier,
        source=st.sampled_from(SOURCES),
        places=st.frozensets(st.sampled_from(PLACES), min_size=1),
    )
    return Openings(
        by_name={name: draw(opening(name)) for name in (*SOURCES, *PLACES)},
        carriers={path: tuple(draw(st.lists(carrier, max_size=2))) for path in PATHS},
    )


def reachable(world: Openings) -> set[str]:
    """By another way: what can be had is added until nothing more comes."""
    done: set[str] = set()
    while True:
        more = {one.name for one in world.by_name.values() if _open(world, one, done)} - done
        if not more:
            return done
        done |= more


def _open(world: Openings, one: Opening, done: set[str]) -> bool:
    needs = all(_at_hand(world, need, done) for need in one.needs)
    return needs and all(region & done for region in one.regions)


def _at_hand(world: Openings, need: Need, done: set[str], *, files: bool = True) -> bool:
    holders = set(world.holders(need))
    if kept_outside(need) or not holders or holders & done:
        return True
    if not files or not isinstance(need, FileNeed):
        return False
    return any(
        carrier.places & done
        and all(
            _at_hand(world, other, done, files=False)
            for other in world.by_name[carrier.source].needs
        )
        for carrier in world.carriers[need.path]
    )


@given(worlds())
def test_everything_that_can_be_restored_is_and_nothing_before_its_turn(world: Openings) -> None:
    order = order_of(world)
    told = names(order)
    assert len(set(told)) == len(told)
    assert bool(order.circles) == (reachable(world) != set(world.by_name))
    if order.circles:
        assert reachable(world) <= set(told)
        return
    done: set[str] = set()
    for turn in order.turns:
        one = world.by_name[turn.name]
        assert _open(world, one, done), turn
        for wait in turn.waits:
            assert wait.by is None or wait.by in done or wait.alone
        done.add(turn.name)


@given(worlds())
def test_a_circle_is_one(world: Openings) -> None:
    for circle in order_of(world).circles:
        following = [link.name for link in circle[1:]] + [circle[0].name]
        assert [link.waits_for for link in circle] == following
        assert len({link.name for link in circle}) == len(circle)
