"""The rules that `apply` wrote in a real Prometheus, which scrapes a real Pushgateway."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.lab.homelab import REFERENCE, Homelab, manifest

pytestmark = [pytest.mark.lab, pytest.mark.root]
LEGS = ("sda-mirror", "host-config", "synology-direct", "offsite")
OTHER_LEGS = (
    *("lvm-snapshots", "pvc-files", "sqlite-copies"),
    *("firewall-config", "firewall-system"),
    *("postgresql-full", "postgresql-per-db", "mysql-full", "mysql-per-db", "etcd-snapshot"),
    *("vault-snapshot", "redis-snapshot", "vaultwarden-copy"),
)
"""A container has no volumes, no firewall and no cluster: these have alerts, and are not run."""
CONFIGURATION = """\
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [/etc/prometheus/rules/*.yml]
scrape_configs:
  - job_name: pushgateway
    honor_labels: true
    static_configs: [{targets: ["127.0.0.1:9091"]}]
"""


def ask(homelab: Homelab, what: str) -> Any:
    """What Prometheus answers; nothing while it is not ready."""
    url = f"http://127.0.0.1:9090/api/v1/{what}"
    done = homelab.machine.run("curl", "--silent", "--fail", url, code=None)
    return json.loads(done.out)["data"] if done.code == 0 else {}


def rules(homelab: Homelab) -> list[Any]:
    """The rules that it has read."""
    return [rule for group in ask(homelab, "rules").get("groups", []) for rule in group["rules"]]


def watched(homelab: Homelab) -> set[str]:
    """The legs that its rules are about."""
    return {one["labels"]["leg"] for one in rules(homelab) if "leg" in one["labels"]}


def expressions(homelab: Homelab) -> dict[str, str]:
    """The expression of each of its rules of the leg that a test changes."""
    ours = [one for one in rules(homelab) if one["labels"].get("leg") == "sda-mirror"]
    return {one["name"]: one["query"] for one in ours}


def firing(homelab: Homelab) -> set[tuple[str, str]]:
    """The alerts that fire: of which leg, and their names."""
    alerts = ask(homelab, "alerts").get("alerts", [])
    return {
        (one["labels"].get("leg", ""), one["labels"]["alertname"])
        for one in alerts
        if one["state"] == "firing"
    }


@pytest.fixture
def monitored(homelab: Homelab) -> Homelab:
    """The reference lab applied, with a Prometheus that knows its rules."""
    lab = homelab.machine
    lab.write("/etc/prometheus/prometheus.yml", CONFIGURATION)
    lab.systemctl("start", "prometheus.service")
    lab.wait("Prometheus is ready", lambda: ask(homelab, "status/buildinfo"))
    homelab.apply(REFERENCE)
    lab.wait("it has read the rules", lambda: watched(homelab) == {*LEGS, *OTHER_LEGS})
    return homelab


def test_a_daily_leg_made_weekly_may_be_older_at_once(monitored: Homelab) -> None:
    before = expressions(monitored)
    monitored.apply(manifest(sda_mirror="Sun 04:44"))
    monitored.machine.wait("other rules", lambda: expressions(monitored) != before)
    assert expressions(monitored).keys() == before.keys()


def test_quiet_while_all_is_well_and_loud_when_a_leg_fails(monitored: Homelab) -> None:
    lab = monitored.machine
    for leg in LEGS:
        lab.systemctl("start", f"policyctl-{leg}.service")
    lab.run("sleep", "5")
    assert firing(monitored) == set()
    lab.systemctl("stop", "mnt-backup.mount")
    lab.policyctl("run", "host-config", code=5)
    lab.wait("its alert fires", lambda: firing(monitored))
    assert firing(monitored) == {("host-config", "HostConfigFailing")}
    lab.systemctl("start", "policyctl-host-config.service")  # systemd mounts the disk for it
    lab.wait("its alert has gone", lambda: not firing(monitored))
