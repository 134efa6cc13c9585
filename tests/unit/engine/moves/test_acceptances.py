"""What falls short with a reason, and since when."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from engine.changes.plan_changes import Action
from engine.changes.renames import plan_renamed, renames_between
from engine.moves.acceptances import (
    Acceptance,
    Accepted,
    Noted,
    acceptances,
    noted_from_now,
    notes_renamed,
)
from engine.plan.model import Plan
from engine.promises.plan_chains import chains_of
from tests.strategies import compiled, manifest
from tests.unit.engine.moves.test_data_changes import IMMICH, plan_of

THEN = datetime(2026, 3, 1, tzinfo=UTC)
WEEKLY = (
    '    to: "synology:/{source}"\n    schedule: "06:00"\n',
    '    to: "synology:/{source}"\n    schedule: "Sun 06:00"\n',
)


def found_in(
    applied: Plan | None, plan: Plan, noted: Noted | None = None
) -> tuple[Acceptance, ...]:
    """What both plans accept, where the applied one came at `THEN`."""
    names = renames_between(applied, plan) if applied else {}
    old = chains_of(plan_renamed(applied, names)) if applied else None
    return acceptances(old, chains_of(plan), notes_renamed(noted or {}, names), THEN)


def test_an_acceptance_comes_goes_or_stays() -> None:
    found = {one.text: one for one in found_in(plan_of((IMMICH, "")), plan_of())}
    assert {text: one.action for text, one in found.items()} == {
        "/srv/nfs/immich": Action.CREATE,
        "/srv/nfs-ssd": Action.KEEP,
    }
    assert found["/srv/nfs/immich"].message == "2 of 3 copies within 40h (synology up to 29 h)"
    assert (found["/srv/nfs/immich"].since, found["/srv/nfs-ssd"].since) == (None, THEN)
    gone = {one.text: one for one in found_in(plan_of(), plan_of((IMMICH, "")))}
    assert gone["/srv/nfs/immich"].action is Action.DELETE
    assert gone["/srv/nfs/immich"].since == THEN


def test_law_26_what_is_accepted_and_falls_shorter_is_told() -> None:
    found = found_in(plan_of(), plan_of(WEEKLY))
    assert {one.action for one in found} == {Action.UPDATE}
    assert {one.was for one in found} == {"2 of 3 copies within 40h (synology up to 29 h)"}
    assert {one.message for one in found} == {"1 of 3 copies within 40h (synology up to 7 d 5 h)"}


LONG_AGO = THEN - timedelta(days=40)
NOW = THEN + timedelta(days=1)


def accepted(before: Plan | None, plan: Plan, noted: dict[str, Accepted]) -> dict[str, Accepted]:
    """What an apply at `NOW` notes, where the applied plan came at `THEN`."""
    return noted_from_now(found_in(before, plan, noted), NOW)


def since(found: dict[str, Accepted]) -> dict[str, datetime]:
    return {text: one.since for text, one in found.items()}


def test_each_is_as_old_as_the_apply_that_brought_it() -> None:
    first = accepted(None, plan_of((IMMICH, "")), {})
    assert since(first) == {"/srv/nfs-ssd": NOW}
    noted = {text: replace(one, since=LONG_AGO) for text, one in first.items()}
    then = accepted(plan_of((IMMICH, "")), plan_of(), noted)
    assert since(then) == {"/srv/nfs-ssd": LONG_AGO, "/srv/nfs/immich": NOW}
    assert since(accepted(plan_of(), plan_of((IMMICH, "")), then)) == {"/srv/nfs-ssd": LONG_AGO}


def test_one_that_changes_is_accepted_anew() -> None:
    noted = {
        text: replace(one, since=LONG_AGO) for text, one in accepted(None, plan_of(), {}).items()
    }
    assert len(noted) == 2
    shorter = accepted(plan_of(), plan_of(WEEKLY), noted)
    assert set(since(shorter).values()) == {NOW}
    because = noted["/srv/nfs/immich"].because
    other = accepted(plan_of(), plan_of((because, "films only")), noted)
    assert since(other) == {"/srv/nfs-ssd": LONG_AGO, "/srv/nfs/immich": NOW}
    assert other["/srv/nfs/immich"].because == "films only"


def test_what_no_apply_has_noted_is_as_old_as_the_applied_plan() -> None:
    """The state of an earlier version; and a note of another reason, left by an apply that died."""
    assert set(since(accepted(plan_of(), plan_of(), {})).values()) == {THEN}
    stale = {"/srv/nfs-ssd": Accepted(because="another reason", since=LONG_AGO)}
    assert since(accepted(plan_of(), plan_of(), stale))["/srv/nfs-ssd"] == THEN


def volumes(vms: str, disk: str, was: dict[str, str] | None = None) -> Plan:
    """Volumes with fewer copies than wanted, by names that may have been others before."""
    renamed = {name: {"was": old} for name, old in (was or {}).items()}
    at, pool = {"site": "home", "media": "hdd"}, {"vg": "pve", "pool": "data", "volumes": "vm-*"}
    timed = {"schedule": "01:00", "timeout": "1h", "keep": {"last": 3}}
    content = manifest(
        destinations={disk: {"path": "/mnt/disk", **at, **renamed.get("disk", {})}},
        sources={vms: {"kind": "lvm-thin", **pool, **at, **renamed.get("source", {})}},
        legs={
            "snapshots": {"kind": "snapshot", **timed},
            "copies": {"kind": "versions", "from": "snapshots", "to": f"{disk}:/", **timed},
        },
        routes={f"{vms}:": {"leg": "snapshots", "because": "made anew"}},
        objectives={"default": {"copies": 3}},
    )
    return compiled(content)[0].plan


RENAMED = {"source": "vms", "disk": "disk"}


def test_what_is_renamed_keeps_its_date() -> None:
    """The name of a source stands in the line itself, that of a destination in what is said."""
    first, then = volumes("vms", "disk"), volumes("machines", "hdd", RENAMED)
    noted = {"vms:": Accepted(because="made anew", since=LONG_AGO)}
    (one,) = found_in(first, then, noted)
    assert (one.text, one.action, one.since) == ("machines:", Action.KEEP, LONG_AGO)
