"""`plan` and `apply` below a root: what would be run, what is guarded, and the way back."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine.records.reports import RunStatus
from engine.system.state.state import RunRecord, open_state
from tests.e2e.test_cli import MANIFEST, Machine

RULES = "/etc/prometheus/rules/backup.yml"
TIMER = "/etc/systemd/system/policyctl-nightly.timer"
TOLD = f"\nmonitoring:\n  textfile: /collector\n  rules: {RULES}\n"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path, MANIFEST + TOLD)


@pytest.fixture
def applied(machine: Machine) -> Machine:
    assert machine("apply").code == 0
    return machine


def test_below_a_root_commands_are_named_and_not_run(machine: Machine) -> None:
    shown = machine("plan").out
    title = "would run on the machine itself (not below --root)\n"
    assert title in shown
    assert "  systemctl daemon-reload  (unit files changed)\n" in shown
    done = machine("apply")
    assert (done.code, title in done.out) == (0, True)
    assert "done: " not in done.out + done.err
    found = machine("plan", "--json").json
    assert (found["empty"], found["activation"]) == (
        True,
        {"where": "staged", "steps": [], "notes": []},
    )


def test_plan_prints_its_commands_as_json(machine: Machine) -> None:
    activation = machine("plan", "--json").json["activation"]
    assert activation["where"] == "staged"
    assert [step["argv"][:2] for step in activation["steps"]] == [
        ["touch", "--no-create"],
        ["systemctl", "daemon-reload"],
        ["systemctl", "enable"],
        ["systemctl", "enable"],
        ["systemctl", "try-reload-or-restart"],
    ]
    assert not any(step["before_files_go"] for step in activation["steps"])
    assert machine("apply", "--json").json["activation"] == {
        "where": "staged",
        "steps": [],
        "notes": [],
    }


@pytest.mark.tool("rsync")
def test_law_36_a_leg_that_goes_leaves_nothing_but_its_copies(applied: Machine) -> None:
    for leg in ("nightly", "direct"):
        assert applied("run", leg).code == 0
    applied.write("var/lib/policyctl/run/direct/dump.sql", "what a killed run has left")
    (applied.root / "var/lib/policyctl/run/direct/empty").mkdir()
    before = applied.state()
    assert "DirectStale" in (applied.root / RULES[1:]).read_text()
    assert (applied.root / "collector/policyctl-direct.prom").exists()
    applied.edit("  /srv/data/big: direct\n", '  /srv/data/big: {none: "films"}\n')
    applied.edit('  direct: {kind: mirror, to: "nas:/data", schedule: "04:00", timeout: 5m}\n', "")
    shown = applied("plan").out
    assert "- direct\n      left behind, protected: nas:/data\n" in shown
    assert "  - DirectStale\n" in shown
    assert "series taken back\n  leg direct at /collector\n" in shown
    assert (
        "  systemctl disable --now policyctl-direct.timer  (the policy has them no longer), "
        "before files go\n"
    ) in shown
    assert applied("apply").code == 0
    after = applied.state()
    left = {name for name in after if "direct" in name}
    assert {name for name in left if not name.startswith("var/lib/policyctl/locks/")} == set()
    assert "DirectStale" not in (applied.root / RULES[1:]).read_text()
    assert "NightlyStale" in (applied.root / RULES[1:]).read_text()
    copies = {name: one for name, one in before.items() if name.startswith(("@nas", "mnt/"))}
    assert {name: after.get(name) for name in copies} == copies
    mine = "etc/systemd/system/policyctl-nightly"
    kept = {name: one for name, one in before.items() if name.startswith(mine)}
    assert kept
    assert {name: after.get(name) for name in kept} == kept


@pytest.mark.parametrize("path", [TIMER, RULES])
def test_a_generated_file_edited_by_hand_is_kept_until_it_is_named(
    applied: Machine, path: str
) -> None:
    file = applied.root / path[1:]
    written = file.read_text()
    file.write_text(written + "# by hand\n")
    shown = applied("plan")
    assert f"~ {path}  (drifted, refused)\n" in shown.out
    assert "    -# by hand\n" in shown.out
    assert applied("plan", "--exit-code").code == 4
    refused = applied("apply")
    assert (refused.code, file.read_text()) == (5, written + "# by hand\n")
    assert f"--overwrite {path}" in refused.err
    assert applied("apply", "--overwrite", path).code == 0
    assert file.read_text() == written


@pytest.mark.parametrize("path", [TIMER, RULES])
def test_a_foreign_file_in_a_generated_ones_place_is_kept(machine: Machine, path: str) -> None:
    machine.write(path[1:], "mine\n")
    refused = machine("apply")
    assert refused.code == 5
    assert f"{path} was not written by policyctl" in refused.err
    assert (machine.root / path[1:]).read_text() == "mine\n"
    assert not (machine.root / "var/lib/policyctl/plan.json").exists()


def test_law_31_alerts_do_not_vanish_unasked(applied: Machine) -> None:
    applied.edit(f"  rules: {RULES}\n", "")
    refused = applied("apply")
    assert refused.code == 5
    assert "all alerts would vanish" in refused.err
    assert (applied.root / RULES[1:]).exists()
    assert applied("apply", "--accept-removals").code == 0
    assert not (applied.root / RULES[1:]).exists()


def test_law_08_a_schedule_moves_its_timer_and_its_alert_and_touches_nothing_else(
    applied: Machine,
) -> None:
    before = applied.state()
    applied.edit('"02:00"', '"Sun 02:00"')
    assert applied("apply").code == 0
    after = applied.state()
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert {name for name in changed if not name.startswith("var/lib/policyctl/")} == {
        TIMER[1:],
        RULES[1:],
        "collector/policyctl.policy.prom",
    }
    assert not any("filters" in name for name in changed)
    found = (after[RULES[1:]][1], before[RULES[1:]][1])
    now, then = (rules_of(text.decode()) for text in found)
    # The leg is also who measures the room at its disk.
    assert {name for name in now if now[name] != then[name]} == {
        "NightlyStale",
        "NightlyNeverRan",
        "DiskUnknown",
    }


def rules_of(text: str) -> dict[str, str]:
    """Each alert's text, by its name and place."""
    parts = text.split("- alert: ")[1:]
    return {part.partition("\n")[0]: part for part in parts}


def test_a_rollback_brings_back_every_file_and_once_more_returns(applied: Machine) -> None:
    first = generated(applied)
    refused = applied("apply", "--rollback")
    assert (refused.code, "there is no way back" in refused.err) == (5, True)
    applied.edit('"02:00"', '"Sun 03:00"')
    assert applied("apply").code == 0
    second = generated(applied)
    assert second != first
    shown = applied("plan", "--rollback", "--exit-code")
    assert shown.code == 4
    assert re.search(r"^  ~ nightly: .*schedule: Sun 03:00 → 02:00;", shown.out, re.MULTILINE)
    assert re.search(r"^  ~ NightlyStale: fires after: 1\d\dh.* → 2\dh", shown.out, re.MULTILINE)
    assert generated(applied) == second
    back = applied("apply", "--rollback")
    assert back.code == 0
    assert f"the next `policyctl apply --root {applied.root}` makes true what it" in back.err
    assert generated(applied) == first
    assert "the manifest differs from what is applied" in applied("status").out
    again = applied("plan", "--exit-code")
    assert again.code == 4
    assert again.out.startswith("what runs is the plan of before, brought back by")
    assert applied("apply", "--rollback").code == 0
    assert generated(applied) == second
    assert applied("plan", "--exit-code").code == 0


def test_a_rollback_needs_no_manifest_that_holds(applied: Machine) -> None:
    first = generated(applied)
    applied.edit('"02:00"', '"03:00"')
    assert applied("apply").code == 0
    applied.manifest.write_text("ruined: [\n")
    assert applied("apply").code == 3
    assert applied("apply", "--rollback").code == 0
    assert generated(applied) == first


def test_a_rollback_is_guarded_as_any_apply(applied: Machine) -> None:
    applied.edit('"02:00"', '"03:00"')
    assert applied("apply").code == 0
    timer = applied.root / TIMER[1:]
    timer.write_text("by hand\n")
    refused = applied("apply", "--rollback")
    assert (refused.code, timer.read_text()) == (5, "by hand\n")
    assert applied("apply", "--rollback", "--overwrite", TIMER).code == 0


def generated(machine: Machine) -> dict[str, str]:
    """What every generated file holds."""
    places = ("etc/", "var/lib/policyctl/filters/")
    return {
        name: (machine.root / name).read_text()
        for name in machine.state()
        if name.startswith(places)
    }


def test_plan_names_what_the_administrator_has_laid_over_a_unit(applied: Machine) -> None:
    name = "etc/systemd/system/policyctl-nightly.service.d/slower.conf"
    applied.write(name, "[Service]\nIOWeight=10\n")
    assert f"/{name} is the administrator's: it stays" in applied("plan").out
    assert applied("apply").code == 0
    assert (applied.root / name).exists()


def test_plan_says_which_leg_a_new_schedule_makes_stale_at_once(machine: Machine) -> None:
    machine.edit('schedule: "02:00"', 'schedule: "Mon 02:00"')
    assert machine("apply").code == 0
    ended = datetime.now(UTC) - timedelta(hours=72)
    with open_state(machine.root / "var/lib/policyctl/state.db") as state:
        state.finish(
            RunRecord(run_id="r", leg="nightly", status=RunStatus.OK, started=ended, ended=ended)
        )
    assert "stale at once" not in machine("plan").out
    machine.edit('schedule: "Mon 02:00"', 'schedule: "02:00"')
    assert (
        "nightly is stale at once: its last success is 72h ago, and 24h 35m are allowed"
        in machine("plan").out
    )
