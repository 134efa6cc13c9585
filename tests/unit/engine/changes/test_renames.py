from dataclasses import replace

from engine.changes.changes import change_set
from engine.changes.part_facts import facts_of
from engine.changes.plan_changes import Action
from engine.changes.renames import (
    check_renames,
    drill_renames,
    likely_renames,
    plan_again,
    plan_renamed,
    renames_between,
)
from engine.plan.model import CheckPlan
from policy.checks import SnapshotsCheck, snapshots_checks
from policy.needs import FileNeed, SecretNeed, SourceNeed
from policy.parts import Keep
from policy.snapshots import NativeSnapshots, ReadBack
from policy.values import parse_absolute_path
from tests.plans import disk, mirror, nas, plan, tree
from tests.strategies import compiled, manifest
from tests.unit.engine.orphans.test_orphans import BASE, LEGS, planned

OLD = plan()
NEW = plan(
    destinations=(disk("archive", was="sda"), nas()),
    sources=(tree("data", was="nfs"),),
    legs=(mirror("local", "archive:/", was="sda-mirror"),),
    routes=(),
    tables=(),
)


def test_what_was_renamed_since_gets_its_old_name_back_as_a_rename():
    again = plan_again(OLD, NEW)
    assert renames_between(NEW, again) == {
        "archive": "sda",
        "data": "nfs",
        "local": "sda-mirror",
    }
    leg = again.leg("sda-mirror")
    assert leg is not None
    assert (leg.leg.was, leg.feeds) == ("local", OLD.legs[0].feeds)


def test_a_leg_that_came_and_one_that_went_are_no_rename():
    changes = change_set(NEW, None, plan_again(OLD, NEW), (), {})
    assert {(one.name, one.action, one.was) for one in changes.legs} == {
        ("sda-mirror", Action.UPDATE, "local"),
        ("synology-direct", Action.CREATE, None),
    }


def test_once_more_returns_to_the_same_plan():
    again = plan_again(OLD, NEW)
    assert plan_again(NEW, again) == NEW


def test_where_nothing_was_renamed_the_plan_is_the_one_before():
    later = plan(legs=(mirror(schedule=("03:00",)),))
    assert plan_again(OLD, later) == OLD


def test_the_look_at_the_snapshots_of_a_place_follows_its_name():
    own = NativeSnapshots(kind="zfs", share="tank", keep=Keep(last=3), read=ReadBack())
    old = disk("old", snapshots=own)
    (check,) = snapshots_checks((old,))
    before = plan(destinations=(old,), checks=(CheckPlan(check=check),))
    (after,) = plan_renamed(before, {"old": "new"}).checks
    assert isinstance(after.check, SnapshotsCheck)
    assert (after.name, after.check.destination) == ("new-snapshots", "new")


# ── Renames that nobody has said ─────────────────────────────────────────────────────────────


def renamed(legs=None, **names):
    """The plan with legs under other names, with the `was` that each is given."""
    routes = {path: names.get(leg, leg) for path, leg in BASE.items()}
    known = {names.get(name, name): leg for name, leg in (legs or LEGS).items()}
    return planned(routes, legs=known)


def test_a_leg_that_goes_while_one_like_it_comes_may_be_a_rename():
    assert likely_renames(planned(), renamed(nightly="daily")) == {"nightly": "daily"}
    assert likely_renames(planned(), planned()) == {}


def test_where_was_says_so_nothing_is_left_to_ask():
    legs = {**LEGS, "nightly": {**LEGS["nightly"], "was": "old"}}
    said = {**LEGS, "nightly": {**LEGS["nightly"], "was": "nightly"}}
    assert likely_renames(planned(), renamed(said, nightly="daily")) == {}
    assert likely_renames(planned(), renamed(legs, nightly="daily")) == {"nightly": "daily"}


def test_what_reads_a_renamed_leg_by_its_name_is_alike_as_well():
    hop = {"onward": {**LEGS["onward"], "from": "nightly"}}
    after = {"onward": {**LEGS["onward"], "from": "daily"}}
    found = likely_renames(
        planned(legs={**LEGS, **hop}), renamed({**LEGS, **after}, nightly="daily", onward="far")
    )
    assert found == {"nightly": "daily", "onward": "far"}


def test_another_kind_source_or_destination_is_no_rename():
    elsewhere = {**LEGS, "nightly": {**LEGS["nightly"], "to": "nas:/else"}}
    assert likely_renames(planned(), renamed(elsewhere, nightly="daily")) == {}
    kept = {"kind": "versions", "keep": {"last": 3}}
    versions = {**LEGS, "nightly": {**LEGS["nightly"], **kept, "to": "disk:/v"}}
    assert likely_renames(planned(), renamed(versions, nightly="daily")) == {}


def test_of_several_the_one_with_the_same_place_is_meant_or_none():
    legs = {**LEGS, "nightly": {**LEGS["nightly"], "to": "disk:/a"}}
    two = {
        **{name: leg for name, leg in LEGS.items() if name != "nightly"},
        "one": {**LEGS["nightly"], "to": "disk:/a"},
        "two": {**LEGS["nightly"], "to": "disk:/b"},
    }
    both = {"/srv/data": "one", "/srv/data/z": "direct", "/srv/data/y": "two"}
    assert likely_renames(planned(legs=legs), planned(both, legs=two)) == {"nightly": "one"}
    other = {**two, "one": {**two["one"], "to": "disk:/c"}}
    assert likely_renames(planned(legs=legs), planned(both, legs=other)) == {}


def test_needs_follow_a_renamed_source():
    needs = (SecretNeed(secret="it", inside="vault"), SourceNeed(source="vault"))
    old = replace(NEW, sources=(tree("data", needs=needs), tree("vault")))
    seen = plan_renamed(old, {"vault": "safe"})
    assert seen.sources[0].needs == (
        SecretNeed(secret="it", inside="safe"),
        SourceNeed(source="safe"),
    )


def test_needs_are_shown_in_words():
    path = parse_absolute_path("/etc/key")
    needs = (
        FileNeed(path=path, kept="in the safe"),
        SecretNeed(secret="it", inside="vault"),
        SourceNeed(source="vault"),
    )
    shown = facts_of(tree("data", needs=needs))["needs"]
    assert shown == "/etc/key (kept: in the safe), it (in vault), vault"


# ── Drills and checks, which have name spaces of their own ───────────────────────────────────


def watching(drill, check, **was):
    one = {"source": "data", "schedule": "daily", "scratch": "/scratch", **was}
    other = {"kind": "command", "run": ["true"], "schedule": "daily", **was}
    compilation, _ = compiled(manifest(drills={drill: one}, checks={check: other}))
    return compilation.plan


def test_a_drill_and_a_check_are_shown_as_renamed_and_go_back_so():
    before, after = watching("a", "a"), watching("b", "b", was="a")
    assert renames_between(before, after) == {}
    changes = change_set(before, None, after, (), {})
    assert {(one.section, one.name, one.action, one.was) for one in changes.others} == {
        ("drills", "b", Action.UPDATE, "a"),
        ("checks", "b", Action.UPDATE, "a"),
    }
    again = plan_again(before, after)
    assert (again.drills[0].drill.was, again.checks[0].check.was) == ("b", "b")
    assert drill_renames(after, again) == check_renames(after, again) == {"b": "a"}


def test_a_leg_that_is_renamed_renames_no_drill_of_that_name():
    before = watching("nightly", "nightly")
    (leg,) = before.legs
    after = replace(
        before, legs=(replace(leg, leg=replace(leg.leg, name="nightly", was="mirror")),)
    )
    assert not [one for one in change_set(before, None, after, (), {}).others if one.was]
