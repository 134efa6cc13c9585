"""Routes of the alerts, as Alertmanager's own tool reads them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from engine.alerts.alerts import alerts_of
from engine.plan.model import Plan
from policy.model import Monitoring
from renderers import RenderRefused, alertmanager_routes
from tests.plans import plan

RECEIVERS = (("critical", "pager"), ("default", "mail"))


def routed(*receivers: tuple[str, str]) -> Plan:
    return plan(monitoring=Monitoring(receivers=receivers))


def configuration(some: Plan, folder: Path) -> Path:
    """A whole configuration with the fragment in it, as the administrator would put it in."""
    (file,) = alertmanager_routes.render(some)
    names = sorted({name for _, name in some.monitoring.receivers})
    receivers = "".join(f"- name: {yaml.safe_dump(one, default_style=chr(34))}" for one in names)
    fragment = "".join(f"  {line}\n" for line in file.content.decode().split("\n") if line)
    path = folder / "alertmanager.yml"
    path.write_text(f"route:\n  receiver: other\n{fragment}receivers:\n- name: other\n{receivers}")
    return path


def amtool(*arguments: str | Path) -> str:
    done = subprocess.run(["amtool", *arguments], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


def receiver_of(path: Path, **labels: str) -> str:
    words = [f"{name}={value}" for name, value in labels.items()]
    return amtool("config", "routes", "test", f"--config.file={path}", *words).removesuffix("\n")


def test_no_routes_without_receivers() -> None:
    assert list(alertmanager_routes.render(routed())) == []


@pytest.mark.tool("amtool")
def test_alertmanager_accepts_it(tmp_path: Path) -> None:
    assert "SUCCESS" in amtool("check-config", configuration(routed(*RECEIVERS), tmp_path))


@pytest.mark.tool("amtool")
def test_each_alert_finds_its_receiver(tmp_path: Path) -> None:
    some = routed(*RECEIVERS)
    path = configuration(some, tmp_path)
    (one,) = (one for one in alerts_of(some) if one.name == "SdaMirrorStale")
    labels = dict(one.labels)
    assert receiver_of(path, **labels) == "mail"
    assert receiver_of(path, **{**labels, "severity": "critical"}) == "pager"
    assert receiver_of(path, **{**labels, "instance": "elsewhere"}) == "other"
    assert receiver_of(path, severity="critical") == "other", "no business of ours"


def test_law_40_backup_alerts_repeat() -> None:
    (file,) = alertmanager_routes.render(routed(*RECEIVERS))
    (route,) = yaml.safe_load(file.content)["routes"]
    repeats = {one["matchers"][0]: one["repeat_interval"] for one in route["routes"]}
    assert repeats == {'severity="critical"': "4h", 'severity="warning"': "1d"}


@pytest.mark.tool("amtool")
@given(st.text(min_size=1))
@example("{{ . }} $x %s \"'`\\")
@example("a: b #c")
@example("- x")
@example("null")
@example("1e5")
@example(" \n\u2028\x85\ufeff\ufffe\U0001f600\x01")
def test_a_receiver_may_have_any_name(tmp_path_factory, name: str) -> None:
    some = routed(("default", name))
    if name == "other":
        return
    path = configuration(some, tmp_path_factory.mktemp("alertmanager"))
    (one,) = (one for one in alerts_of(some) if one.name == "SdaMirrorStale")
    assert receiver_of(path, **dict(one.labels)) == name


def test_what_no_file_can_hold_is_refused() -> None:
    with pytest.raises(RenderRefused, match="ud800"):
        list(alertmanager_routes.render(routed(("default", "\ud800"))))
