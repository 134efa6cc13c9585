"""Accepted shortfalls in `plan`, `apply` and `status`: since when each is accepted."""

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.e2e.test_cli import MANIFEST, Machine

ACCEPTED = (
    MANIFEST.replace("big: direct\n", "big: {leg: direct, because: films can be bought again}\n")
    + "objectives:\n  /srv/data/big: {copies: 3}\n"
)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path, ACCEPTED)
    assert made("apply").code == 0
    return made


def change(machine: Machine, *statements: str) -> None:
    """Change the state as time, or an earlier version, would have left it."""
    with closing(sqlite3.connect(machine.root / "var/lib/policyctl/state.db")) as db, db:
        for one in statements:
            db.execute(one)


def pass_by(machine: Machine, days: int) -> str:
    """Let days pass since all was accepted."""
    then = (datetime.now(UTC) - timedelta(days=days)).isoformat()
    change(machine, f"UPDATE acceptance SET since = '{then}'")
    return then


def test_status_and_plan_say_for_how_long_each_is_accepted(machine: Machine) -> None:
    then = pass_by(machine, 41)
    shown = machine("status").out
    assert "falls short: /srv/data/big has 2 of 3 copies" in shown
    assert "accepted for 41 days because films can be bought again" in shown
    (one,) = json.loads(machine("status", "--json").out)["acceptances"]
    assert (one["route"], one["since"]) == ("/srv/data/big", then)
    assert one["age_seconds"] // 86_400 == 41
    machine.edit("rebuilt", "made anew")
    assert "accepted for 41 days because films can be bought again" in machine("plan").out
    # Another edit changes nothing of that, whether it is applied or not.
    assert machine("apply").code == 0
    (one,) = json.loads(machine("plan", "--json").out)["data"]["acceptances"]
    assert (one["action"], one["since"]) == ("keep", then)


def test_another_reason_is_accepted_anew_and_what_is_gone_has_no_age(machine: Machine) -> None:
    pass_by(machine, 41)
    machine.edit("films can be bought again", "nobody watches them")
    assert "accepted anew because nobody watches them" in machine("plan").out
    assert machine("apply").code == 0
    assert "accepted for less than a day because nobody watches them" in machine("status").out
    pass_by(machine, 41)
    machine.edit("{copies: 3}", "{copies: 2}")
    gone = "- /srv/data/big falls short no longer, or is gone; accepted for 41 days"
    assert gone in machine("plan").out
    assert machine("apply").code == 0
    assert json.loads(machine("status", "--json").out)["acceptances"] == []
    machine.edit("{copies: 2}", "{copies: 3}")
    assert machine("apply").code == 0
    assert "accepted for less than a day" in machine("status").out


def test_the_state_of_an_earlier_version_begins_with_the_apply_of_the_plan(
    machine: Machine,
) -> None:
    record = json.loads((machine.root / "var/lib/policyctl/applied.json").read_text())
    new = (
        *("acceptance", "generation_room", "name_folding", "verification", "differing"),
        *("begun", "left_plan", "drill", "drill_expected", "drill_fault", "look"),
        "check_expected",
    )
    change(machine, *(f"DROP TABLE {name}" for name in new), "PRAGMA user_version = 6")
    done = machine("apply")
    assert done.code == 0, done.err
    (one,) = json.loads(machine("status", "--json").out)["acceptances"]
    assert one["since"] == record["applied_at"]
