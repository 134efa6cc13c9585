"""Pauses and policy drift, told to a real Pushgateway and to a textfile folder."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine.plan.model import Plan
from engine.schedule.pauses import Pause
from engine.system.apply.applied import load_plan
from engine.system.host.places import Places
from engine.system.state.state import open_state
from engine.system.telling.forget import forget, note_leaving
from engine.system.telling.tell import tell_leg, tell_policy
from policy.model import Monitoring
from tests.e2e.test_cli import MANIFEST, Machine
from tests.integration.gateway import Gateway, free_port, gateway, series

pytestmark = [pytest.mark.tool("rsync"), pytest.mark.tool("prometheus-pushgateway")]
FOLDER = "var/lib/node-exporter"
PAUSED_UNTIL = 'policyctl_leg_paused_until_timestamp_seconds{kind="mirror",leg="nightly"}'
DRIFT = {
    what: f'policyctl_policy_drift{{part="policy",what="{what}"}}' for what in ("manifest", "files")
}


@pytest.fixture
def pushed(tmp_path: Path) -> Iterator[Gateway]:
    with gateway(tmp_path) as found:
        yield found


@pytest.fixture
def machine(tmp_path: Path, pushed: Gateway) -> Machine:
    told = f"monitoring: {{textfile: /{FOLDER}, pushgateway: '{pushed.url}'}}\n"
    found = Machine(tmp_path, MANIFEST + told)
    done = found("apply")
    assert done.code == 0, done.err
    return found


def applied(machine: Machine) -> tuple[Plan, Places]:
    plan = load_plan(machine.root)
    assert plan is not None
    return plan, Places(root=machine.root)


def tell(machine: Machine, leg: str = "nightly") -> str:
    """What is told at a run's end, and by `pause` and `resume`."""
    plan, places = applied(machine)
    found = plan.leg(leg)
    assert found is not None
    with open_state(places.state_file) as state:
        return tell_leg(plan, found, state, places, push_staged=True)


def drift(pushed: Gateway) -> tuple[float | None, float | None]:
    shown = pushed.series("policyctl_policy_drift")
    return shown.get(DRIFT["manifest"]), shown.get(DRIFT["files"])


def test_a_pause_is_told_and_taken_back_with_its_legs_group(
    machine: Machine, pushed: Gateway
) -> None:
    assert tell(machine) == ""
    assert PAUSED_UNTIL not in pushed.series()
    now = datetime.now(UTC)
    pause = Pause(leg="nightly", until=now + timedelta(days=3), since=now)
    _, places = applied(machine)
    with open_state(places.state_file) as state:
        state.pauses.begin(pause)
    assert tell(machine) == ""
    assert tell(machine, "direct") == ""
    assert pushed.series()[PAUSED_UNTIL] == pause.until.timestamp()
    assert [one for one in pushed.series() if "paused" in one] == [PAUSED_UNTIL]
    with open_state(places.state_file) as state:
        state.pauses.begin(replace(pause, until=now))  # its time has come
    assert tell(machine) == ""
    assert PAUSED_UNTIL not in pushed.series()


def test_law_10_drift_is_one_group_whichever_leg_tells_it(
    machine: Machine, pushed: Gateway
) -> None:
    assert tell(machine) == ""
    assert drift(pushed) == (0, 0)
    machine.edit('schedule: "02:00"', 'schedule: "03:00"')
    assert tell(machine, "direct") == ""
    assert drift(pushed) == (1, 0)
    (machine.root / "etc/systemd/system/policyctl-nightly.timer").write_text("by hand")
    assert tell(machine) == ""
    assert drift(pushed) == (1, 1)
    infos = pushed.series("policyctl_policy_info")
    assert len(infos) == 1, "that of the manifest before is gone"
    folder = machine.root / FOLDER
    written = series((folder / "policyctl.policy.prom").read_text())
    assert {
        name.replace(',part="policy"', "").replace('part="policy",', "") for name in infos
    } <= set(written)


def test_law_36_who_is_told_no_more_keeps_no_drift(machine: Machine, pushed: Gateway) -> None:
    assert tell(machine) == ""
    plan, places = applied(machine)
    quiet = replace(plan, monitoring=Monitoring(textfile=plan.monitoring.textfile))
    note_leaving(plan, quiet, places, push_staged=True)
    assert forget(quiet, places, push_staged=True) == ()
    assert pushed.series() == {}
    assert (machine.root / FOLDER / "policyctl.policy.prom").exists()


def test_law_06_a_gateway_that_is_down_is_said_to_be(tmp_path: Path) -> None:
    down = f"http://127.0.0.1:{free_port()}"
    machine = Machine(tmp_path, MANIFEST + f"monitoring: {{pushgateway: '{down}'}}\n")
    assert machine("apply").code == 0
    plan, places = applied(machine)
    assert down in tell_policy(plan, places, push_staged=True)
