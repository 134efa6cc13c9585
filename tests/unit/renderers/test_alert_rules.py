"""The rule file, as Prometheus' own tool reads it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from engine.alerts.alerts import Alert, alerts_of
from engine.alerts.words import Fault, Shown
from engine.compile import compile_policy
from engine.plan.model import Plan
from policy.model import Monitoring
from policy.parse import load
from policy.parts import SshTarget
from policy.values import AbsolutePath, parse_absolute_path
from renderers import RenderRefused, alert_rules
from renderers.alert_rules import literal
from tests.plans import disk, mirror, nas, plan
from tests.prometheus import promtool, rules_of
from tests.strategies import GOLDEN, REFERENCE, compare_golden

RULES = parse_absolute_path("/etc/prometheus/rules/backup.yml")
MONITORING = Monitoring(pushgateway="http://127.0.0.1:9091", rules=RULES)
HOSTILE = (
    "{{ $value }}",
    "{",
    "a{{",
    "}}{{{",
    "%s %%",
    "$HOME ${x}",
    "\"'`",
    "a: b #c",
    "- x",
    "\\n",
)


def reference() -> Plan:
    return compile_policy(load(REFERENCE.read_bytes(), "backup-policy.yaml")[1])


def test_no_rules_where_the_manifest_names_no_file() -> None:
    assert list(alert_rules.render(plan(monitoring=replace(MONITORING, rules=None)))) == []


def test_the_rules_of_the_reference(update_golden: bool) -> None:
    (file,) = alert_rules.render(reference())
    assert str(file.path) == "/etc/prometheus/rules/backup-policy.yml"
    compare_golden(GOLDEN / "homelab" / "alert-rules.yml", file.content, update=update_golden)


def test_each_alert_is_a_rule() -> None:
    some = plan(monitoring=MONITORING)
    alerts, rules = alerts_of(some), rules_of(some)
    assert [one["alert"] for one in rules] == [one.name for one in alerts]
    assert [one["expr"] for one in rules] == [one.expression for one in alerts]
    assert [one["labels"] for one in rules] == [dict(one.labels) for one in alerts]
    held = {one["alert"]: one.get("for") for one in rules}
    assert held["SdaMirrorStale"] is None
    assert held["SdaMirrorNeverRan"] == "1d3h30m"


@pytest.mark.tool("promtool")
def test_prometheus_accepts_the_reference(tmp_path: Path) -> None:
    (file,) = alert_rules.render(reference())
    (tmp_path / "rules.yml").write_bytes(file.content)
    accepted, said = promtool(
        "check", "rules", "--lint=all", "--lint-fatal", tmp_path / "rules.yml"
    )
    assert accepted, said


@pytest.mark.parametrize("text", HOSTILE)
def test_a_text_has_no_template_in_it(text: str) -> None:
    """Actions of ours alone remain, and what they print is the text."""
    shown = re.sub(r'\{\{"(\{+)"\}\}', lambda found: found[1].replace("{", "\0"), literal(text))
    assert "{" not in shown
    assert shown.replace("\0", "{") == text


def filled(alert: Alert, share: str) -> dict[str, str]:
    texts = {"summary": alert.summary, "description": alert.description}
    return {
        name: "".join(share if one is Shown.SHARE else str(one) for one in text)
        for name, text in texts.items()
    }


def judge_texts(some: Plan, folder: Path) -> None:
    """Let Prometheus fire the alerts of full disks, and compare each text with what was meant."""
    (file,) = alert_rules.render(some)
    (folder / "rules.yml").write_bytes(file.content)
    full = [one for one in alerts_of(some) if one.fault is Fault.FULL]
    series, cases = [], []
    for one in full:
        labels = f'destination="{dict(one.subject)["destination"]}",instance="pve"'
        for name, value in (("free", 1), ("size", 100)):
            series.append(
                {"series": f"policyctl_destination_{name}_bytes{{{labels}}}", "values": f"{value}"}
            )
        expected = {"exp_labels": dict(one.labels), "exp_annotations": filled(one, "99%")}
        cases.append({"alertname": one.name, "eval_time": "0m", "exp_alerts": [expected]})
    tests = {
        "rule_files": ["rules.yml"],
        "tests": [{"interval": "1m", "input_series": series, "alert_rule_test": cases}],
    }
    path = folder / "tests.yml"
    # Everything that is not plain ASCII is escaped: what is judged here is the other file.
    path.write_text(yaml.safe_dump(tests, default_style='"'))
    passed, said = promtool("test", "rules", path)
    assert passed, said


def hostile_plan(names: tuple[bytes, ...]) -> Plan:
    there = AbsolutePath(names)
    account = SshTarget(account="{{ . }}$x@nas'\"")
    places = (disk(path="/x"), nas(path="/y", ssh=account))
    places = tuple(replace(one, path=there) for one in places)
    legs = (mirror(), mirror("far", "synology:/x"))
    return plan(monitoring=MONITORING, destinations=places, legs=legs)


@pytest.mark.tool("promtool")
@given(st.lists(st.one_of(st.sampled_from(HOSTILE), st.text(min_size=1)), max_size=3))
@example(list(HOSTILE))
@example(["\u2028\x85\ufeff\xa0 \ufffe\U0001f600\U0010ffff\t\x01\x7f\n"])
def test_hostile_values_reach_who_is_woken_unharmed(tmp_path_factory, texts: list[str]) -> None:
    names = tuple(one.encode("utf-8", "surrogatepass") for one in texts)
    judge_texts(hostile_plan(names), tmp_path_factory.mktemp("rules"))


def test_what_no_file_can_hold_is_refused() -> None:
    some = plan(
        monitoring=MONITORING, destinations=(disk(), nas(ssh=SshTarget(account="\ud800@x")))
    )
    with pytest.raises(RenderRefused, match="ud800@x"):
        list(alert_rules.render(some))
