"""The units of a drill."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace

import pytest

from engine.plan.model import DrillPlan
from policy.drills import Drill
from policy.model import Monitoring
from policy.sources import FilesSource
from policy.values import Duration, parse_absolute_path
from renderers import RenderRefused, render
from tests.plans import disk, mirror, nas, plan, tree
from tests.unit.engine.standing.test_drills import DRILL
from tests.unit.renderers.test_systemd_units import ACCEPTED, settings_of, units, verify

NEAR = replace(DRILL, places=("sda",))


def with_drill(one: DrillPlan, **more):
    return plan(drills=(one,), **more)


def service(one: DrillPlan, **more):
    return settings_of(units(with_drill(one, **more))["policyctl-drill-nfs.service"])


def changed(one: DrillPlan, **more) -> DrillPlan:
    drill: Drill = replace(one.drill, **more)
    return replace(one, drill=drill)


def test_what_a_service_says() -> None:
    found = service(changed(NEAR, timeout=Duration(7200)))
    assert found["Description"] == ["policyctl: drill nfs"]
    assert found["ExecStart"] == ["/usr/bin/policyctl drill --scheduled nfs"]
    assert found["TimeoutStartSec"] == [str(7200 + 300)]
    assert found["OnFailure"] == ["policyctl-untold@drill-nfs.service"]
    assert found["RequiresMountsFor"] == ["/mnt/backup /scratch"]
    assert "Wants" not in found


def test_a_timer_starts_it_and_the_target_holds_that() -> None:
    found = units(with_drill(DRILL))
    timer = settings_of(found["policyctl-drill-nfs.timer"])
    assert timer["OnCalendar"] == ["Sat *-*-* 04:00:00 Europe/Sofia"]
    assert timer["Description"] == ["policyctl: when to run drill nfs"]
    assert timer["WantedBy"] == ["policyctl.target"]
    alone = plan(drills=(DRILL,), legs=(mirror(schedule=()),))
    assert "policyctl.target" in units(alone)


def test_it_may_write_its_scratch_space_and_no_copy() -> None:
    found = service(NEAR)
    assert found["TemporaryFileSystem"] == ["/:ro"]
    assert found["BindPaths"] == ["-/scratch", "-/var/lib/policyctl"]
    assert {"-/mnt/backup", "-/srv/nfs"} <= set(found["BindReadOnlyPaths"])
    assert found["PrivateNetwork"] == ["yes"]
    assert found["NoNewPrivileges"] == ["yes"]


def test_what_loads_a_dump_may_need_all_that_root_has() -> None:
    found = service(changed(NEAR, load=("/usr/local/bin/load", "{directory}")))
    assert "TemporaryFileSystem" not in found
    assert "NoNewPrivileges" not in found


def test_the_key_to_what_is_encrypted_is_shown() -> None:
    key = parse_absolute_path("/etc/keys/drill.key")
    assert "-/etc/keys/drill.key" in service(changed(NEAR, identity=key))["BindReadOnlyPaths"]


def test_a_far_copy_needs_the_network_and_a_key() -> None:
    found = service(DRILL)
    assert found["Wants"] == ["network-online.target"]
    assert "PrivateNetwork" not in found
    assert "-/root/.ssh" in found["BindReadOnlyPaths"]


def test_a_gateway_here_needs_no_network() -> None:
    told = Monitoring(pushgateway="http://127.0.0.1:9091")
    assert service(NEAR, monitoring=told)["IPAddressAllow"] == ["localhost"]


def test_figures_are_written_where_they_belong() -> None:
    told = Monitoring(textfile=parse_absolute_path("/var/lib/node"))
    assert "-/var/lib/node" in service(NEAR, monitoring=told)["BindPaths"]


def test_a_disk_that_comes_and_goes_is_seen_coming() -> None:
    found = service(NEAR, destinations=(disk(sometimes=True), nas()))
    assert found["ProtectSystem"] == ["strict"]
    assert found["ReadWritePaths"] == ["-/scratch", "-/var/lib/policyctl"]
    assert found["RequiresMountsFor"] == ["/scratch"]


def test_a_list_of_files_is_read_from_the_root_on() -> None:
    files = FilesSource(
        name="host", media=None, site=None, secret=True, paths=(parse_absolute_path("/etc"),)
    )
    one = changed(NEAR, source="host")
    assert "ProtectSystem" in service(one, sources=(tree(), files))


@pytest.mark.parametrize("scratch", ["/var/tmp", "/var/tmp/scratch", "/srv/nfs/x"])
def test_what_a_sandbox_would_hide_or_double_gets_none(scratch: str) -> None:
    found = service(changed(NEAR, scratch=parse_absolute_path(scratch)))
    assert "TemporaryFileSystem" not in found
    assert "ProtectSystem" not in found


def test_a_leg_of_such_a_name_would_have_the_same_units() -> None:
    with pytest.raises(RenderRefused, match=r"policyctl-drill-nfs\.service"):
        render(plan(drills=(DRILL,), legs=(mirror("drill-nfs"),)))


@pytest.mark.tool("systemd-analyze")
@pytest.mark.parametrize("one", [DRILL, NEAR])
def test_systemd_accepts_them(tmp_path, one: DrillPlan) -> None:
    names = []
    for name, text in units(with_drill(one)).items():
        (tmp_path / name).write_text(text)
        names += [name] if "drill" in name else []
    assert sorted(names) == ["policyctl-drill-nfs.service", "policyctl-drill-nfs.timer"]
    about = [line for line in verify(tmp_path, names) if str(tmp_path) in line]
    complaints = [line for line in about if re.search(r":\d+: ", line)]
    assert [line for line in complaints if "Failed to parse system call" not in line] == []
    lines = subprocess.run(
        ["systemd-analyze", "verify", *(tmp_path / name for name in names)],
        capture_output=True,
        text=True,
        check=False,
    ).stderr.splitlines()
    assert [each for each in lines if "policyctl-" in each and not ACCEPTED.search(each)] == []
