"""What runs tell fires the alerts: a real gateway, a real Prometheus, the rendered rules."""

from __future__ import annotations

import json
import re
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest
import yaml

from engine.alerts.alerts import alerts_of
from engine.alerts.words import Fault
from engine.plan.model import Plan
from engine.records.reports import RunReport, RunStatus
from engine.system.host.places import Places
from engine.system.journal.journal import open_journal
from engine.system.state.records import ItemRecord, RoomRecord, RunRecord
from engine.system.state.state import open_state
from engine.system.telling.tell import tell_run
from policy.values import parse_absolute_path
from renderers import alert_rules
from tests.integration.gateway import Gateway, free_port, gateway, series
from tests.integration.lab import Lab, manifest

pytestmark = pytest.mark.tool("rsync")


@contextmanager
def prometheus(folder: Path, pushed: Gateway, rules: Path) -> Iterator[str]:
    """One that scrapes the gateway and judges the rules each second; its URL."""
    scrape = {
        "job_name": "pushgateway",
        "honor_labels": True,
        "static_configs": [{"targets": [pushed.url.removeprefix("http://")]}],
    }
    settings = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(rules)],
        "scrape_configs": [scrape],
    }
    file = folder / "prometheus.yml"
    file.write_text(yaml.safe_dump(settings))
    address = f"127.0.0.1:{free_port()}"
    command = ["prometheus", f"--config.file={file}", f"--web.listen-address={address}"]
    command.append(f"--storage.tsdb.path={folder / 'data'}")
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
    try:
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait(20)


def firing(url: str) -> set[str]:
    """The names of all alerts that fire."""
    with urllib.request.urlopen(f"{url}/api/v1/alerts", timeout=5) as answer:
        alerts: list[dict[str, Any]] = json.load(answer)["data"]["alerts"]
    assert not [one for one in alerts if "error expanding" in json.dumps(one)]
    return {one["labels"]["alertname"] for one in alerts if one["state"] == "firing"}


def wait_for(url: str, names: set[str]) -> None:
    found: set[str] | None = None
    for _ in range(300):
        try:
            found = firing(url)
        except (OSError, URLError):
            time.sleep(0.1)
            continue
        if found == names:
            return
        time.sleep(0.1)
    raise AssertionError(f"{found} fire, not {names}")


def told(plan: Plan, places: Places, status: RunStatus, at: datetime) -> None:
    """A run of the leg that ended so at that time, told as runs tell."""
    (leg,) = plan.legs
    item = ItemRecord(name="data", status=status, data_as_of=at)
    run_id = f"r{at:%Y%m%d%H%M%S}"
    record = RunRecord(
        run_id=run_id,
        leg=leg.name,
        started=at,
        ended=at,
        status=status,
        items=(item,),
        data_as_of=at,
    )
    report = RunReport(leg=leg.name, run_id=run_id, started=at, ended=at, status=status, reason="")
    with open_state(places.state_file) as state:
        state.finish(record)
        assert tell_run(plan, leg, state, places, report, at, push_staged=True) == ""


def test_law_37_each_run_tells_of_the_tracker(tmp_path: Path) -> None:
    """It has no network itself, so nobody else would."""
    tracked = manifest(", full_every: 30d").replace("/srv/data}", "/srv/data, track: true}")
    lab = Lab(tmp_path / "lab", f"{tracked}monitoring: {{textfile: /var/lib/told}}\n")
    with open_journal(lab.places.journal_file) as journal:
        journal.set_coverage("data", standing=True, detail="", now=lab.now, watches=7)
    told(lab.plan, lab.places, RunStatus.OK, lab.now)
    text = (lab.root / "var/lib/told/policyctl.tracker.prom").read_text()
    beat = series(text)['policyctl_tracker_heartbeat_timestamp_seconds{source="data"}']
    assert beat == lab.now.timestamp()
    (down,) = (one for one in alerts_of(lab.plan) if one.fault is Fault.TRACKER_DOWN)
    assert set(re.findall(r"policyctl_tracker_\w+", down.expression)) <= set(
        re.findall(r"policyctl_tracker_\w+", text)
    )


@pytest.mark.tool("prometheus", "prometheus-pushgateway")
def test_alerts_follow_what_runs_tell(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    with gateway(tmp_path) as pushed:
        text = manifest()
        lab = Lab(
            tmp_path / "lab", f"{text}monitoring: {json.dumps({'pushgateway': pushed.url})}\n"
        )
        rules = parse_absolute_path(str(tmp_path / "rules.yml"))
        plan = replace(lab.plan, monitoring=replace(lab.plan.monitoring, rules=rules))
        (file,) = alert_rules.render(plan)
        (tmp_path / "rules.yml").write_bytes(file.content)
        with open_state(lab.places.state_file) as state:
            state.record_room("disk", RoomRecord(free=50, total=100, measured=now))
        told(plan, lab.places, RunStatus.OK, now - timedelta(days=3))
        with prometheus(tmp_path, pushed, tmp_path / "rules.yml") as url:
            wait_for(url, {"NightlyStale"})
            told(plan, lab.places, RunStatus.FAILED, now - timedelta(days=1))
            wait_for(url, {"NightlyStale", "NightlyFailing"})
            with open_state(lab.places.state_file) as state:
                state.record_room("disk", RoomRecord(free=1, total=100, measured=now))
            told(plan, lab.places, RunStatus.OK, now)
            wait_for(url, {"DiskFull"})
