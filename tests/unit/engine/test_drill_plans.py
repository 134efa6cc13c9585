"""What drills amount to in a plan, and what speaks against them."""

from __future__ import annotations

from typing import Any

import pytest

from engine.changes.plan_changes import plan_changes
from engine.plan.model import DrillPlan
from engine.plan.stored import plan_from_json, plan_to_json
from policy.diagnostics import Diagnostic, Severity
from tests.strategies import checked, compiled, errors, manifest

NAS = {"ssh": "backup@nas.example.net", "path": "/copies", "media": "nas", "site": "away"}
DISK = {"path": "/mnt/disk", "media": "hdd", "site": "home"}
DRILL = {"source": "data", "schedule": "Sat 04:00", "scratch": "/var/scratch"}


def lab(**more: Any) -> dict[str, Any]:
    """A tree on a disk, and on a NAS by a second hop."""
    sections: dict[str, Any] = {
        "destinations": {"disk": DISK, "nas": NAS},
        "legs": {
            "mirror": {"kind": "mirror", "to": "disk:/"},
            "offsite": {"kind": "mirror", "from": "disk", "to": "nas:/disk"},
        },
        "drills": {"data": DRILL},
    }
    return manifest(**{**sections, **more})


def drill_of(content: dict[str, Any]) -> DrillPlan:
    compilation, findings = compiled(content)
    assert [one for one in findings if one.severity is Severity.ERROR] == []
    (found,) = compilation.plan.drills
    return found


def test_each_place_that_holds_copies_has_its_turn() -> None:
    assert drill_of(lab()).places == ("disk", "nas")


def test_a_place_may_be_named() -> None:
    assert drill_of(lab(drills={"data": {**DRILL, "from": "nas"}})).places == ("nas",)


def test_how_old_it_may_get_follows_from_its_schedule_and_its_limit() -> None:
    found = drill_of(lab(drills={"data": {**DRILL, "timeout": "2h"}}))
    assert (found.longest_gap, found.allowed_age) == (7 * 86_400, 7 * 86_400 + 7_200)


def test_volumes_are_restored_from_their_generations() -> None:
    content = manifest(
        sources={
            "vms": {"kind": "lvm-thin", "vg": "pve", "pool": "data", "volumes": "vm-*"},
        },
        legs={
            "snapshots": {"kind": "snapshot", "schedule": "00:00", "keep": {"last": 3}},
            "files": {
                "kind": "versions",
                "from": "snapshots",
                "to": "disk:/vms",
                "schedule": "05:00",
                "keep": {"last": 3},
            },
        },
        routes={"vms:": "snapshots"},
        drills={"vms": {**DRILL, "source": "vms"}},
    )
    assert drill_of(content).places == ("disk",)


def only(content: dict[str, Any], code: str) -> Diagnostic:
    (found,) = (one for one in checked(content).findings if one.severity is Severity.ERROR)
    assert found.code == code
    return found


def test_unknown_names_are_told_with_what_was_meant() -> None:
    found = only(lab(drills={"data": {**DRILL, "source": "date"}}), "unknown-name")
    assert (found.message, found.hint) == ("there is no source 'date'", "did you mean 'data'?")
    found = only(lab(drills={"data": {**DRILL, "from": "nass"}}), "unknown-name")
    assert "did you mean 'nas'?" in (found.hint or "")


def test_a_place_without_copies_has_nothing_to_restore() -> None:
    content = lab(
        destinations={"disk": DISK, "nas": NAS, "spare": {**DISK, "path": "/mnt/spare"}},
        drills={"data": {**DRILL, "from": "spare"}},
    )
    found = only(content, "drill-no-copy")
    assert (found.message, found.hint) == (
        "'spare' holds no copy of 'data'",
        "these do: disk, nas",
    )


def test_a_source_that_is_dumped_can_be_rehearsed() -> None:
    content = lab(
        sources={
            "data": {"kind": "tree", "path": "/srv/data"},
            "db": {"kind": "postgresql", "connect": {"host": "localhost"}},
        },
        legs={
            "mirror": {"kind": "mirror", "to": "disk:/"},
            "dump": {"kind": "dump", "from": "db", "to": "disk:/db", "keep": {"last": 3}},
        },
        drills={"db": {**DRILL, "source": "db"}},
    )
    (plan,) = compiled(content)[0].plan.drills
    assert plan.places == ("disk",)


@pytest.mark.parametrize(
    ("scratch", "where"),
    [
        ("/srv/data", "the source 'data'"),
        ("/srv/data/scratch", "the source 'data'"),
        ("/mnt/disk/scratch", "the destination 'disk'"),
    ],
)
def test_scratch_space_is_nobodys_data(scratch: str, where: str) -> None:
    content = lab(drills={"data": {**DRILL, "scratch": scratch}})
    assert only(content, "drill-scratch").message == f"{scratch} lies in {where}"


def test_beside_data_it_may_lie_and_below_a_path_of_the_nas() -> None:
    for scratch in ("/srv", "/srv/data-scratch", "/copies"):
        assert errors(lab(drills={"data": {**DRILL, "scratch": scratch}})) == []


@pytest.mark.parametrize(
    ("schedule", "code"), [("*:0/5", "schedule-too-often"), ("2027-01-01", "schedule-ends")]
)
def test_calendars_are_judged_as_those_of_legs(schedule: str, code: str) -> None:
    assert errors(lab(drills={"data": {**DRILL, "schedule": schedule}})) == [code]


def test_an_hour_that_one_day_lacks_is_a_warning() -> None:
    content = lab(timezone="Europe/Sofia", drills={"data": {**DRILL, "schedule": "Sun 03:30"}})
    assert "schedule-skipped" in [one.code for one in checked(content).findings]


def test_alerts_of_two_have_names_of_their_own() -> None:
    both = {"data": DRILL, "data-drill": DRILL}
    assert "the names of those of 'data'" in only(lab(drills=both), "alert-twice").message


class TestStored:
    def test_it_comes_back_as_it_was(self) -> None:
        plan = compiled(lab(drills={"data": {**DRILL, "sample": "all", "within": "1d"}}))[0].plan
        assert plan_from_json(plan_to_json(plan)) == plan

    def test_a_plan_from_before_there_were_drills_is_read(self) -> None:
        plan = compiled(lab(drills={}))[0].plan
        text = plan_to_json(plan)
        older = text.replace(' "drills": [],', "").replace(', "drills": []', "")
        assert older != text or '"drills"' not in text
        assert plan_from_json(older) == plan


def test_what_changes_is_told_in_the_manifests_words() -> None:
    before = compiled(lab())[0].plan
    after = compiled(lab(drills={"data": {**DRILL, "sample": "2G", "within": "1d"}}))[0].plan
    (change,) = plan_changes(before, after).others
    assert (change.section, change.name) == ("drills", "data")
    assert change.words == ("sample: 1G → 2G", "within: not set → 24h")
    (gone,) = plan_changes(before, compiled(lab(drills={}))[0].plan).others
    assert gone.action.value == "delete"
    (new,) = (one for one in plan_changes(None, before).others if one.section == "drills")
    assert "restores from: disk, nas" in new.words
    assert "schedule: Sat 04:00" in new.words
    everything = compiled(lab(drills={"data": {**DRILL, "sample": "all"}}))[0].plan
    (change,) = plan_changes(before, everything).others
    assert change.words == ("sample: 1G → all",)
