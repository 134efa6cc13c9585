"""Whether what a manifest names as keys and secrets is there, and lies closed."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from engine.promises.named_files import Closed, NamedFile, named_files, refusal
from engine.system.host.named_files import look_at
from engine.system.host.places import Places
from engine.system.host.secrets import NoSecret, read_secret
from policy.diagnostics import Severity
from policy.model import Policy
from policy.parts import NOWHERE
from policy.secrets import SecretFile
from policy.values import parse_absolute_path
from tests.strategies import manifest, policy_of
from tests.unit.policy.test_checks import HTTP

NAS = {"ssh": "b@nas.example.net", "path": "/c", "media": "nas", "site": "away"}


@pytest.fixture
def policy(tmp_path: Path) -> Policy:
    for name, mode in (("token", 0o600), ("key", 0o600), ("hosts", 0o644), ("ca.pem", 0o644)):
        (tmp_path / name).write_text("something")
        (tmp_path / name).chmod(mode)
    headers = {"X-Token": {"file": f"{tmp_path}/token"}, "X-Key": {"variable": "KEY"}}
    volumes = {"kind": "lvm-thin", "vg": "pve", "pool": "data", "volumes": "vm-*"}
    keys = {"luks": {"key_file": f"{tmp_path}/{{volume}}.key"}}
    return policy_of(
        manifest(
            destinations={
                "disk": {"path": "/mnt/disk", "media": "hdd", "site": "home"},
                "nas": {**NAS, "key": f"{tmp_path}/key", "known_hosts": f"{tmp_path}/hosts"},
            },
            sources={
                "data": {"kind": "tree", "path": "/srv/data"},
                "one": {**volumes, "luks": {"key_file": f"{tmp_path}/key"}},
                "each": {**volumes, "pool": "other", **keys},
            },
            routes={"/srv/data": "mirror", "one:": {"none": "x"}, "each:": {"none": "x"}},
            checks={"web": {**HTTP, "headers": headers, "ca": f"{tmp_path}/ca.pem"}},
        )
    )


def found(policy: Policy, root: Path = Path("/")) -> list[tuple[str, str]]:
    return [(one.code, one.message) for one in look_at(named_files(policy), Places(root=root))]


def test_what_is_there_and_closed_is_nothing_to_tell(policy: Policy) -> None:
    named = {one.what for one in named_files(policy)}
    assert named == {"SSH key", "known hosts", "key", "secret X-Token", "certificates"}
    assert found(policy) == []


def test_law_22_each_reference_is_looked_for(policy: Policy, tmp_path: Path) -> None:
    for name in ("token", "hosts"):
        (tmp_path / name).unlink()
    (tmp_path / "ca.pem").write_text("")
    assert found(policy) == [
        (
            "secret-not-found",
            f"the known hosts, {tmp_path}/hosts, cannot be found: No such file or directory",
        ),
        (
            "secret-not-found",
            f"the secret X-Token, {tmp_path}/token, cannot be found: No such file or directory",
        ),
        ("secret-not-found", f"the certificates, {tmp_path}/ca.pem, is empty"),
    ]


def test_law_22_what_no_run_takes_is_an_error(policy: Policy, tmp_path: Path) -> None:
    (tmp_path / "token").chmod(0o644)
    (tmp_path / "key").chmod(0o640)
    findings = look_at(named_files(policy), Places(root=Path("/")))
    assert [(one.code, one.severity, one.message) for one in findings] == [
        (
            "secret-open",
            Severity.ERROR,
            f"the SSH key, {tmp_path}/key, is open to others (mode 0640): ssh does not use it",
        ),
        (
            "secret-open",
            Severity.ERROR,
            f"the key, {tmp_path}/key, is open to others (mode 0640): a run refuses it",
        ),
        (
            "secret-open",
            Severity.ERROR,
            f"the secret X-Token, {tmp_path}/token, may be read by all: a run refuses it",
        ),
    ]
    assert "chmod go= " in findings[0].hint


def test_a_secret_that_a_group_may_read_is_taken(policy: Policy, tmp_path: Path) -> None:
    (tmp_path / "token").chmod(0o640)
    assert found(policy) == []
    token = SecretFile(path=parse_absolute_path(f"{tmp_path}/token"))
    assert read_secret(token) == "something"
    (tmp_path / "token").chmod(0o644)
    with pytest.raises(NoSecret, match="everybody may read it"):
        read_secret(token)


def test_what_nobody_refuses_is_a_warning(tmp_path: Path) -> None:
    key = tmp_path / "identity"
    key.write_text("AGE-SECRET-KEY-")
    key.chmod(0o644)
    named = NamedFile(
        what="identity",
        path=parse_absolute_path(str(key)),
        closed=Closed.WISHED,
        origin=NOWHERE,
    )
    (finding,) = look_at([named], Places())
    assert (finding.code, finding.severity) == ("secret-open", Severity.WARNING)


@pytest.mark.tool("ssh", "ssh-keygen")
def test_ssh_refuses_what_is_said_that_it_refuses(tmp_path: Path) -> None:
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    for mode in (0o600, 0o640, 0o604, 0o610):
        key.chmod(mode)
        done = subprocess.run(
            ["ssh-keygen", "-y", "-f", key], capture_output=True, text=True, check=False
        )
        refused = bool(refusal(Closed.SSH, key.stat().st_mode, own=True))
        assert refused == ("UNPROTECTED PRIVATE KEY FILE" in done.stderr), oct(mode)


def test_a_directory_is_no_key(policy: Policy, tmp_path: Path) -> None:
    (tmp_path / "hosts").unlink()
    (tmp_path / "hosts").mkdir()
    assert [message for _, message in found(policy)] == [
        f"the known hosts, {tmp_path}/hosts, is no file"
    ]


def test_what_only_a_cluster_uses_is_not_looked_for_here(tmp_path: Path) -> None:
    """There it comes from a Secret: no path of this host has it, and none should."""
    key, hosts = f"{tmp_path}/key", f"{tmp_path}/hosts"
    device = {"kind": "device", "ssh": "b@192.0.2.1", "key": key, "known_hosts": hosts}
    connect = {"endpoint": "https://etcd:2379", "cert": f"{tmp_path}/c", "key": f"{tmp_path}/k"}
    runner: dict[str, object] = {"runner": {"kubernetes": {"namespace": "net", "secret": "s"}}}
    here: dict[str, object] = {}
    http = {**HTTP, "ca": f"{tmp_path}/ca"}

    def missing(**legs: dict[str, object]) -> int:
        kept = {"keep": {"last": 1}}
        fetch = {"kind": "fetch", "from": "router", "files": {"x": ["cat", "/x"]}, **kept}
        dump = {"kind": "dump", "from": "etcd", **kept}
        made = {
            name: {**(dump if "dump" in name else fetch), "to": f"data:/{name}", **leg}
            for name, leg in legs.items()
        }
        data = {"kind": "tree", "path": "/srv/data", "export": "192.0.2.10:/data"}
        etcd = {"kind": "etcd", "connect": connect}
        return len(
            found(
                policy_of(
                    manifest(
                        sources={"data": data, "router": device, "etcd": etcd},
                        legs={"mirror": {"kind": "mirror", "to": "disk:/"}, **made},
                        routes={"/srv/data": "mirror", "router:": "a", "etcd:": "dump"},
                        checks={"web": {**http, **legs["dump"]}},
                    )
                )
            )
        )

    assert missing(a=runner, dump=runner) == 0
    assert missing(a=here, dump=runner) == 2
    assert missing(a=runner, b=here, dump=runner) == 2
    assert missing(a=runner, dump=here) == 3


def test_below_a_root_nothing_far_is_reached(policy: Policy, tmp_path: Path) -> None:
    codes = [message for _, message in found(policy, tmp_path / "root")]
    assert len(codes) == 3
    assert not any("SSH" in one or "hosts" in one for one in codes)
