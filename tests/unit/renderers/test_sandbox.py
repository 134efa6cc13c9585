"""What a leg's service may see, write and do; that it is so inside is tests/lab's business."""

import os
import re
import subprocess
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.compile import compile_policy
from policy.legs import MirrorLeg, SqliteLeg, VersionsLeg
from policy.model import Monitoring
from policy.parse import load
from policy.parts import Attribute, Hook, Keep, Limits, SshTarget
from policy.sources import FilesSource
from policy.values import AbsolutePath, Duration, parse_absolute_path, parse_place
from renderers import RenderRefused, render
from renderers.environment import unit_optional_path
from renderers.sandbox import Network, Width, sandbox_of
from renderers.touched import mount_paths
from tests.plans import disk, mirror, nas, plan, tree
from tests.strategies import ROOT, compiled, manifest

REFERENCE = "examples/homelab/backup-policy.yaml"
OF_ITS_OWN = re.compile("Failed to parse system call, ignoring")
"""A system call of systemd's own lists that its library does not know yet."""
OF_VOLUMES = ("lvm-snapshots", "pvc-files", "sqlite-copies")
"""Legs of the reference that have no sandbox."""
MOST_EXPOSED = {"tracker": 3.6, "untold": 4.5, "leg": 3.5}
"""Of 10, as systemd-analyze(1) counts it; it knows nothing of TemporaryFileSystem=."""


LIMITS = Limits(whole=Duration(3600))


def path(text):
    return parse_absolute_path(text)


def paths(*texts):
    return {path(text) for text in texts}


def reference():
    return compile_policy(load((ROOT / REFERENCE).read_bytes(), REFERENCE)[1])


def sandbox(leg, **more):
    some = plan(legs=(leg,), **more)
    return sandbox_of(some, some.legs[0])


class TestWidth:
    def test_a_mirror_of_a_tree_sees_its_ends_and_no_other_data(self):
        found = sandbox(mirror(), sources=(tree(), tree("other", "/srv/other")))
        assert found.width is Width.CLOSED
        assert set(found.written) == paths("/mnt/backup", "/var/lib/policyctl")
        shown = {str(one) for one in found.shown}
        assert "/srv/nfs" in shown
        assert not {"/", "/etc", "/home", "/root", "/srv", "/srv/other", "/var"} & shown

    @pytest.mark.parametrize("where", ["/", "/usr", "/tmp/x", "/var", "/proc", "/dev/shm"])
    def test_what_a_sandbox_would_hide_of_a_source_leaves_it_open(self, where):
        assert sandbox(mirror(), sources=(tree(path=where),)).width is Width.OPEN

    @pytest.mark.parametrize("where", ["/home", "/home/alice", "/root", "/run/media/x", "/opt"])
    def test_a_source_where_sandboxes_like_to_hide_is_shown(self, where):
        found = sandbox(mirror(), sources=(tree(path=where),))
        assert found.width is Width.CLOSED
        assert path(where) in found.shown

    def test_the_administrators_own_commands_are_not_locked_in(self):
        hook = Hook(run=("true",), timeout=Duration(1))
        assert sandbox(mirror(before=(hook,))).width is Width.OPEN
        assert sandbox(mirror(finally_=(hook,))).width is Width.OPEN

    def test_files_are_read_where_they_are(self):
        """They may be symlinks, and what is above them is copied too: only real ones will do."""
        files = FilesSource(
            name="host", media=None, site=None, secret=True, paths=(path("/etc/pve"),)
        )
        found = sandbox(mirror("host", "sda:/x", takes="host"), sources=(files,))
        assert found.width is Width.READABLE
        assert found.shown == ()
        assert set(found.written) == paths("/mnt/backup", "/var/lib/policyctl")

    def test_a_disk_that_comes_and_goes_is_seen_doing_so(self):
        """Unmounted while a closed sandbox holds it, it would look free, and still be written."""
        assert sandbox(mirror(), destinations=(disk(sometimes=True),)).width is Width.READABLE
        disks = (disk(), disk("usb", "/mnt/usb", sometimes=True), nas())
        assert sandbox(mirror(), destinations=disks).width is Width.READABLE
        far = mirror("far", "synology:/x")
        assert sandbox(far, destinations=disks).width is Width.CLOSED

    @pytest.mark.parametrize("name", OF_VOLUMES)
    def test_what_runs_lvm_is_not_locked_in_and_still_waits_for_its_disk(self, name):
        """LVM waits for udev by semaphores, and writes where nobody else does."""
        some = reference()
        leg = some.leg(name)
        assert sandbox_of(some, leg).width is Width.OPEN
        writes = {"pvc-files": "/mnt/backup/pvc-data", "sqlite-copies": "/mnt/backup/sqlite-backup"}
        mounts = [path(writes[name])] if name in writes else []
        assert mount_paths(some, leg) == mounts

    def test_legs_of_subvolumes_are_open_and_wait_for_their_file_system(self):
        some = compiled(
            manifest(
                sources={"data": {"kind": "btrfs", "path": "/srv/data", "subvolumes": "*"}},
                legs={
                    "snaps": {"kind": "snapshot", "keep": {"last": 2}},
                    "files": {
                        "kind": "versions",
                        "from": "snaps",
                        "to": "disk:/f",
                        "keep": {"last": 2},
                    },
                },
                routes={"data:": "snaps"},
            )
        )[0].plan
        found = {one.name: mount_paths(some, one) for one in some.legs}
        assert found == {
            "snaps": [path("/srv/data")],
            "files": [path("/mnt/disk/f"), path("/srv/data")],
        }
        assert {sandbox_of(some, one).width for one in some.legs} == {Width.OPEN}

    def test_generations_of_a_tree_are_as_closed_as_a_mirror_of_it(self):
        leg = VersionsLeg(
            name="hist", limits=LIMITS, to=parse_place("sda:/hist"), keep=Keep(last=3)
        )
        assert sandbox(leg) == sandbox(mirror(preserve=leg.preserve))

    def test_beside_a_database_sqlite_writes_also_to_read_it(self):
        """One with a write-ahead log that is not in use could not be opened at all (measured)."""
        leg = SqliteLeg(name="bases", limits=LIMITS, to=parse_place("sda:/x"), keep=Keep(last=3))
        found = sandbox(leg, sources=(tree(), tree("other", "/srv/other")))
        assert found.width is Width.CLOSED
        assert set(found.written) == paths("/mnt/backup", "/srv/nfs", "/var/lib/policyctl")
        assert path("/srv/nfs") not in found.shown

    @pytest.mark.parametrize(
        ("source", "copies"), [("/srv", "/srv/copies"), ("/mnt/backup/live", "/mnt/backup")]
    )
    def test_no_mount_of_the_sandbox_lies_in_a_source(self, source, copies):
        """The next run by hand would miss it: a mount that is gone stops a mirror."""
        found = sandbox(mirror(), sources=(tree(path=source),), destinations=(disk(path=copies),))
        assert found.width is Width.OPEN

    @given(
        st.lists(st.sampled_from("abc"), min_size=1, max_size=3),
        st.lists(st.sampled_from("abc"), min_size=1, max_size=3),
    )
    def test_nothing_is_mounted_below_what_is_read(self, one, other):
        source, copies = (AbsolutePath(tuple(map(str.encode, names))) for names in (one, other))
        if source.contains(copies) or copies.contains(source):
            return
        sources, disks = (replace(tree(), path=source),), (replace(disk(), path=copies),)
        found = sandbox(mirror(), sources=sources, destinations=disks)
        mounts = {*found.shown, *found.written} - {source}
        assert not any(source.contains(mount) for mount in mounts)


class TestWhatIsShown:
    def test_all_destinations_of_this_machine(self):
        """Only so it is seen that two of them are one directory."""
        disks = (disk(), disk("other", "/mnt/other"), nas())
        found = sandbox(mirror(), destinations=disks)
        assert path("/mnt/other") in found.shown
        assert path("/mnt/other") not in found.written

    def test_live_data_tell_who_reads_copies_whose_they_are(self):
        """What a mirror takes today is its leg's, also where it has not run yet."""
        second = mirror("second", "synology:/x", takes="sda")
        some = plan(legs=(mirror(), second))
        found = sandbox_of(some, some.legs[1])
        assert paths("/mnt/backup", "/srv/nfs") <= set(found.shown)
        assert found.written == (path("/var/lib/policyctl"),)

    def test_what_another_leg_wrote(self):
        first = mirror("first", "sda:/deep/er")
        some = plan(legs=(first, mirror("second", "synology:/x", takes="first")))
        assert path("/mnt/backup") in sandbox_of(some, some.legs[1]).shown

    def test_what_apply_wrote_is_there_to_be_compared(self):
        rules = Monitoring(rules=path("/etc/prometheus/rules/backup.yml"))
        found = sandbox(mirror(), monitoring=rules)
        folders = paths("/etc/systemd/system", "/etc/sysctl.d", "/etc/prometheus/rules")
        assert folders <= set(found.shown)

    def test_the_folder_of_the_textfile_collector_is_written(self):
        told = Monitoring(textfile=path("/var/lib/node-exporter"))
        assert path("/var/lib/node-exporter") in sandbox(mirror(), monitoring=told).written

    def test_ssh_has_its_key_and_no_other(self):
        target = SshTarget(
            account="backup@nas",
            key=path("/root/.ssh/nas"),
            known_hosts=path("/etc/policyctl-hosts"),
        )
        found = sandbox(mirror("far", "synology:/x"), destinations=(disk(), nas(ssh=target)))
        shown = {str(one) for one in found.shown}
        assert {f"/root/.ssh/nas{end}" for end in ("", ".pub", "-cert.pub")} <= shown
        assert {"/root/.ssh/known_hosts", "/root/.ssh/config", "/etc/policyctl-hosts"} <= shown
        assert "/root/.ssh" not in shown
        assert "/mnt/backup" not in shown

    def test_where_no_key_is_named_it_has_all_of_roots(self):
        assert path("/root/.ssh") in sandbox(mirror("far", "synology:/x")).shown
        assert path("/root/.ssh") not in sandbox(mirror()).shown


class TestNetwork:
    @pytest.mark.parametrize(
        ("url", "expected"),
        [
            (None, Network.NONE),
            ("http://127.0.0.1:9091", Network.LOOPBACK),
            ("http://localhost:9091/x", Network.LOOPBACK),
            ("http://[::1]:9091", Network.LOOPBACK),
            ("https://gateway.example.net", Network.ANY),
            ("http://127.0.0.1.example.net", Network.ANY),
        ],
    )
    def test_a_leg_of_this_machine_reaches_its_gateway_only(self, url, expected):
        assert sandbox(mirror(), monitoring=Monitoring(pushgateway=url)).network is expected

    def test_a_leg_to_another_machine_reaches_it(self):
        assert sandbox(mirror("far", "synology:/x")).network is Network.ANY


class TestCapabilities:
    def test_no_more_than_a_mirror_needs(self):
        assert sandbox(mirror()).capabilities == (
            *("CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID"),
        )

    def test_devices_are_made_and_not_opened(self):
        found = sandbox(mirror(preserve=(Attribute.DEVICES,)))
        assert "CAP_MKNOD" in found.capabilities
        assert found.makes_devices

    def test_all_extended_attributes_are_seen(self):
        """Without it those of the name space `trusted` are not even listed (xattr(7))."""
        found = sandbox(mirror(preserve=(Attribute.XATTRS,)))
        assert {"CAP_SYS_ADMIN", "CAP_SETFCAP"} <= set(found.capabilities)


def unit_of(leg, **more):
    return service_in(plan(legs=(leg,), **more), leg.name).decode()


def service_in(some, leg):
    name = f"policyctl-{leg}.service".encode()
    (unit,) = [one for one in render(some) if one.path.names[-1] == name]
    return unit.content


class TestUnit:
    def test_modes_of_copies_do_not_follow_a_umask(self):
        """Without `perms` rsync takes the umask: a narrower one would change the copies."""
        assert "UMask" not in unit_of(mirror(preserve=(Attribute.TIMES,)))

    def test_a_mirror_can_always_set_setgid(self):
        assert "RestrictSUIDSGID" not in unit_of(mirror())

    def test_disks_can_be_told_apart(self):
        """Their UUIDs are read in /dev, and who holds a lock in /proc."""
        text = unit_of(mirror())
        assert "DevicePolicy=closed" in text
        assert not {"PrivateDevices", "ProtectProc", "ProcSubset"} & set(re.findall(r"\w+", text))

    def test_protect_system_would_bring_the_system_back(self):
        """systemd takes one mount for `/`, and of these two the read-only system (measured)."""
        text = unit_of(mirror())
        assert "TemporaryFileSystem=/:ro" in text
        assert "ProtectSystem" not in text

    def test_missing_paths_keep_no_run_from_starting(self):
        """A run that finds its source missing says so; one that never starts says nothing."""
        hosted = unit_of(mirror(), destinations=(disk(sometimes=True),))
        for line in (unit_of(mirror()) + hosted).splitlines():
            name, _, value = line.partition("=")
            if name in {"BindPaths", "BindReadOnlyPaths", "ReadWritePaths"}:
                assert value.lstrip('"').startswith("-"), line


@pytest.mark.tool("systemd-analyze")
class TestAgainstSystemd:
    def test_law_10_units_of_the_reference_are_clean_and_not_exposed(
        self, tmp_path, request, capsys
    ):
        text = (request.config.rootpath / REFERENCE).read_bytes()
        _, policy = load(text, REFERENCE)
        names = []
        for one in render(compile_policy(policy)):
            name = one.path.names[-1].decode()
            if name.endswith((".service", ".timer", ".target")):
                (tmp_path / name).write_bytes(one.content)
                names.append(name)
        told = analyze("verify", *(tmp_path / name for name in names))
        assert [line for line in told.splitlines() if "is not executable" not in line] == []
        services = [name for name in names if name.endswith(".service")]
        assert len(services) == 14
        volumes = {f"policyctl-{name}.service" for name in OF_VOLUMES}
        assert volumes < set(services)
        with capsys.disabled():
            for name in sorted(set(services) - volumes):
                found = exposure(tmp_path / name)
                print(f"\n{name}: exposure {found}", end="")
                kind = next((one for one in MOST_EXPOSED if one in name), "leg")
                assert found <= MOST_EXPOSED[kind]

    @given(
        st.lists(
            st.text(st.characters(exclude_characters="/\0"), min_size=1, max_size=20).filter(
                lambda name: name not in {".", ".."}
            ),
            min_size=1,
            max_size=3,
        ),
        st.booleans(),
    )
    @example(["a:b", "c d", 'q"q'], False)
    @example(["-dash", "%n", "back\\slash"], False)
    @example([":", "end:", "it's"], True)
    @example(["$HOME", "${X}", "#;,="], True)
    @example(["trail ", " lead", "\\"], False)
    def test_any_path_is_shown_and_written_as_it_is_or_refused(
        self, tmp_path_factory, names, sometimes
    ):
        folder = tmp_path_factory.mktemp("units")
        encoded = [name.encode("utf-8", "surrogatepass") for name in names]
        source, copies = AbsolutePath((b"srv", *encoded)), AbsolutePath((b"mnt", *encoded))
        some = plan(
            legs=(mirror("odd"),),
            sources=(replace(tree(), path=source),),
            destinations=(replace(disk(), path=copies, sometimes=sometimes),),
        )
        try:
            unit_optional_path(source.text.decode("utf-8", "surrogateescape"))
        except RenderRefused:
            with pytest.raises(RenderRefused):
                render(some)
            return
        (folder / "odd.service").write_bytes(service_in(some, "odd"))
        told = analyze("verify", folder / "odd.service", level="debug")
        complaints = [line for line in told.splitlines() if re.search(r"odd\.service:\d+: ", line)]
        assert [line for line in complaints if not OF_ITS_OWN.search(line)] == []
        shown, written = source.text.decode(), copies.text.decode()
        if sometimes:
            assert f"-{written}" in listed(told, "ReadWritePaths")
        else:
            assert f"-{shown}:{shown}" in bound(told, "BindReadOnlyPaths")
            assert f"-{written}:{written}" in bound(told, "BindPaths")


def analyze(*arguments, level="info"):
    completed = subprocess.run(
        ["systemd-analyze", *arguments],
        env={**os.environ, "SYSTEMD_LOG_LEVEL": level, "LC_ALL": "C.UTF-8"},
        capture_output=True,
        check=False,
    )
    return (completed.stdout + completed.stderr).decode("utf-8", "surrogateescape")


def exposure(unit):
    told = analyze("security", "--offline=yes", "--no-pager", unit)
    (found,) = re.findall(r"Overall exposure level for .*: ([0-9.]+) ", told)
    return float(found)


def bound(told, name):
    """The bind mounts in systemd's own words."""
    return set(re.findall(rf"^\s*{name}: (.*):rbind$", told, re.MULTILINE))


def listed(told, name):
    (line,) = re.findall(rf"^\s*{name}: (.*)$", told, re.MULTILINE)
    return line


def test_every_leg_of_the_reference_has_its_sandbox(request):
    text = (request.config.rootpath / REFERENCE).read_bytes()
    _, policy = load(text, REFERENCE)
    compiled = compile_policy(policy)
    found = {leg.name: sandbox_of(compiled, leg) for leg in compiled.legs}
    mirrors = {one.name for one in compiled.legs if isinstance(one.leg, MirrorLeg)}
    assert {name: found[name].width.value for name in mirrors} == {
        "sda-mirror": "closed",
        "synology-direct": "closed",
        "offsite": "closed",
        "host-config": "readable",
    }
