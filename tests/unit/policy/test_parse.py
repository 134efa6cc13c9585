"""A document to a policy: every kind of thing as a typed value, every bad value at its place."""

from __future__ import annotations

from typing import Any

import pytest

from policy.legs import DumpLeg, FetchLeg, MirrorLeg, SnapshotLeg, SqliteLeg, VersionsLeg
from policy.parse import load
from policy.parts import AlertSeverity, Attribute
from policy.sources import (
    BtrfsSource,
    DeviceSource,
    FilesSource,
    LvmThinSource,
    ServerSource,
    SqliteSource,
    TreeSource,
)
from policy.values import Duration, Percentage
from tests.strategies import REFERENCE, checked, manifest, policy_of

POLICY = load(REFERENCE.read_bytes(), "reference.yaml")[1]


class TestReference:
    """ "Every kind of source, leg, check and objective in it is parsed to a typed value"."""

    def test_kinds(self) -> None:
        assert {type(one) for one in POLICY.sources} == {
            TreeSource,
            LvmThinSource,
            FilesSource,
            DeviceSource,
            ServerSource,
            SqliteSource,
        }
        assert {type(one) for one in POLICY.legs} == {
            MirrorLeg,
            SnapshotLeg,
            VersionsLeg,
            SqliteLeg,
            FetchLeg,
            DumpLeg,
        }

    def test_sorted_by_name(self) -> None:
        for things in (POLICY.sources, POLICY.destinations, POLICY.legs, POLICY.checks):
            names = [one.name for one in things]
            assert names == sorted(names)
        assert [one.text for one in POLICY.routes] == sorted(one.text for one in POLICY.routes)

    def test_a_mirror(self) -> None:
        leg = POLICY.leg("sda-mirror")
        assert isinstance(leg, MirrorLeg)
        assert leg.takes is None
        assert leg.full_every == Duration(7 * 86_400)
        assert leg.preserve == (Attribute.TIMES, Attribute.HARDLINKS)
        assert leg.idle
        assert (leg.limits.whole, leg.limits.incremental) == (Duration(10_800), Duration(5400))
        direct = POLICY.leg("synology-direct")
        assert isinstance(direct, MirrorLeg)
        assert direct.deleted_keep == Duration(30 * 86_400)

    def test_other_legs(self) -> None:
        versions = POLICY.leg("pvc-files")
        assert isinstance(versions, VersionsLeg)
        assert (versions.keep.weekly, versions.limits.each) == (4, Duration(1800))
        assert versions.limits.whole == Duration(4 * 3600)
        assert versions.at_once == 1
        snapshot = POLICY.leg("lvm-snapshots")
        assert isinstance(snapshot, SnapshotLeg)
        assert (len(snapshot.schedule), snapshot.min_free) == (2, Percentage(15_000))
        fetch = POLICY.leg("firewall-system")
        assert isinstance(fetch, FetchLeg)
        assert fetch.files[0].run == ("tar", "czf", "-", "/cf", "/var/db", "/boot/loader.conf")
        dump = POLICY.leg("postgresql-per-db")
        assert isinstance(dump, DumpLeg)
        assert dump.per_database
        assert dump.runner is not None
        assert dump.runner.namespace == "dbaas"

    def test_secrets_by_default(self) -> None:
        assert {one.name for one in POLICY.sources if one.secret} == {
            "host",
            "firewall",
            "etcd",
            "vault",
            "vaultwarden",
        }

    def test_the_rest(self) -> None:
        severities = {one.name: one.severity for one in POLICY.checks}
        assert severities["vaultwarden-integrity"] is AlertSeverity.CRITICAL
        assert dict(POLICY.monitoring.receivers)["default"] == "slack-infra-alerts"
        assert POLICY.destination("synology") is not None
        assert POLICY.source(None) is None
        objective = next(one for one in POLICY.objectives if one.key is None)
        assert (objective.copies, objective.rpo) == (3, Duration(144_000))


class TestDefaults:
    def test_secret_kinds(self) -> None:
        def secret(kind: str, **more: Any) -> bool:
            content = manifest(sources={"x": {"kind": kind, **more}})
            return policy_of(content).sources[0].secret

        assert secret("files", paths=["/etc"])
        assert not secret("files", paths=["/etc"], secret=False)
        assert secret("etcd", connect={"endpoint": "https://192.0.2.1:2379"})
        assert secret("vault", connect={"address": "http://192.0.2.1:8200"})
        assert not secret("tree", path="/x")
        assert secret("tree", path="/x", secret=True)

    def test_limits(self) -> None:
        def limits(timeout: Any) -> tuple[int, int | None]:
            leg = {"kind": "mirror", "to": "disk:/", **({"timeout": timeout} if timeout else {})}
            found = policy_of(manifest(legs={"mirror": leg})).legs[0].limits
            return found.whole.seconds, found.incremental.seconds if found.incremental else None

        assert limits(None) == (3600, None)
        assert limits("2h") == (7200, None)
        assert limits({"incremental": "10m", "full": "3h"}) == (10_800, 600)

    def test_one_schedule_or_several(self) -> None:
        for schedule, count in (("daily", 1), (["02:00", "14:00"], 2)):
            leg = {"kind": "mirror", "to": "disk:/", "schedule": schedule}
            assert len(policy_of(manifest(legs={"mirror": leg})).legs[0].schedule) == count

    @pytest.mark.parametrize("kind", ["versions", "sqlite"])
    def test_items_at_once(self, kind: str) -> None:
        for said, expected in (({}, 1), ({"at_once": 3}, 3)):
            leg = {"kind": kind, "from": "data", "to": "disk:/x", "keep": {"last": 1}, **said}
            found = policy_of(manifest(legs={"many": leg})).legs[0]
            assert isinstance(found, VersionsLeg | SqliteLeg)
            assert found.at_once == expected

    def test_lists_whose_order_means_nothing(self) -> None:
        leg = {
            "kind": "mirror",
            "to": "disk:/",
            "preserve": ["perms", "times"],
            "after": ["b", "a"],
        }
        found = policy_of(manifest(legs={"mirror": leg})).legs[0]
        assert isinstance(found, MirrorLeg)
        assert found.preserve == (Attribute.TIMES, Attribute.PERMS)
        assert found.after == ("a", "b")


def leg(**more: Any) -> dict[str, Any]:
    return {"legs": {"mirror": {"kind": "mirror", "to": "disk:/", **more}}}


@pytest.mark.parametrize(
    ("sections", "code", "pointer", "words"),
    [
        (leg(schedule="noon"), "bad-calendar", "/legs/mirror/schedule", "noon"),
        (
            leg(schedule=["daily", "*-02-30"]),
            "bad-calendar",
            "/legs/mirror/schedule/1",
            "never comes",
        ),
        (leg(to="disk:x"), "bad-value", "/legs/mirror/to", "'disk:x'"),
        (leg(chmod="rwx"), "bad-value", "/legs/mirror/chmod", "chmod"),
        (leg(timeout="0s"), "bad-value", "/legs/mirror/timeout", "outside 1s to 100 years"),
        (leg(bandwidth="0"), "bad-value", "/legs/mirror/bandwidth", "more than 0"),
        *(
            ({"monitoring": {"pushgateway": url}}, "bad-value", "/monitoring/pushgateway", words)
            for url, words in (
                ("http://", "names no host"),
                ("http://:9091", "names no host"),
                ("http://gateway:99999", "out of range"),
                ("http://gateway:0", "names port 0"),
                ("http://gate way:9091", "holds a space"),
                ("http://gäteway:9091", "beyond ASCII"),
                ("http://gateway:9091/?x=y", "a query"),
            )
        ),
        ({"timezone": "Europe/Nowhere"}, "bad-timezone", "/timezone", "Europe/Nowhere"),
        ({"timezone": "../../etc/passwd"}, "bad-timezone", "/timezone", "no time zone"),
        ({"timezone": "Europe"}, "bad-timezone", "/timezone", "no time zone"),
        (
            {"routes": {"/srv/data": "mirror", "/srv/data/**": "mirror"}},
            "bad-pattern",
            "/routes/~1srv~1data~1**",
            "`**`",
        ),
        (
            {"routes": {"/srv/data": "mirror", "data": "mirror"}},
            "bad-pattern",
            "/routes/data",
            "neither an absolute path",
        ),
        ({"ignore": {"a//b": "x"}}, "bad-pattern", "/ignore/a~1~1b", "empty component"),
        ({"ignore": {"/": "x"}}, "bad-pattern", "/ignore/~1", "names nothing"),
        ({"objectives": {"/a/..": {"copies": 1}}}, "bad-pattern", "/objectives/~1a~1..", "'..'"),
        (
            {"sources": {"data": {"kind": "tree", "path": "/srv/data/"}}},
            "bad-value",
            "/sources/data/path",
            "ends in a slash",
        ),
        (
            {"sources": {"disk": {"kind": "tree", "path": "/srv/data"}}},
            "name-twice",
            "/sources/disk",
            "already taken",
        ),
        (
            {"sources": {"b": {"kind": "btrfs", "path": "/srv", "subvolumes": "**"}}},
            "bad-pattern",
            "/sources/b/subvolumes",
            "never crosses",
        ),
        (
            {"sources": {"v": {"kind": "lvm-thin", "vg": "a", "pool": "b", "volumes": "["}}},
            "bad-pattern",
            "/sources/v/volumes",
            "never closed",
        ),
    ],
)
def test_bad_values_at_their_places(
    sections: dict[str, Any], code: str, pointer: str, words: str
) -> None:
    findings = checked(manifest(**sections)).findings
    found = [(one.code, one.origin.pointer) for one in findings]
    assert (code, pointer) in found, findings
    assert words in next(one.message for one in findings if one.code == code)


def volumes(**more: Any) -> dict[str, Any]:
    return {"kind": "lvm-thin", "vg": "pve", "pool": "data", "volumes": "vm-*", **more}


def test_how_users_of_volumes_are_stopped_and_started() -> None:
    users = {
        "stop": [{"run": ["users", "stop", "{volume}"], "timeout": "5m"}],
        "start": [{"run": ["users", "start"]}],
    }
    source = policy_of(manifest(sources={"v": volumes(rollback=users)})).source("v")
    assert isinstance(source, LvmThinSource)
    assert source.rollback is not None
    assert source.rollback.stop[0].run == ("users", "stop", "{volume}")
    assert source.rollback.stop[0].timeout.seconds == 300
    assert source.rollback.start[0].timeout.seconds == 60


def test_names_and_keys_of_volumes() -> None:
    given = volumes(names={"vm-1": "media/films", "vm-2": "b"}, luks={"key_file": "/k/{volume}"})
    source = policy_of(manifest(sources={"v": given})).source("v")
    assert isinstance(source, LvmThinSource)
    assert source.given_names == (("vm-1", "media/films"), ("vm-2", "b"))
    assert source.key_file is not None
    assert source.key_file.of("vm-1").text == b"/k/vm-1"
    asked = volumes(names="kubernetes", kubeconfig="/etc/k.conf", luks={"key_file": "/k"})
    source = policy_of(manifest(sources={"v": asked})).source("v")
    assert isinstance(source, LvmThinSource)
    assert (source.kubernetes_names, source.given_names) == (True, ())
    assert source.kubeconfig is not None
    assert source.kubeconfig.text == b"/etc/k.conf"
    assert source.key_file is not None
    assert source.key_file.of("vm-1").text == b"/k"


def test_names_of_subvolumes() -> None:
    given = {"kind": "btrfs", "path": "/srv/data", "subvolumes": "*", "names": {"@h": "a/home"}}
    source = policy_of(manifest(sources={"b": given})).source("b")
    assert isinstance(source, BtrfsSource)
    assert (source.path.text, source.subvolumes) == (b"/srv/data", "*")
    assert source.given_names == (("@h", "a/home"),)
    for names, words in (({"a/b": "x"}, "subvolume name"), ({"a": "../x"}, "is no address")):
        findings = checked(manifest(sources={"b": {**given, "names": names}})).findings
        assert any(words in one.message for one in findings), findings


@pytest.mark.parametrize(
    ("more", "pointer", "words"),
    [
        ({"names": "pvc"}, "names", "none of: lv, kubernetes"),
        ({"names": {"a": "x//y"}}, "names/a", "is no address"),
        ({"names": {"a": "../x"}}, "names/a", "is no address"),
        ({"names": {"a": "x", "b": "x"}}, "names/b", "'x' meets 'x', the address of a"),
        ({"names": {"a": "x/y", "b": "x"}}, "names/b", "'x' meets 'x/y', the address of a"),
        ({"names": {"-a": "x"}}, "names/-a", "is no volume name"),
        ({"kubeconfig": "/k"}, "kubeconfig", "is for names: kubernetes"),
        ({"luks": {"key_file": "k"}}, "luks/key_file", "is no absolute path"),
        ({"luks": {"key_file": "/{leg}"}}, "luks/key_file", "the only variable is {volume}"),
        ({"luks": {"key_file": "/../k"}}, "luks/key_file", "holds `.` or `..`"),
    ],
)
def test_bad_names_and_keys_of_volumes(more: dict[str, Any], pointer: str, words: str) -> None:
    findings = checked(manifest(sources={"v": volumes(**more)})).findings
    found = {one.origin.pointer: one.message for one in findings if one.code == "bad-value"}
    assert words in found[f"/sources/v/{pointer}"], findings


def test_addresses_side_by_side_do_not_meet() -> None:
    given = volumes(names={"a": "x/y", "b": "x/yz", "c": "x/z"})
    assert policy_of(manifest(sources={"v": given})).source("v") is not None


def test_all_bad_values_at_once() -> None:
    content = manifest(
        timezone="Mars",
        **leg(schedule="noon", chmod="x", timeout="0s"),
        ignore={"**": "x"},
    )
    assert sorted(one.code for one in checked(content).findings) == [
        "bad-calendar",
        "bad-pattern",
        "bad-timezone",
        "bad-value",
        "bad-value",
    ]


@pytest.mark.parametrize(
    ("text", "anchored", "directory", "pattern"),
    [
        ("*.swp", False, False, "/*.swp"),
        ("@eaDir/", False, True, "/@eaDir"),
        ("/temp/", True, True, "/temp"),
        ("/temp", True, False, "/temp"),
        ("a/b", True, False, "/a/b"),
        ("a/b/", True, True, "/a/b"),
    ],
)
def test_ignores(text: str, anchored: bool, directory: bool, pattern: str) -> None:
    (rule,) = policy_of(manifest(ignore={text: "litter"})).ignores
    assert (rule.anchored, rule.directory, str(rule.pattern)) == (anchored, directory, pattern)
    assert (rule.reason, rule.only) == ("litter", ())
