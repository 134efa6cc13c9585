"""`policyctl rollback` as it is typed: shown, confirmed, done, or not."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
import typer

from engine.rollback.remaining import Rollback
from engine.system.host.signals import Interrupted
from engine.system.state.rollback_records import Rollbacks
from engine.system.state.state import open_state
from policyctl import rolling_back
from policyctl.boundary import Refused
from policyctl.commands.rollback import rollback
from policyctl.rolling_back import Locked, Proposal, RollingBack
from tests.fake_lvm import SNAP
from tests.unit.engine.rollback.test_remaining import IN_USE, ROLLBACK
from tests.unit.policyctl.test_rolling_back import USERS, World
from tests.unit.policyctl.test_rolling_back import world as world


class Typed(io.StringIO):
    """A terminal at which somebody types."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def done(world: World, monkeypatch: pytest.MonkeyPatch) -> list[Rollback]:
    """What was carried out; the carrying out is tested elsewhere."""
    found: list[Rollback] = []

    def roll_back(rolling: RollingBack, proposal: Proposal, say: object) -> Rollback:
        found.append(replace(proposal.record, ended=ROLLBACK.moment))
        return found[-1]

    monkeypatch.setattr(rolling_back, "roll_back", roll_back)
    world.looks(IN_USE, SNAP, times=2)
    world.rolling(rollback=USERS)
    return found


def types(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", Typed(text))


def test_who_types_the_items_name_has_it_done(
    done: list[Rollback], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    types(monkeypatch, "web\n")
    rollback("pool:web")
    said = capsys.readouterr()
    assert len(done) == 1
    assert said.out.index("1. stop what uses it") < said.out.index("pool:web is rolled back")
    assert "`policyctl rollback pool:web --undo` brings it back" in said.out
    assert said.err == "type web to go on:\n"


@pytest.mark.parametrize("text", ["", "\n", "y\n", "yes\n", "pool:web\n", "Web\n"])
def test_anything_else_changes_nothing(
    done: list[Rollback], monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    types(monkeypatch, text)
    with pytest.raises(Refused, match="that is not its name: nothing was changed"):
        rollback("pool:web")
    assert done == []


def test_without_a_terminal_it_is_only_shown(
    done: list[Rollback], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("web\n"))
    rollback("pool:web", json=True)
    said = capsys.readouterr()
    assert done == []
    document = json.loads(said.out)
    assert (document["done"], document["ended"]) == (False, None)
    assert len(document["steps"]) == 8
    assert said.err.endswith("nothing was done: --yes does it, or type it at a terminal\n")


def test_yes_asks_nobody(
    done: list[Rollback], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    rollback("pool:web", yes=True, json=True)
    assert json.loads(capsys.readouterr().out)["done"] is True
    assert len(done) == 1


@pytest.mark.parametrize(
    ("end", "code", "words"),
    [
        (Interrupted(15), 143, "ended by SIGTERM; nothing is lost: a rollback of pool:web to its"),
        (Interrupted(2), 130, "`policyctl rollback pool:web --undo` takes it back"),
        (Locked(Path("leg.nightly.lock"), "process 7"), 75, "nothing was changed: try again"),
    ],
)
def test_what_cuts_it_off_says_what_to_type(
    done: list[Rollback],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    end: BaseException,
    code: int,
    words: str,
) -> None:
    def cut_off(rolling: RollingBack, proposal: Proposal, say: object) -> Rollback:
        with open_state(rolling.running.places.state_file) as state:
            Rollbacks(state.connection).note(proposal.record)
        raise end

    monkeypatch.setattr(rolling_back, "roll_back", cut_off)
    with pytest.raises(typer.Exit) as leaving:
        rollback("pool:web", yes=True)
    assert leaving.value.exit_code == code
    assert words in capsys.readouterr().err


def test_cut_off_before_it_began_it_is_nothing(
    done: list[Rollback], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def cut_off(*given: object) -> Rollback:
        raise Interrupted(15)

    monkeypatch.setattr(rolling_back, "roll_back", cut_off)
    with pytest.raises(typer.Exit):
        rollback("pool:web", yes=True)
    assert capsys.readouterr().err == "policyctl: ended by SIGTERM; nothing was changed\n"


def test_an_undo_has_no_moment() -> None:
    with pytest.raises(typer.BadParameter, match="leave out --to"):
        rollback("pool:web", undo=True, to="2026-11-28")
