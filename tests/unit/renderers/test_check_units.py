"""The units of a check."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from policy.model import Monitoring
from policy.values import parse_absolute_path
from renderers import RenderRefused, render
from renderers.environment import unit_text
from tests.plans import mirror, plan
from tests.strategies import compiled, manifest
from tests.unit.policy.test_checks import COMMAND, FRESH, HTTP, SQLITE
from tests.unit.renderers.test_sandbox import MOST_EXPOSED, exposure
from tests.unit.renderers.test_systemd_units import ACCEPTED, settings_of, units, verify

VAULT = {"kind": "sqlite", "path": "/srv/vault/db.sqlite3"}
CLUSTER = {"kubernetes": {"namespace": "apps"}}


def plan_with(check: dict[str, Any], **more: Any) -> Any:
    content = manifest(
        sources={"data": {"kind": "tree", "path": "/srv/data"}, "vault": VAULT},
        legs={
            "mirror": {"kind": "mirror", "to": "disk:/"},
            "copy": {"kind": "dump", "from": "vault", "to": "disk:/v", "keep": {"last": 2}},
        },
        checks={"it": check},
        **more,
    )
    return compiled(content)[0].plan


def service(check: dict[str, Any], **more: Any) -> dict[str, list[str]]:
    return settings_of(units(plan_with(check, **more))["policyctl-check-it.service"])


def test_what_a_service_says() -> None:
    found = service({**FRESH, "timeout": "10m"})
    assert found["Description"] == ["policyctl: check it"]
    assert found["ExecStart"] == ["/usr/bin/policyctl probe --scheduled it"]
    assert found["TimeoutStartSec"] == [str(600 + 300)]
    assert found["OnFailure"] == ["policyctl-untold@check-it.service"]
    assert found["RequiresMountsFor"] == ["/srv/dumps"]
    assert "Wants" not in found
    assert "LoadCredential" not in found


def test_a_timer_starts_it_and_the_target_holds_that() -> None:
    found = units(plan_with(FRESH))
    timer = settings_of(found["policyctl-check-it.timer"])
    assert timer["OnCalendar"] == ["*-*-* *:00:00 UTC"]
    assert timer["Description"] == ["policyctl: when to run check it"]
    assert timer["WantedBy"] == ["policyctl.target"]
    assert "policyctl.target" in found, "though no leg has a schedule"
    assert "policyctl-untold@.service" in found


def test_another_runners_check_has_no_units() -> None:
    assert [name for name in units(plan_with({**FRESH, "runner": CLUSTER})) if "it" in name] == []


def test_what_others_make_is_seen_and_not_written() -> None:
    found = service({**FRESH, "path": "/srv/per-db/*/x"})
    assert found["RequiresMountsFor"] == ["/srv/per-db"]
    assert "-/srv/per-db" in found["BindReadOnlyPaths"]
    assert found["BindPaths"] == ["-/var/lib/policyctl"]
    assert found["PrivateNetwork"] == ["yes"]


def test_sqlite_may_write_beside_a_database() -> None:
    """Measured: one with a write-ahead log cannot be read where its `-shm` cannot be made."""
    found = service({**SQLITE, "source": "vault"})
    assert found["BindPaths"] == ["-/srv/vault", "-/var/lib/policyctl"]
    assert service(SQLITE)["BindPaths"] == ["-/srv/data", "-/var/lib/policyctl"]


@pytest.mark.parametrize(
    ("url", "gateway", "network"),
    [
        ("https://cloud.example.net/", None, "any"),
        ("http://127.0.0.1:8080/", None, "loopback"),
        ("http://[::1]/", "http://127.0.0.1:9091", "loopback"),
        ("http://127.0.0.1/", "https://gateway.example.net", "any"),
        ("http://127.0.0.1.example.net/", None, "any"),
    ],
)
def test_a_question_gets_as_far_as_it_has_to(url: str, gateway: str | None, network: str) -> None:
    monitoring = {"monitoring": {"pushgateway": gateway}} if gateway else {}
    found = service({**HTTP, "url": url}, **monitoring)
    assert "PrivateNetwork" not in found
    assert ("IPAddressAllow" in found) is (network == "loopback")
    assert ("Wants" in found) is (network == "any")
    assert ("-/etc/resolv.conf" in found["BindReadOnlyPaths"]) is (network == "any")


def test_law_22_a_secret_comes_as_a_credential_and_its_file_is_not_seen() -> None:
    headers = {
        "Authorization": {"file": "/etc/secrets/a b%c"},
        "X-Token": {"credential": "cloud-token"},
        "X-Key": {"variable": "KEY"},
    }
    found = service({**HTTP, "headers": headers})
    first, second = found["LoadCredential"]
    assert re.fullmatch(r"policyctl-[0-9a-f]{16}:/etc/secrets/a b%%c", first)
    assert second == "cloud-token"
    assert not any("secrets" in one for one in found["BindReadOnlyPaths"])


def test_commands_of_the_administrators_own_see_all() -> None:
    for check in (COMMAND, {**HTTP, "headers": {"X-Token": {"command": ["pass", "show"]}}}):
        found = service(check)
        assert "TemporaryFileSystem" not in found
        assert "ProtectSystem" not in found


@pytest.mark.parametrize("path", ["/tmp/dumps", "/var/lib/policyctl/x", "/*/x", "/dev/shm/x"])
def test_what_a_sandbox_would_hide_or_double_gets_none(path: str) -> None:
    assert "TemporaryFileSystem" not in service({**FRESH, "path": path})


def test_figures_are_written_where_they_belong() -> None:
    some = replace(plan_with(FRESH), monitoring=Monitoring(textfile=parse_absolute_path("/node")))
    found = settings_of(units(some)["policyctl-check-it.service"])
    assert found["BindPaths"] == ["-/node", "-/var/lib/policyctl"]


def test_a_leg_of_such_a_name_would_have_the_same_units() -> None:
    checks = plan_with(FRESH).checks
    with pytest.raises(RenderRefused, match=r"policyctl-check-it\.service"):
        render(plan(checks=checks, legs=(mirror("check-it"),)))


@pytest.mark.tool("systemd-analyze")
@pytest.mark.parametrize(
    "check",
    [
        FRESH,
        SQLITE,
        COMMAND,
        {**HTTP, "headers": {"X-Token": {"file": "/etc/a b%c"}, "X-Key": {"credential": "k"}}},
    ],
    ids=["freshness", "sqlite", "command", "http"],
)
def test_systemd_accepts_them(tmp_path: Path, check: dict[str, Any]) -> None:
    names = []
    for name, text in units(plan_with(check)).items():
        (tmp_path / name).write_text(text)
        names += [name] if "-check-" in name else []
    assert sorted(names) == ["policyctl-check-it.service", "policyctl-check-it.timer"]
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


@pytest.mark.tool("systemd-analyze")
@pytest.mark.parametrize("check", [FRESH, SQLITE, HTTP], ids=["freshness", "sqlite", "http"])
def test_law_10_what_looks_is_not_exposed(
    tmp_path: Path, check: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    unit = tmp_path / "policyctl-check-it.service"
    unit.write_text(units(plan_with(check))[unit.name])
    found = exposure(unit)
    with capsys.disabled():
        print(f"\ncheck {check['kind']}: exposure {found}", end="")
    assert found <= MOST_EXPOSED["leg"]


NAMES = st.text(st.characters(exclude_characters="/\0"), min_size=1, max_size=30)


@pytest.mark.tool("systemd-analyze")
@given(st.lists(NAMES.filter(lambda name: name not in {".", ".."}), min_size=1, max_size=8))
@example(["100%", "a b", 'q"q', "it's", "$HOME", "${X}", "back\\", "{{ x }}", "%n", "#", ";", ":"])
@example([" lead", "trail ", "\\x41", "\\n", "]*?[", "-dash", "\u2028", "é", "a:b:c", "\ufdd0"])
def test_any_file_of_a_secret_reaches_systemd_or_is_refused(
    tmp_path_factory: pytest.TempPathFactory, names: list[str]
) -> None:
    """What it then reads there, the lab shows: `tests/lab/test_checks.py`."""
    folder = tmp_path_factory.mktemp("units")
    lines = []
    for number, name in enumerate(names):
        try:
            lines.append(f"LoadCredential=c{number}:{unit_text(f'/srv/{name}')}\n")
        except RenderRefused:
            continue
    unit = f"[Service]\nType=oneshot\nExecStart=/bin/true\n{''.join(lines)}"
    (folder / "secret.service").write_text(unit)
    told = verify(folder, ["secret.service"])
    assert [one for one in told if re.search(r"secret\.service:\d+: ", one)] == []


# ── A destination's own snapshots ────────────────────────────────────────────────────────────


def own(place: dict[str, Any], **snapshots: Any) -> dict[str, list[str]]:
    declared = {"kind": "btrfs", "share": "/mnt/disk", "keep": {"within": "7d"}, **snapshots}
    content = manifest(
        destinations={
            "disk": {
                "path": "/mnt/disk",
                "media": "hdd",
                "site": "home",
                "snapshots": declared,
                **place,
            }
        }
    )
    return settings_of(units(compiled(content)[0].plan)["policyctl-check-disk-snapshots.service"])


def test_who_asks_another_machine_gets_its_key_and_the_network() -> None:
    far = {"ssh": "backup@nas", "key": "/etc/keys/nas"}
    found = own(far, read={"ssh": "root@nas", "key": "/etc/keys/snapshots"})
    assert found["ExecStart"] == ["/usr/bin/policyctl probe --scheduled disk-snapshots"]
    shown = found["BindReadOnlyPaths"]
    assert "-/etc/keys/snapshots" in shown
    assert not {"-/etc/keys/nas", "-/mnt/disk"} & {*shown}
    assert "network-online.target" in found["Wants"]
    assert "PrivateNetwork" not in found or found["PrivateNetwork"] == ["no"]
    assert "RequiresMountsFor" not in found
    assert "-/etc/keys/nas" in own(far)["BindReadOnlyPaths"]


def test_who_asks_this_machine_waits_for_the_disk() -> None:
    found = own({})
    assert found["RequiresMountsFor"] == ["/mnt/disk"]
    assert "BindReadOnlyPaths" not in found
