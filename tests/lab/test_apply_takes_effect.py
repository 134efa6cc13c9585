"""`apply` makes a real systemd do what the manifest says, and disturbs nothing that runs."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest

from tests.lab.homelab import MANIFEST, REFERENCE, ZONE, Homelab, manifest
from tests.lab.machine import Machine

pytestmark = [pytest.mark.lab, pytest.mark.root]

LEG = "sda-mirror"
TIMER, SERVICE = f"policyctl-{LEG}.timer", f"policyctl-{LEG}.service"
GATEWAY = "http://127.0.0.1:9091/metrics"
RULES = "http://127.0.0.1:9090/api/v1/rules"
FETCH = "import sys, urllib.request as r; print(r.urlopen(sys.argv[1]).read().decode())"


def apply(lab: Machine, text: str, *options: str, code: int = 0) -> str:
    """Install a manifest and apply it, nothing else; what was said."""
    lab.write(MANIFEST, text)
    done = lab.policyctl("apply", *options, code=code)
    return done.out + done.err


def without_host_config() -> str:
    """The reference manifest without one leg, and without the source that it alone takes."""
    text, count = re.subn(r"^  host-config: .*\n", "", REFERENCE, flags=re.MULTILINE)
    text, source = re.subn(r"^  host:\n(?:    .*\n)+", "", text, flags=re.MULTILINE)
    assert (count, source) == (1, 1)
    text = text.replace("    needs: [host]\n", "").replace(", needs: [host]", "")
    return text.replace("host-config, ", "")


def series(lab: Machine) -> str:
    """What the gateway shows."""
    return lab.run("python3", "-c", FETCH, GATEWAY).out


def alerts(lab: Machine) -> set[str] | None:
    """The alerts that Prometheus judges; None while it does not answer."""
    done = lab.run("python3", "-c", FETCH, RULES, code=None)
    if done.code != 0:
        return None
    groups = done.json["data"]["groups"]
    return {rule["name"] for group in groups for rule in group["rules"]}


def units(lab: Machine) -> dict[str, dict[str, str]]:
    """Each of our units that is enabled or active, and since when."""
    names = "Id,ActiveState,UnitFileState,ActiveEnterTimestampMonotonic,NeedDaemonReload"
    shown = lab.systemctl("show", f"--property={names}", "--all", "policyctl*")
    blocks = [dict(line.split("=", 1) for line in one.splitlines()) for one in shown.split("\n\n")]
    return {one["Id"]: one for one in blocks}


def started(lab: Machine) -> str:
    """When the leg's service was last started; 0 where it never was."""
    return lab.show(SERVICE, "ExecMainStartTimestampMonotonic")["ExecMainStartTimestampMonotonic"]


def tracker_is_up(lab: Machine) -> bool:
    return units(lab)["policyctl-tracker.service"]["ActiveState"] == "active"


def test_an_apply_starts_what_it_wrote(homelab: Homelab) -> None:
    lab = homelab.machine
    said = apply(lab, REFERENCE)
    assert "done: systemctl daemon-reload" in said
    for timer in homelab.timers():
        assert (lab.systemctl("is-enabled", timer), lab.systemctl("is-active", timer)) == (
            "enabled",
            "active",
        )
    assert lab.systemctl("is-enabled", "policyctl-tracker.service") == "enabled"
    lab.wait("the tracker is up", lambda: tracker_is_up(lab))
    assert lab.policyctl("plan", "--exit-code").out.startswith("nothing to change")
    before = units(lab)
    assert apply(lab, REFERENCE).startswith("nothing to change")
    assert units(lab) == before


def test_what_was_stopped_by_hand_is_shown_and_started(homelab: Homelab) -> None:
    lab = homelab.machine
    apply(lab, REFERENCE)
    lab.systemctl("disable", "--now", TIMER)
    shown = lab.policyctl("plan", "--exit-code", code=4).out
    assert f"systemctl enable --now {TIMER}" in shown
    apply(lab, REFERENCE)
    assert lab.systemctl("is-active", TIMER) == "active"
    assert lab.policyctl("plan", "--exit-code").code == 0


def test_a_changed_schedule_restarts_its_timer_and_runs_no_leg(homelab: Homelab) -> None:
    """Its new time lies between its last run and now: systemd would start it for that."""
    lab = homelab.machine
    apply(lab, REFERENCE)
    now = datetime.now(ZONE)
    if now.hour == 0 and now.minute < 15:
        pytest.skip("too soon after midnight to have a time of today that has gone")
    stamp = f"/var/lib/systemd/timers/stamp-{TIMER}"
    ago = (now - timedelta(minutes=10)).strftime("%H:%M:%S")
    text = manifest(sda_mirror=ago)

    def rest() -> None:
        """As if the leg had run an hour and a day ago for the last time."""
        lab.systemctl("stop", TIMER)
        lab.run("touch", "--date=-1500 minutes", stamp)

    lab.wait("the tracker is up", lambda: tracker_is_up(lab))
    others = {name: one for name, one in units(lab).items() if LEG not in name}
    rest()
    never = started(lab)
    apply(lab, text)
    assert started(lab) == never
    shown = lab.run("systemctl", "list-timers", "--all", "--output=json").json
    (due,) = (one["next"] / 1_000_000 for one in shown if one["unit"] == TIMER)
    assert 23 * 3600 < due - now.timestamp() < 24 * 3600
    assert {name: one for name, one in units(lab).items() if LEG not in name} == others
    # The same by hand: this is what apply keeps from happening.
    rest()
    lab.systemctl("start", TIMER)
    lab.wait("the leg was started for a time that has gone", lambda: started(lab) != never)


def test_a_leg_that_runs_is_not_disturbed(homelab: Homelab) -> None:
    lab = homelab.machine
    apply(lab, REFERENCE)
    service = "policyctl-host-config.service"
    lab.write(f"/etc/systemd/system/{service}.d/slow.conf", "[Service]\nExecStartPre=sleep 60\n")
    lab.systemctl("daemon-reload")
    lab.systemctl("start", "--no-block", service)

    def sleeps() -> bool:
        comm = f"/proc/{lab.show(service, 'ControlPID')['ControlPID']}/comm"
        return lab.run("cat", comm, code=None).out == "sleep\n"

    lab.wait("the leg has begun", sleeps)
    pid = lab.show(service, "ControlPID")
    apply(lab, manifest(host_config="04:44"))
    assert lab.show(service, "ControlPID") == pid
    apply(lab, without_host_config())
    assert lab.show(service, "ControlPID") == pid
    assert lab.show("policyctl-host-config.timer", "ActiveState") == {"ActiveState": "inactive"}


def test_law_36_a_leg_that_goes_leaves_nothing_but_its_copies(homelab: Homelab) -> None:
    lab = homelab.machine
    apply(lab, REFERENCE)
    lab.policyctl("run", "host-config")
    assert 'leg="host-config"' in series(lab)
    lab.wait("the tracker is up", lambda: tracker_is_up(lab))
    before = units(lab)
    said = apply(lab, without_host_config())
    assert "left behind, protected: sda:/pve-config" in said
    assert "done: systemctl disable --now policyctl-host-config.timer" in said
    assert lab.run("find", "/etc/systemd/system", "-name", "*host-config*").out == ""
    assert "host-config" not in lab.systemctl("list-timers", "--all")
    assert 'leg="host-config"' not in series(lab)
    after = {name: one for name, one in units(lab).items() if "host-config" not in name}
    assert after == {name: one for name, one in before.items() if "host-config" not in name}
    assert lab.run("ls", "/mnt/backup/pve-config/usr/local/bin").out == "tool\n"


def test_law_10_prometheus_judges_by_the_rules_that_are_applied(homelab: Homelab) -> None:
    lab = homelab.machine
    lab.write("/etc/prometheus/prometheus.yml", "rule_files: [/etc/prometheus/rules/*.yml]\n")
    lab.systemctl("start", "prometheus")
    lab.wait("Prometheus answers", lambda: alerts(lab) is not None)
    assert alerts(lab) == set()
    said = apply(lab, REFERENCE)
    assert "done: systemctl try-reload-or-restart prometheus.service" in said
    lab.wait("the rules are read", lambda: "HostConfigStale" in (alerts(lab) or ()))
    apply(lab, without_host_config())
    lab.wait("the rules are read again", lambda: "HostConfigStale" not in (alerts(lab) or ()))
    assert "SdaMirrorStale" in (alerts(lab) or ())
    assert lab.systemctl("show", "prometheus", "--property=NRestarts") == "NRestarts=0"


def test_a_step_that_fails_is_told_and_done_by_the_next_apply(homelab: Homelab) -> None:
    lab = homelab.machine
    bad = f"/etc/systemd/system/{TIMER}.d/bad.conf"
    lab.write(bad, "[Timer]\nOnCalendar=\n")
    said = apply(lab, REFERENCE, code=5)
    assert "policyctl: failed: systemctl enable --now" in said
    assert "those legs do not run by themselves" in said
    assert lab.systemctl("is-active", "policyctl-offsite.timer") == "active"
    assert lab.systemctl("is-active", TIMER, code=None) != "active"
    lab.run("rm", bad)
    assert lab.policyctl("plan", "--exit-code", code=4).out
    apply(lab, REFERENCE)
    assert lab.systemctl("is-active", TIMER) == "active"
    assert lab.policyctl("plan", "--exit-code").code == 0


def test_an_apply_that_was_killed_is_completed(homelab: Homelab) -> None:
    """It died when all files were in place, and systemd knew of none."""
    lab = homelab.machine
    apply(lab, REFERENCE)
    lab.write(MANIFEST, manifest(sda_mirror="04:44"))
    killer = '#!/bin/sh\ncase $1 in show) exec /usr/bin/systemctl "$@";; *) kill -9 $PPID;; esac\n'
    lab.write("/opt/killing/systemctl", killer, "755")
    path = "PATH=/opt/killing:/usr/sbin:/usr/bin:/sbin:/bin"
    lab.run("env", path, "policyctl", "apply", code=None)
    assert "04:44" in lab.read(f"/etc/systemd/system/{TIMER}")
    assert units(lab)[TIMER]["NeedDaemonReload"] == "yes"
    lab.policyctl("plan", "--exit-code", code=4)
    lab.policyctl("apply")
    assert "04:44" in lab.show(TIMER, "TimersCalendar")["TimersCalendar"]
    assert lab.policyctl("plan", "--exit-code").code == 0


def test_a_rollback_brings_the_plan_before_and_once_more_returns(homelab: Homelab) -> None:
    lab = homelab.machine
    apply(lab, REFERENCE)
    apply(lab, manifest(sda_mirror="04:44"))
    said = lab.policyctl("apply", "--rollback")
    assert "the plan of before runs again" in said.err
    assert "04:44" not in lab.show(TIMER, "TimersCalendar")["TimersCalendar"]
    assert lab.policyctl("plan", "--exit-code", code=4).out
    lab.policyctl("apply", "--rollback")
    assert "04:44" in lab.show(TIMER, "TimersCalendar")["TimersCalendar"]
    assert lab.policyctl("plan", "--exit-code").code == 0
