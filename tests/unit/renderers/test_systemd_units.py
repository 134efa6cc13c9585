import os
import re
import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from policy.parts import Hook, KubernetesRunner, SshTarget
from policy.sources import DeviceSource, FilesSource
from policy.values import AbsolutePath, Duration, parse_absolute_path
from renderers import RenderRefused, render
from renderers.environment import unit_argument, unit_text, unit_word
from renderers.systemd_units import unit_name
from tests.plans import disk, leg_plan, mirror, nas, plan, tree

SANDBOX = frozenset(
    {
        *("TemporaryFileSystem", "MountAPIVFS", "BindReadOnlyPaths", "BindPaths", "PrivateTmp"),
        *("ProtectSystem", "ProtectHome", "ReadWritePaths", "PrivateNetwork", "IPAddressDeny"),
        *("IPAddressAllow", "DevicePolicy", "DeviceAllow", "NoNewPrivileges", "LockPersonality"),
        *("CapabilityBoundingSet", "RestrictAddressFamilies", "RestrictNamespaces"),
        *("RestrictRealtime", "MemoryDenyWriteExecute", "SystemCallArchitectures"),
        *("SystemCallFilter", "SystemCallErrorNumber", "ProtectClock", "ProtectControlGroups"),
        *("ProtectHostname", "ProtectKernelLogs", "ProtectKernelModules", "ProtectKernelTunables"),
    }
)
"""Settings that keep a service from something: tests/unit/renderers/test_sandbox.py."""
ACCEPTED = re.compile(r"Command /usr/bin/policyctl is not executable")


def units(some):
    """The units of a plan, by name."""
    files = {one.path.names[-1].decode(): one for one in render(some)}
    return {
        name: one.content.decode() for name, one in files.items() if not name.endswith(".rules")
    }


def one_leg(leg, **more):
    return plan(legs=(leg,), **more)


def settings_of(text):
    """The settings of a unit file, each with its values."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


def service(leg, **more):
    return settings_of(units(one_leg(leg, **more))[f"policyctl-{leg.name}.service"])


def verify(folder, names):
    """What systemd says of unit files, told at length."""
    completed = subprocess.run(
        ["systemd-analyze", "verify", *(folder / name for name in names)],
        env={**os.environ, "SYSTEMD_LOG_LEVEL": "debug", "LC_ALL": "C.UTF-8"},
        capture_output=True,
        check=False,
    )
    return (completed.stdout + completed.stderr).decode("utf-8", "surrogateescape").split("\n")


def required_mounts(lines):
    found = (re.fullmatch(r"\s+RequiresMountsFor: (/.*) \(origin-file\)", line) for line in lines)
    return {match[1] for match in found if match}


def words_of(line):
    """The words of a command line as systemd shows it: plain, or quoted as a whole."""
    words = re.findall(r'"((?:\\.|[^"\\])*)"|([^ ]+)', line)
    return [plain or re.sub(r"\\(.)", r"\1", quoted) for quoted, plain in words]


class TestService:
    def test_what_a_service_says(self):
        found = service(mirror(idle=True, wait=Duration(7200)))
        own = {key: values for key, values in found.items() if key not in SANDBOX}
        assert own == {
            "Description": ["policyctl: run leg sda-mirror"],
            "RequiresMountsFor": ["/mnt/backup /srv/nfs"],
            "Type": ["oneshot"],
            "OnFailure": ["policyctl-untold@sda-mirror.service"],
            "ExecStart": ["/usr/bin/policyctl run --scheduled sda-mirror"],
            "ExecStopPost": ["/usr/bin/policyctl tell-end sda-mirror"],
            "TimeoutStartSec": [str(7200 + 3600 + 300)],
            "StateDirectory": ["policyctl"],
            "StateDirectoryMode": ["0700"],
            "Nice": ["10"],
            "IOSchedulingClass": ["idle"],
        }

    def test_a_service_queues_behind_what_its_leg_comes_after(self):
        """Those that have a service of their own; others are the engine's business."""
        legs = (
            mirror("first"),
            mirror("by-hand", "sda:/x", schedule=()),
            mirror("last", "sda:/y", after=("first", "by-hand")),
        )
        found = units(plan(legs=legs))
        text = found["policyctl-last.service"]
        assert settings_of(text)["After"] == ["policyctl-first.service"]
        assert "After" not in settings_of(found["policyctl-first.service"])

    def test_law_06_no_start_that_fails_passes_for_a_skip(self):
        """systemd takes 1 to 254 of a condition for a skip, 203 and 226 among them (measured)."""
        assert not [name for name in service(mirror()) if "Condition" in name]

    def test_a_leg_to_another_machine_waits_for_the_network(self):
        found = service(mirror("far", "synology:/nfs"))
        assert found["RequiresMountsFor"] == ["/srv/nfs"]
        assert found["Wants"] == found["After"] == ["network-online.target"]
        assert "Nice" not in found

    def test_a_disk_that_is_not_always_there_is_not_waited_for(self):
        disks = (disk(sometimes=True), nas())
        assert service(mirror(), destinations=disks)["RequiresMountsFor"] == ["/srv/nfs"]

    def test_a_second_hop_needs_what_the_first_wrote(self):
        second = mirror("second", "synology:/x", takes="sda")
        assert service(second)["RequiresMountsFor"] == ["/mnt/backup"]
        first = mirror("first", "sda:/deep/er")
        some = plan(legs=(first, mirror("second", "synology:/x", takes="first")))
        text = units(some)["policyctl-second.service"]
        assert settings_of(text)["RequiresMountsFor"] == ["/mnt/backup/deep/er"]

    def test_files_are_where_they_are(self):
        paths = (parse_absolute_path("/etc/pve"), parse_absolute_path("/usr/local/bin"))
        files = FilesSource(name="host", media=None, site=None, secret=True, paths=paths)
        leg = mirror("host-config", "sda:/pve-config", takes="host")
        found = service(leg, sources=(tree(), files))
        assert found["RequiresMountsFor"] == ["/etc/pve /mnt/backup/pve-config /usr/local/bin"]

    def test_a_device_is_reached_over_the_network(self):
        ssh = SshTarget(account="root@firewall.example.net")
        device = DeviceSource(name="firewall", media=None, site=None, secret=True, ssh=ssh)
        found = service(mirror("fw", takes="firewall"), sources=(device,))
        assert found["After"] == ["network-online.target"]

    def test_hooks_have_their_time_and_are_not_locked_in(self):
        hook = Hook(run=("sudo", "-u", "app", "freeze"), timeout=Duration(60))
        found = service(mirror(before=(hook,), finally_=(hook,)))
        assert found["TimeoutStartSec"] == [str(43200 + 3600 + 120 + 300)]
        assert not SANDBOX & found.keys()

    def test_law_22_a_unit_holds_no_secret_but_only_where_one_lies(self):
        ssh = SshTarget(account="backup@nas", key=parse_absolute_path("/root/.ssh/nas"))
        some = one_leg(mirror(), destinations=(disk(ssh=ssh),))
        lines = [line for text in units(some).values() for line in text.splitlines()]
        assert {line.partition("=")[0] for line in lines if "/root/.ssh/nas" in line} == {
            "BindReadOnlyPaths"
        }


class TestTimer:
    def test_what_a_timer_says(self):
        leg = mirror(schedule=("02:00", "Sun 05:00"), random_delay=Duration(600))
        text = units(one_leg(leg))["policyctl-sda-mirror.timer"]
        assert settings_of(text) == {
            "Description": ["policyctl: when to run leg sda-mirror"],
            "OnCalendar": ["*-*-* 02:00:00 Europe/Sofia", "Sun *-*-* 05:00:00 Europe/Sofia"],
            "Persistent": ["yes"],
            "AccuracySec": ["1s"],
            "RandomizedDelaySec": ["600"],
            "PartOf": ["policyctl.target"],
            "WantedBy": ["policyctl.target"],
        }

    @pytest.mark.tool("systemd-analyze")
    @pytest.mark.parametrize(
        "schedule", ["02:00", "Mon..Fri,Sun 00/6:00", "*:0/15", "monthly", "2028-02-29 01:02:03"]
    )
    @pytest.mark.parametrize("zone", ["UTC", "Europe/Sofia", "America/Argentina/Buenos_Aires"])
    def test_systemd_reads_the_schedule_as_it_is_meant(self, schedule, zone):
        text = units(one_leg(mirror(schedule=(schedule,)), timezone=zone))
        (line,) = settings_of(text["policyctl-sda-mirror.timer"])["OnCalendar"]
        command = ["systemd-analyze", "calendar", line]
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        (normal,) = re.findall(r"Normalized form: (.*)", told) or [line]
        assert normal == line


class TestWhichLegs:
    """A unit for each leg that this host runs on a schedule, and no other."""

    def test_others_have_none(self):
        legs = (
            mirror("by-hand", schedule=()),
            mirror("elsewhere", runner=KubernetesRunner(namespace="backup")),
        )
        assert units(plan(legs=legs)) == {}

    @pytest.mark.parametrize("name", ["", "a b", "a/b", "-a", "a@b", "a\nb", "a%b", "ж"])
    def test_a_name_that_no_unit_can_have_is_refused(self, name):
        with pytest.raises(RenderRefused):
            unit_name(name)


@pytest.mark.tool("systemd-analyze")
class TestAgainstSystemd:
    """systemd itself reads the units, and reads in them what the plan says."""

    def write(self, folder, some):
        found = units(some)
        for name, text in found.items():
            (folder / name).write_text(text)
        return list(found)

    def test_units_are_valid(self, tmp_path):
        hook = Hook(run=("true",), timeout=Duration(60))
        some = plan(
            legs=(
                mirror(idle=True, random_delay=Duration(60)),
                mirror("far", "synology:/nfs", ("*:0/15", "yearly")),
                mirror("odd", "sda:/x", before=(hook,)),
            )
        )
        names = self.write(tmp_path, some)
        assert len(names) == 8
        about = [line for line in verify(tmp_path, names) if str(tmp_path) in line]
        complaints = [line for line in about if re.search(r":\d+: ", line)]
        own = re.compile("Failed to parse system call, ignoring")  # of systemd's own lists
        assert [line for line in complaints if not own.search(line)] == []
        lines = subprocess.run(
            ["systemd-analyze", "verify", *(tmp_path / name for name in names)],
            capture_output=True,
            text=True,
            check=False,
        ).stderr.splitlines()
        assert [one for one in lines if "policyctl-" in one and not ACCEPTED.search(one)] == []

    @given(
        st.lists(
            st.text(st.characters(exclude_characters="/\0"), min_size=1, max_size=30).filter(
                lambda name: name not in {".", ".."}
            ),
            min_size=1,
            max_size=8,
        )
    )
    @example(["100%", "a b", 'q"q', "it's", "$HOME", "${X}", "back\\", "{{ x }}", "%n", "#", ";"])
    @example(
        [" lead", "trail ", "\\x41", "\\n", "a\\\\", "]*?[", "-dash", "\u2028", "é", "\U0010fffd"]
    )
    @example(["x" * 255, "{% raw %}", "{# c #}", "a,b", "a=b", "~", "`id`", "'", '"', "\\"])
    def test_any_path_reaches_systemd_unharmed_or_is_refused(self, tmp_path_factory, names):
        folder = tmp_path_factory.mktemp("units")
        wanted = {}
        for name in names:
            path = AbsolutePath((b"srv", name.encode("utf-8", "surrogatepass")))
            try:
                unit_word(path.text.decode("utf-8", "surrogateescape"))
            except RenderRefused:
                with pytest.raises(RenderRefused):
                    self.one(folder, (path,))
                continue
            wanted[path.text.decode()] = path
        self.one(folder, tuple(wanted.values()))
        lines = verify(folder, ["policyctl-host.service"])
        assert required_mounts(lines) >= wanted.keys() | {"/mnt/backup"}
        extra = required_mounts(lines) - wanted.keys() - {"/mnt/backup"}
        assert extra <= {"/var/tmp", "/tmp", "/var/lib/policyctl"}

    def one(self, folder, paths):
        files = FilesSource(name="files", media=None, site=None, secret=False, paths=paths)
        some = one_leg(mirror("host", takes="files"), sources=(files,))
        return self.write(folder, some)

    @given(st.lists(st.text(st.characters(), max_size=20), min_size=1, max_size=8))
    @example(["100%", "a b", 'q"q', "it's", "$HOME", "${X}", "back\\", "{{ x }}", "%n", "#", ";"])
    @example([";", "\\;", "", " ", "-", "@", "!", "\\x41", "\\", "'", '"', "$", "$$", "%%"])
    def test_any_argument_reaches_a_command_unharmed_or_is_refused(self, tmp_path_factory, texts):
        folder = tmp_path_factory.mktemp("units")
        quoted, wanted = [], []
        for text in texts:
            try:
                quoted.append(unit_argument(text))
            except RenderRefused:
                continue
            wanted.append(text)
        unit = f"[Service]\nType=oneshot\nExecStart=/bin/echo {' '.join(quoted)}\n"
        (folder / "arguments.service").write_text(unit)
        (line,) = [
            line.partition("Command Line: ")[2]
            for line in verify(folder, ["arguments.service"])
            if "Command Line: " in line
        ]
        # What is left of a dollar is taken away when the command starts.
        assert words_of(line)[1:] == [text.replace("$", "$$") for text in wanted]


class TestQuoting:
    def test_plain_words_stay_plain(self):
        assert unit_word("/srv/nfs-ssd_1.2,3") == "/srv/nfs-ssd_1.2,3"
        assert unit_word("") == '""'

    @pytest.mark.parametrize("quote", [unit_word, unit_argument, unit_text])
    @pytest.mark.parametrize(
        "text", ["a\nb", "a\tb", "a\rb", "\0", "\x1b[1m", "\x85", "\ud800", "\ufdd0"]
    )
    def test_what_would_break_a_line_is_refused(self, quote, text):
        with pytest.raises(RenderRefused):
            quote(text)

    @pytest.mark.parametrize("text", ["a\\", " a", "a "])
    def test_text_that_would_not_stay_whole_is_refused(self, text):
        with pytest.raises(RenderRefused):
            unit_text(text)

    def test_a_path_that_is_no_text_is_refused(self):
        odd = replace(disk(), path=AbsolutePath((b"\xff",)))
        with pytest.raises(RenderRefused, match="no text"):
            render(one_leg(mirror(), destinations=(odd,)))


def test_templates_are_read_only_when_something_is_rendered():
    script = "import sys, renderers; sys.exit('jinja2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_rendering_is_a_function_of_the_plan():
    assert render(plan()) == render(plan())
    paths = [one.path.names for one in render(plan())]
    assert paths == sorted(paths)


def test_two_things_must_not_write_one_file():
    leg = leg_plan(mirror())
    with pytest.raises(RenderRefused, match="both write"):
        render(replace(plan(), legs=(leg, leg)))
