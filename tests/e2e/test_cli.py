"""The command line as a user meets it: a process of its own, below a root of its own."""

import base64
import fcntl
import json
import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cli_server import run_cli

CHECKOUT = Path(__file__).parents[2]
REFERENCE = CHECKOUT / "examples/homelab/backup-policy.yaml"

MANIFEST = """\
version: 1
host: myhost
timezone: UTC
destinations:
  disk: {path: /mnt/disk, media: hdd, site: home}
  nas: {ssh: backup@nas.example.net, path: /volume1/copies, media: nas, site: office}
sources:
  data: {kind: tree, path: /srv/data, media: ssd, site: home}
  database: {kind: postgresql, connect: {host: localhost}}
  archive: {kind: tree, path: /srv/archive, export: "192.0.2.1:/srv/archive"}
legs:
  nightly: {kind: mirror, to: "disk:/", schedule: "02:00", timeout: 5m}
  direct: {kind: mirror, to: "nas:/data", schedule: "04:00", timeout: 5m}
  dumps: {kind: dump, from: database, to: "disk:/dumps", keep: {last: 3}, schedule: "01:00",
          runner: {kubernetes: {namespace: dbaas}}}
  in-cluster:
    kind: mirror
    from: archive
    to: "nas:/archive"
    schedule: "05:00"
    timeout: 5m
    runner: {kubernetes: {namespace: backups}}
routes:
  /srv/data: nightly
  /srv/data/big: direct
  /srv/data/scratch: {none: "made anew each day"}
ignore:
  "*.swp": "editor's swap file"
  "cache/": "rebuilt"
"""


@dataclass
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Machine:
    """A staged machine: a manifest beside a root with live data and places for copies."""

    def __init__(self, folder: Path, text: str = MANIFEST) -> None:
        self.folder = folder
        self.root = folder / "root"
        self.manifest = folder / "backup-policy.yaml"
        self.manifest.write_text(text)
        self.write("srv/data/a/file", "one")
        self.write("srv/data/big/film", "two two")
        self.write("srv/data/scratch/heap", "three")
        self.write("srv/archive/old", "four")
        for place in ("mnt/disk", "@nas.example.net/volume1/copies"):
            (self.root / place).mkdir(parents=True)

    def write(self, path: str, content: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)

    def edit(self, old: str, new: str) -> None:
        text = self.manifest.read_text()
        assert text.count(old) >= 1, old
        self.manifest.write_text(text.replace(old, new))

    def __call__(
        self, command: str, *arguments: str | bytes, cwd: Path | None = None, **variables: str
    ) -> Done:
        """Run one command with this machine's manifest and root."""
        policy = [] if command in {"run", "completions", "schema"} else ["-p", str(self.manifest)]
        root = [] if command in {"completions", "schema"} else ["--root", str(self.root)]
        return policyctl(command, *policy, *root, *arguments, cwd=cwd or self.folder, **variables)

    def state(self) -> dict[str, tuple[int, bytes]]:
        """Every file below the root: its mode and content, history and locks aside."""
        return {
            str(path.relative_to(self.root)): (path.stat().st_mode, path.read_bytes())
            for path in kept_files(self.root)
        }


def kept_files(root: Path) -> list[Path]:
    """All files but those that only say that a command ran."""
    files = [path for path in sorted(root.rglob("*")) if path.is_file()]
    return [one for one in files if one.name != "state.db" and one.parent.name != "locks"]


def line_of(text: str) -> int:
    """The line of the manifest that begins with this text."""
    lines = [line.strip() for line in MANIFEST.splitlines()]
    return next(at for at, line in enumerate(lines, 1) if line.startswith(text))


def policyctl(*arguments: str | bytes, cwd: Path | None = None, **variables: str) -> Done:
    """Run a command; with variables of its own it is started anew, as a person would start it."""
    found = (
        _started(*arguments, cwd=cwd, **variables) if variables else _forked(*arguments, cwd=cwd)
    )
    assert "Traceback" not in found.err, found.err
    return found


def _forked(*arguments: str | bytes, cwd: Path | None) -> Done:
    done = run_cli(*arguments, cwd=cwd)
    return Done(done.code, done.out.decode(), done.err.decode())


def _started(*arguments: str | bytes, cwd: Path | None, **variables: str) -> Done:
    done = subprocess.run(
        [sys.executable, "-m", "policyctl.main", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT), **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )
    return Done(done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.fixture
def applied(machine: Machine) -> Machine:
    done = machine("apply")
    assert done.code == 0, done.err
    return machine


# ── check ────────────────────────────────────────────────────────────────────────────────────


def test_a_clean_manifest_is_said_to_be_clean_and_proven(machine: Machine) -> None:
    machine.edit(",\n          runner: {kubernetes: {namespace: dbaas}}}", "}")
    done = machine("check")
    assert (done.code, done.err.count("error"), done.err.count("warning")) == (0, 0, 0)
    assert done.out.startswith("clean: no errors, no warnings, ")
    assert "proven: every path rides exactly one leg" in done.out
    assert done.out.count("\n") == 1


def test_findings_go_to_stderr_and_the_verdict_to_stdout(machine: Machine) -> None:
    machine.edit("/srv/data/big: direct", "/srv/data/big: dirct")
    done = machine("check")
    assert done.code == 3
    assert done.out == (
        "not valid: 1 error, no warnings, no notes; nothing proven, since it does not compile\n"
    )
    line = line_of("/srv/data/big:")
    position = f"{machine.manifest}:{line}:3: error unknown-name: there is no leg 'dirct'"
    assert done.err.splitlines()[0] == position
    assert f"   {line} |   /srv/data/big: dirct" in done.err
    assert "hint: did you mean 'direct'?" in done.err


def test_warnings_fail_only_where_they_are_to(machine: Machine) -> None:
    machine.edit('"04:00", timeout: 5m', '"04:00", timeout: 25h')
    assert machine("check").code == 0
    assert machine("check").out.startswith("valid, with warnings: no errors, ")
    assert machine("check", "--strict").code == 3


def test_check_prints_pure_json_of_the_fixed_shape(machine: Machine) -> None:
    clean = machine("check", "--json")
    assert (clean.code, clean.err) == (0, "")
    assert list(clean.json) == ["findings", "proven", "states"]
    assert clean.json["proven"] is True
    machine.edit("kind: dump", "kind: dmp")
    done = machine("check", "--json")
    assert (done.code, done.err) == (3, "")
    assert done.json["proven"] is False
    (finding,) = done.json["findings"]
    assert finding == {
        "code": "bad-value",
        "severity": "error",
        "message": finding["message"],
        "file": str(machine.manifest),
        "line": line_of("dumps:"),
        "column": 17,
        "pointer": "/legs/dumps/kind",
        "hint": "did you mean 'dump'?",
    }


@pytest.mark.tool("rsync")
def test_the_real_rsync_is_asked_where_that_is_wanted(machine: Machine) -> None:
    done = machine("check", "--with-rsync")
    assert done.code == 0
    assert "rsync agrees on " in done.out
    assert machine("check", "--with-rsync", "--json").json["judged_by_rsync"] > 10


def test_the_reference_is_clean() -> None:
    done = policyctl("check", "--strict", "-p", str(REFERENCE))
    assert done.code == 0
    assert done.out.startswith("clean: ")


# ── The manifest file ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("command", ["check", "plan", "apply", "show", "explain"])
@pytest.mark.parametrize("what", ["missing", "directory", "fifo"])
def test_what_is_no_file_is_refused_at_once(machine: Machine, command: str, what: str) -> None:
    machine.manifest.unlink()
    if what == "directory":
        machine.manifest.mkdir()
    elif what == "fifo":
        os.mkfifo(machine.manifest)
    more = {"show": ["plan"], "explain": ["/srv/data"]}.get(command, [])
    began = time.monotonic()
    done = machine(command, *more)
    assert time.monotonic() - began < 10
    assert done.code == 3
    assert f"{machine.manifest}:1:1: error manifest-unreadable: " in done.err


def test_a_file_that_cannot_be_read_is_a_finding_in_json_too(machine: Machine) -> None:
    machine.manifest.unlink()
    done = machine("check", "--json")
    assert done.code == 3
    assert [one["code"] for one in done.json["findings"]] == ["manifest-unreadable"]


@pytest.mark.root
def test_root_does_not_follow_what_everybody_can_write(machine: Machine) -> None:
    machine.manifest.chmod(0o666)
    done = machine("check")
    assert done.code == 3
    assert "error manifest-writable: " in done.err
    assert f"hint: chmod o-w {machine.manifest}" in done.err
    assert machine("apply").code == 3


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "yaml-empty"),
        (b"# nothing\n", "yaml-empty"),
        (b"\0\0\0", "yaml-character"),
        (b"version: 1\nhost: a\0b\n", "yaml-character"),
        (b"\xff\xfe", "yaml-encoding"),
        (b"[" * 10_000, "yaml-depth"),
        (b"- a\n- b\n", "bad-type"),
    ],
    ids=["empty", "comment", "NULs", "NUL", "bytes", "deep", "list"],
)
def test_any_content_is_answered_with_a_position(
    machine: Machine, content: bytes, code: str
) -> None:
    machine.manifest.write_bytes(content)
    done = machine("check")
    assert done.code == 3
    assert f": error {code}: " in done.err
    for command in ("plan", "apply"):
        assert machine(command).code == 3
    assert not (machine.root / "var").exists()


def test_the_manifest_is_found_where_the_manual_says(machine: Machine, tmp_path: Path) -> None:
    root = ["--root", str(machine.root)]
    assert policyctl("check", *root, cwd=machine.folder).code == 0
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    lost = policyctl("check", *root, cwd=elsewhere)
    assert lost.code == 2
    assert "no manifest: neither ./backup-policy.yaml nor " in lost.err
    by_variable = {"POLICYCTL_POLICY": str(machine.manifest)}
    assert policyctl("check", *root, cwd=elsewhere, **by_variable).code == 0
    system = machine.root / "etc/policyctl/backup-policy.yaml"
    system.parent.mkdir(parents=True)
    machine.manifest.rename(system)
    assert policyctl("check", *root, cwd=elsewhere).code == 0


# ── plan and apply ───────────────────────────────────────────────────────────────────────────


def test_plan_tells_by_its_code_whether_there_is_something_to_apply(machine: Machine) -> None:
    before = machine.state()
    first = machine("plan", "--exit-code")
    assert first.code == 4
    assert first.out.index("routes") < first.out.index("\nlegs\n") < first.out.index("\nfiles\n")
    assert "(3 B, 1 file)" in first.out
    assert machine.state() == before
    assert machine("plan").code == 0
    assert machine("apply").code == 0
    after = machine("plan", "--exit-code")
    assert (after.code, after.out) == (
        0,
        "nothing to change: what is applied is what the manifest says\n",
    )


def test_plan_prints_json(machine: Machine) -> None:
    shown = machine("plan", "--json").json
    assert shown["empty"] is False
    routes = {one["route"]: (one["after"], one["bytes"], one["files"]) for one in shown["routes"]}
    assert routes == {
        "/srv/data": ("nightly", 3, 1),
        "/srv/data/big": ("direct", 7, 1),
        "/srv/data/scratch": ("none", 5, 1),
    }
    unmeasured = machine("plan", "--json", "--no-measure").json
    assert {one["bytes"] for one in unmeasured["routes"]} == {None}
    assert machine("apply", "--json").json["changed"] is True
    assert machine("plan", "--json").json["empty"] is True


def test_applying_twice_changes_nothing(machine: Machine) -> None:
    assert machine("apply").out.splitlines()[-1].startswith("applied: ")
    before, times = machine.state(), mtimes(machine.root)
    second = machine("apply")
    assert second.code == 0
    assert second.out == "nothing to change: what is applied is what the manifest says\n"
    assert machine.state() == before
    assert mtimes(machine.root) == times
    assert machine("apply", "--json").json["changed"] is False


def mtimes(root: Path) -> dict[str, int]:
    """When each file was written."""
    return {str(path): path.stat().st_mtime_ns for path in kept_files(root)}


def test_comments_and_order_are_no_change(applied: Machine) -> None:
    applied.edit("routes:\n  /srv/data: nightly\n", "# why\nroutes:\n")
    applied.edit("ignore:\n", "  /srv/data:   nightly   # moved\nignore:\n")
    assert machine_is_settled(applied)


def machine_is_settled(machine: Machine) -> bool:
    done = machine("plan", "--exit-code")
    return done.code == 0 and done.out.startswith("nothing to change")


def test_a_file_changed_by_hand_is_kept_until_it_is_named(applied: Machine) -> None:
    path = "/etc/systemd/system/policyctl-nightly.timer"
    timer = applied.root / path[1:]
    written = timer.read_text()
    timer.write_text(written + "# by hand\n")
    refused = applied("apply")
    assert refused.code == 5
    assert f"{path} was changed since policyctl wrote it" in refused.out + refused.err
    assert f"--overwrite {path}" in refused.out + refused.err
    assert timer.read_text() == written + "# by hand\n"
    assert applied("plan", "--exit-code").code == 4
    assert applied("apply", "--overwrite", path).code == 0
    assert timer.read_text() == written


def test_a_foreign_file_is_never_overwritten_unasked(machine: Machine) -> None:
    path = "/etc/systemd/system/policyctl-nightly.service"
    machine.write(path[1:], "mine\n")
    before = machine.state()
    refused = machine("apply")
    assert refused.code == 5
    assert f"{path} was not written by policyctl" in refused.out + refused.err
    after = machine.state()
    assert {name: after[name] for name in before} == before
    assert not (machine.root / "etc/systemd/system/policyctl-nightly.timer").exists()
    assert machine("apply", "--overwrite", path).code == 0


def test_overwrite_takes_a_path_and_says_so(machine: Machine) -> None:
    done = machine("apply", "--overwrite", "relative")
    assert done.code == 5
    assert "--overwrite: 'relative' is not absolute" in done.err


def test_an_invalid_manifest_is_not_applied(applied: Machine) -> None:
    before = applied.state()
    applied.edit("/srv/data/big: direct", "/srv/data/big: dirct")
    for command in ("plan", "apply"):
        done = applied(command)
        assert (done.code, done.out) == (3, "")
        assert "unknown-name" in done.err
    assert applied.state() == before


def test_another_machines_policy_is_not_applied_here(tmp_path: Path) -> None:
    manifest = tmp_path / "backup-policy.yaml"
    manifest.write_text(MANIFEST.replace("host: myhost", "host: surely-another-machine"))
    done = policyctl("apply", "-p", str(manifest))
    assert done.code == 5
    assert "the manifest is for 'surely-another-machine'" in done.err


# ── A routing change is one line ─────────────────────────────────────────────────────────────

EDITS = {
    "past-the-disk": (
        "  /srv/nfs/temp:",
        '  /srv/nfs/paperless: {leg: synology-direct, because: "the scans exist on paper"}\n',
        {"~ sda-mirror.nfs", "~ offsite.sda", "~ synology-direct.nfs"},
    ),
    "nested-carve-out": (
        "  /srv/nfs/temp:",
        '  /srv/nfs/servarr/downloads/replays: {none: "can be fetched again"}\n',
        {"~ sda-mirror.nfs", "~ offsite.sda"},
    ),
    "tree-dropped": (
        "  /srv/nfs-ssd:",
        '  /srv/nfs-ssd: {none: "rebuilt in a day"}\n',
        {"- synology-direct.nfs-ssd"},
    ),
}


@pytest.fixture
def lab(tmp_path: Path) -> Machine:
    """The reference manifest, applied over a few files."""
    machine = Machine(tmp_path, REFERENCE.read_text())
    for path in (
        "nfs/paperless/scan",
        "nfs/immich/photo",
        "nfs/servarr/downloads/replays/match",
        "nfs/servarr/downloads/film",
        "nfs-ssd/immich/thumb",
    ):
        machine.write(f"srv/{path}", path)
    assert machine("apply").code == 0
    return machine


@pytest.mark.parametrize("edit", EDITS)
def test_a_routing_change_is_one_line_and_changes_its_legs_filters_alone(
    lab: Machine, edit: str, update_golden: bool
) -> None:
    before, line, filters = EDITS[edit]
    lines = lab.manifest.read_text().splitlines(keepends=True)
    at = next(number for number, text in enumerate(lines) if text.startswith(before))
    replaced = line.startswith(before)
    lines[at : at + replaced] = [line]
    lab.manifest.write_text("".join(lines))
    shown = lab("plan")
    assert (shown.code, shown.err) == (0, "")
    text = shown.out.replace(f" --root {lab.root}", "")
    golden = CHECKOUT / "tests/golden/plan" / f"{edit}.txt"
    if update_golden:
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(text)
    assert text == golden.read_text(), "read the difference, then make golden"
    data = lab("plan", "--json").json
    changed = {
        {"create": "+", "update": "~", "delete": "-"}[one["action"]]
        + " "
        + Path(one["path"]).name.removesuffix(".rules")
        for one in data["files"]
        if one["action"] != "keep" and one["path"].endswith(".rules")
    }
    assert changed == filters
    assert len(data["routes"]) == 1
    assert data["refused"] == []
    assert lab("apply").code == 0
    assert machine_is_settled(lab)


# ── explain ──────────────────────────────────────────────────────────────────────────────────


def explained(machine: Machine, path: str | bytes, **more: Any) -> Any:
    done = machine("explain", "--json", path, **more)
    assert (done.code, done.err) == (0, "")
    return done.json


def test_explain_prints_the_fixed_shape(machine: Machine) -> None:
    found = explained(machine, "/srv/data/a/file")
    needed = {
        "path": "/srv/data/a/file",
        "leg": "nightly",
        "reason": "the route '/srv/data' sends it to nightly",
    }
    assert {key: found[key] for key in needed} == needed
    assert found["decided_by"]["file"] == str(machine.manifest)
    assert found["decided_by"]["line"] == line_of("/srv/data: nightly")
    (copy,) = found["copies"]
    assert (copy["place"], copy["path"], copy["leg"]) == ("disk", "/mnt/disk/a/file", "nightly")
    assert copy["rpo_seconds"] == 86_400 + 300  # a day, and its time limit


def test_explain_tells_a_remote_place_as_one_types_it(machine: Machine) -> None:
    (copy,) = explained(machine, "/srv/data/big/film")["copies"]
    assert copy["path"] == "backup@nas.example.net:/volume1/copies/data/big/film"


def test_a_slash_at_the_end_means_a_directory(machine: Machine) -> None:
    as_file = explained(machine, "/srv/data/new/cache")
    as_directory = explained(machine, "/srv/data/new/cache/")
    assert (as_file["leg"], as_directory["leg"]) == ("nightly", "none")
    assert as_directory["path"] == "/srv/data/new/cache"
    (machine.root / "srv/data/new/cache").mkdir(parents=True)
    assert explained(machine, "/srv/data/new/cache")["leg"] == "none"


@pytest.mark.parametrize(
    ("path", "reason", "line"),
    [
        ("/srv/data/a/.file.swp", "ignored by '*.swp': editor's swap file", '"*.swp"'),
        ("/srv/data/cache/x", "ignored by 'cache/': rebuilt", '"cache/"'),
        ("/srv/data/scratch/heap", "made anew each day", "/srv/data/scratch:"),
        ("/srv/data/scratch", "made anew each day", "/srv/data/scratch:"),
    ],
)
def test_what_no_leg_carries_has_a_reason_and_a_line(
    machine: Machine, path: str, reason: str, line: str
) -> None:
    found = explained(machine, path)
    assert (found["leg"], found["reason"], found["copies"]) == ("none", reason, [])
    assert found["decided_by"]["line"] == line_of(line)


def test_a_place_that_belongs_to_another_leg_is_blocked(machine: Machine) -> None:
    found = explained(machine, "/srv/data/dumps/x")
    assert found["leg"] == "none"
    assert found["reason"].startswith("blocked: ")
    assert found["copies"] == []


def test_a_name_that_is_not_utf8_is_answered_in_base64(machine: Machine) -> None:
    path = b"/srv/data/b\xff/new\nline"
    found = explained(machine, path)
    assert "path" not in found
    assert base64.b64decode(found["path_b64"]) == path
    (copy,) = found["copies"]
    assert base64.b64decode(copy["path_b64"]) == b"/mnt/disk/b\xff/new\nline"
    human = machine("explain", path)
    assert human.out.splitlines()[0] == r"/srv/data/b\xff/new\nline"


def test_what_does_not_exist_yet_is_explained_too(machine: Machine) -> None:
    assert explained(machine, "/srv/data/to/come")["leg"] == "nightly"


def test_what_no_source_holds_is_told_apart(machine: Machine) -> None:
    found = explained(machine, "/home/somebody")
    assert (found["leg"], found["decided_by"], found["copies"]) == ("none", None, [])
    assert "no source of this policy holds it" in found["reason"]
    assert "it is a copy" in explained(machine, "/mnt/disk/a/file")["reason"]


def test_a_relative_path_counts_from_here(machine: Machine, tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.mkdir()
    text = machine.manifest.read_text().replace("/srv/data", f"{here}/data")
    machine.manifest.write_text(text)
    assert explained(machine, "data/a/../b", cwd=here)["path"] == f"{here}/data/b"
    assert explained(machine, "data/big/film", cwd=here)["leg"] == "direct"
    assert explained(machine, "film", cwd=tmp_path)["leg"] == "none"


def test_an_item_of_a_source_is_explained(machine: Machine) -> None:
    found = explained(machine, "database:")
    assert (found["path"], found["leg"]) == ("database:", "dumps")
    assert [copy["path"] for copy in found["copies"]] == ["/mnt/disk/dumps/*"]
    done = policyctl(
        "explain", "-p", str(REFERENCE), "--json", "pvcs:media/jellyfin", "pvcs:dbaas/x"
    )
    kept, left = done.json
    assert (kept["leg"], left["leg"]) == ("lvm-snapshots", "none")
    assert left["reason"] == "high churn; the databases are dumped instead"
    legs = [copy["leg"] for copy in kept["copies"]]
    assert legs == ["lvm-snapshots", "pvc-files", "offsite", "sqlite-copies", "offsite"]


def test_several_paths_give_a_list(machine: Machine) -> None:
    shown = machine("explain", "--json", "/srv/data/a", "/srv/data/big").json
    assert [one["leg"] for one in shown] == ["nightly", "direct"]
    human = machine("explain", "/srv/data/a", "/srv/data/big").out
    assert human.split("\n\n")[1].startswith("/srv/data/big\n")


def test_explain_works_without_anything_applied_and_writes_nothing(machine: Machine) -> None:
    before = machine.state()
    explained(machine, "/srv/data/a")
    assert machine.state() == before


# ── run and status ───────────────────────────────────────────────────────────────────────────


def test_nothing_runs_before_an_apply(machine: Machine) -> None:
    done = machine("run", "nightly")
    assert (done.code, done.out) == (5, "")
    told = f"nothing is applied yet: run `policyctl apply --root {machine.root}` first"
    assert told in done.err, "as it would have to be typed"
    assert machine("status").code == 5


@pytest.mark.tool("rsync")
def test_a_run_copies_what_its_routes_say(applied: Machine) -> None:
    done = applied("run", "nightly")
    assert done.code == 0, done
    assert done.out.startswith("nightly: ok after ")
    disk = applied.root / "mnt/disk"
    assert (disk / "a/file").read_text() == "one"
    assert not (disk / "big").exists()
    assert not (disk / "scratch").exists()


@pytest.mark.tool("rsync")
def test_two_legs_run_one_after_the_other(applied: Machine) -> None:
    done = applied("run", "nightly", "direct")
    assert done.code == 0, done
    assert [line.split(":")[0] for line in done.out.splitlines() if line[0] != " "] == [
        "nightly",
        "direct",
    ]
    nas = applied.root / "@nas.example.net/volume1/copies/data"
    assert (nas / "big/film").read_text() == "two two"
    shown = applied("run", "nightly", "direct", "--json").json
    assert [(one["leg"], one["status"]) for one in shown] == [("nightly", "ok"), ("direct", "ok")]


@pytest.mark.tool("rsync")
def test_a_run_prints_pure_json(applied: Machine) -> None:
    done = applied("run", "nightly", "--json", "--verbose")
    assert done.code == 0
    assert (done.json["leg"], done.json["status"]) == ("nightly", "ok")
    (feed,) = done.json["feeds"]
    assert (feed["reads"], feed["files"], feed["bytes"], feed["deleted"]) == ("data", 1, 3, 0)
    assert done.err != ""


@pytest.mark.tool("rsync")
def test_what_a_run_would_do_is_explained_without_doing_it(applied: Machine) -> None:
    before = applied.state()
    done = applied("run", "nightly", "--explain")
    assert done.code == 0
    assert "rsync --recursive" in done.out
    after = applied.state()
    assert {name: after.get(name) for name in before} == before
    assert not (applied.root / "mnt/disk/a").exists()


def test_an_unknown_leg_is_named_with_those_that_there_are(applied: Machine) -> None:
    for more in ((), ("--explain",), ("--json",)):
        done = applied("run", "nigthly", *more)
        told = "the applied plan has no leg 'nigthly'; it has: direct, dumps, "
        assert done.code == 5
        assert told in done.err
        assert told in done.json["error"] if "--json" in more else done.out == ""
    assert applied("run", "nightly", "nope").code == 5
    assert not (applied.root / "mnt/disk/a").exists()


def test_a_leg_of_the_cluster_is_refused_here(applied: Machine) -> None:
    done = applied("run", "in-cluster")
    assert done.code == 5
    assert "runs in the cluster (backups), never on this host" in done.out


@pytest.mark.tool("rsync")
def test_one_bad_leg_does_not_hold_up_the_next(applied: Machine) -> None:
    done = applied("run", "dumps", "nightly")
    assert done.code == 5
    assert (applied.root / "mnt/disk/a/file").exists()


@pytest.mark.tool("rsync")
def test_an_edited_manifest_changes_no_run(applied: Machine) -> None:
    applied.edit("/srv/data/big: direct", "/srv/data/big: {none: scratch}")
    applied.edit("  /srv/data: nightly", "  /srv/data: direct")
    applied.edit("/srv/data/scratch: {none:", "/srv/data/a: nightly\n  /srv/data/scratch: {none:")
    assert applied("run", "nightly", "direct").code == 0
    assert (applied.root / "mnt/disk/a/file").exists()
    nas = applied.root / "@nas.example.net/volume1/copies/data"
    assert sorted(path.name for path in nas.iterdir()) == ["big"]
    applied.manifest.write_text("no: manifest\n")
    assert applied("run", "nightly").code == 0
    applied.manifest.unlink()
    assert applied("run", "nightly").code == 0


@pytest.mark.tool("rsync")
def test_an_empty_source_is_refused(applied: Machine) -> None:
    assert applied("run", "nightly").code == 0
    (applied.root / "srv/data").rename(applied.root / "srv/away")
    (applied.root / "srv/data").mkdir()
    done = applied("run", "nightly")
    assert done.code == 5
    assert "refused" in done.out
    assert (applied.root / "mnt/disk/a/file").exists()


@pytest.mark.tool("rsync")
def test_a_disk_that_is_not_there_is_refused(applied: Machine) -> None:
    (applied.root / "mnt/disk").rename(applied.root / "mnt/away")
    (applied.root / "mnt/disk").mkdir()
    done = applied("run", "nightly")
    assert done.code == 5
    assert list((applied.root / "mnt/disk").iterdir()) == []
    status = applied("status")
    assert status.code == 5
    assert "failing" in status.out or "stale" in status.out


@pytest.mark.tool("rsync")
def test_status_tells_each_leg_and_by_its_code_whether_all_is_well(applied: Machine) -> None:
    fresh = applied("status")
    assert fresh.code == 0
    assert "waiting for a first run" in fresh.out
    assert applied("run", "nightly").code == 0
    shown = applied("status", "--json")
    assert (shown.code, shown.err) == (0, "")
    assert shown.json["healthy"] is True
    legs = {one["leg"]: one for one in shown.json["legs"]}
    assert sorted(legs) == ["direct", "dumps", "in-cluster", "nightly"]
    assert legs["nightly"]["health"] == "fresh"
    assert legs["nightly"]["last_run"]["status"] == "ok"
    assert legs["nightly"]["last_success"] is not None
    assert legs["nightly"]["next_run"].endswith("T02:00:00+00:00")
    assert legs["direct"]["last_run"] is None
    assert legs["dumps"]["health"] == "runs elsewhere"
    assert legs["in-cluster"]["health"] == "runs elsewhere"


def test_status_says_where_the_manifest_was_edited_since(applied: Machine) -> None:
    assert applied("status", "--json").json["notes"] == []
    applied.edit('"04:00"', '"04:30"')
    assert "the manifest differs from what is applied" in applied("status").out
    applied.manifest.write_text("no: manifest\n")
    assert "the manifest is not valid now" in applied("status").out


# ── A renamed leg ────────────────────────────────────────────────────────────────────────────


@pytest.mark.tool("rsync")
def test_a_renamed_leg_moves_no_byte_and_deletes_nothing(applied: Machine) -> None:
    assert applied("run", "nightly").code == 0
    copies = applied.state()
    applied.edit("  nightly: {kind: mirror,", "  local: {kind: mirror, was: nightly,")
    applied.edit("  /srv/data: nightly", "  /srv/data: local")
    plan = applied("plan").out
    assert "local (was nightly)" in plan
    assert "left behind" not in plan
    shown = applied("plan", "--json").json
    assert shown["routes"] == []
    renamed = [(one["name"], one["was"], one["action"]) for one in shown["legs"]]
    assert renamed == [("local", "nightly", "update")]
    assert applied("apply").code == 0
    legs = {one["leg"]: one for one in applied("status", "--json").json["legs"]}
    assert "nightly" not in legs
    assert legs["local"]["health"] == "fresh", "the history moves with the name"
    done = applied("run", "local", "--json")
    assert done.code == 0, done
    (feed,) = done.json["feeds"]
    assert (feed["files"], feed["bytes"], feed["deleted"], feed["foreign"]) == (0, 0, 0, [])
    after = applied.state()
    assert all(after[name] == copies[name] for name in copies if name.startswith("mnt/disk/a"))
    (applied.root / "srv/data/a/file").unlink()
    applied.write("srv/data/a/other", "one")
    done = applied("run", "local", "--json")
    assert done.json["feeds"][0]["deleted"] == 1, "what the leg owned it still owns"
    assert machine_is_settled(applied)


# ── show, schema, completions ────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("part", "word"),
    [
        ("routes", "/srv/data/scratch"),
        ("legs", "disk:/dumps"),
        ("filters", "- /big/"),
        ("files", "# /etc/systemd/system/policyctl-nightly.timer"),
        ("timeline", "Mon 02:00"),
        ("plan", '"timezone": "UTC"'),
    ],
)
def test_every_part_can_be_shown(machine: Machine, part: str, word: str) -> None:
    done = machine("show", part)
    assert (done.code, done.err) == (0, "")
    assert word in done.out
    assert machine("show", part, "--json").json
    one_leg = machine("show", part, "nightly")
    assert one_leg.code == 0
    if part != "plan":
        assert len(one_leg.out) < len(done.out)


def test_a_leg_that_is_not_there_cannot_be_shown(machine: Machine) -> None:
    done = machine("show", "filters", "nope")
    assert (done.code, done.out) == (5, "")
    assert "there is no leg 'nope'; there are: direct, dumps, in-cluster, nightly" in done.err


def test_the_schema_is_printed_for_editors() -> None:
    done = policyctl("schema")
    assert (done.code, done.err) == (0, "")
    assert done.json["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert done.out == (CHECKOUT / "schema/backup-policy.schema.json").read_text()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completions_are_printed_and_answer(shell: str) -> None:
    done = policyctl("completions", shell)
    assert (done.code, done.err) == (0, "")
    assert f"_POLICYCTL_COMPLETE=complete_{shell}" in done.out
    asked = {
        "_POLICYCTL_COMPLETE": f"complete_{shell}",
        "COMP_WORDS": "policyctl exp",
        "COMP_CWORD": "1",
        "_TYPER_COMPLETE_ARGS": "policyctl exp",
        "_TYPER_COMPLETE_WORD_TO_COMPLETE": "exp",
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }
    assert "explain" in policyctl(cwd=None, **asked).out


# ── Usage, streams, colours ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "arguments",
    [
        ["nope"],
        ["check", "--nope"],
        ["check", "surplus"],
        ["explain"],
        ["run"],
        ["run", "nightly", "--allow", "everything"],
        ["show"],
        ["show", "everything"],
        ["completions", "tcsh"],
        [],
    ],
    ids=" ".join,
)
def test_what_cannot_be_meant_ends_with_2(arguments: list[str]) -> None:
    done = policyctl(*arguments)
    assert (done.code, done.out) == (2, "")
    assert "Usage: policyctl" in done.err


def test_help_is_a_result() -> None:
    for arguments in (["--help"], ["-h"], ["check", "--help"]):
        done = policyctl(*arguments)
        assert (done.code, done.err) == (0, "")
        assert "Usage: policyctl" in done.out


def test_pipes_get_no_colours(machine: Machine) -> None:
    machine.edit("/srv/data/big: direct", "/srv/data/big: dirct")
    for variables in ({}, {"NO_COLOR": "1"}, {"TERM": "dumb"}):
        done = machine("check", cwd=None, **variables)
        assert "\x1b" not in done.out + done.err


@pytest.mark.tool("script")
def test_a_terminal_gets_colours_unless_it_wants_none(machine: Machine) -> None:
    machine.edit(",\n          runner: {kubernetes: {namespace: dbaas}}}", "}")
    command = f"{sys.executable} -m policyctl.main check -p {machine.manifest}"
    base = {**os.environ, "PYTHONPATH": str(CHECKOUT), "TERM": "xterm"}
    for variables, coloured in (({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)):
        done = subprocess.run(
            ["script", "-qec", command, os.devnull],
            env={**base, **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
            check=True,
        )
        assert (b"\x1b[32mclean\x1b[0m" in done.stdout) is coloured
        assert b"clean" in done.stdout


def test_a_leg_called_none_is_told_how_to_say_so(machine: Machine) -> None:
    machine.edit("/srv/data/big: direct", "/srv/data/big: none")
    done = machine("check")
    assert done.code == 3
    assert "there is no leg 'none'" in done.err
    assert 'where no copy is wanted, say why: {none: "made anew each day"}' in done.err


def test_plan_says_that_apply_is_refused_on_another_machine(machine: Machine) -> None:
    words = ["plan", "--no-measure", "-p", str(machine.manifest)]
    elsewhere = policyctl(*words, cwd=machine.folder)
    assert "and the manifest is for 'myhost': `policyctl apply` would be refused" in elsewhere.out
    assert "would be refused here" not in policyctl(*words, "--root", str(machine.root)).out


def test_an_interrupt_while_the_program_loads_is_one_line(tmp_path: Path) -> None:
    """The first thing that it loads interrupts it, as an impatient Ctrl-C does."""
    (tmp_path / "typer.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    done = subprocess.run(
        [sys.executable, "-m", "policyctl", "--version"],
        env={**os.environ, "PYTHONPATH": f"{tmp_path}:{CHECKOUT}"},
        cwd=tmp_path,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"policyctl: interrupted\n")


@pytest.mark.parametrize("arguments", [["schema"], ["show", "plan"], ["--help"]], ids=" ".join)
def test_a_reader_that_goes_away_causes_no_traceback(
    machine: Machine, arguments: list[str]
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as gone:
        done = subprocess.run(
            [sys.executable, "-m", "policyctl.main", *arguments],
            cwd=machine.folder,
            env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
            stdout=gone,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    assert b"Traceback" not in done.stderr
    assert b"Exception ignored" not in done.stderr
    assert b"bug" not in done.stderr


def test_the_console_script_is_the_same_program() -> None:
    script = Path(sys.executable).with_name("policyctl")
    if not script.exists():
        pytest.skip("policyctl is not installed beside this Python")
    done = subprocess.run([script, "--help"], capture_output=True, timeout=60, check=True)
    assert done.stdout.decode() == policyctl("--help").out


@pytest.mark.parametrize("arguments", [["check"], ["show", "plan"], ["check", "--json"]])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_under_the_result_is_said(
    machine: Machine, arguments: list[str], unbuffered: str
) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "policyctl.main", *arguments, "-p", str(machine.manifest)],
            env={**os.environ, "PYTHONPATH": str(CHECKOUT), "PYTHONUNBUFFERED": unbuffered},
            stdin=subprocess.DEVNULL,
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert done.returncode == 5
    assert done.stderr.decode().splitlines()[-1] == (
        "policyctl: the result could not be written: No space left on device"
    )
    assert b"Traceback" not in done.stderr


def test_the_version_is_told() -> None:
    done = policyctl("--version")
    assert (done.code, done.out.split()[0], done.err) == (0, "policyctl", "")


def test_a_failure_with_json_is_a_document_too(machine: Machine) -> None:
    assert "nothing is applied yet" in machine("status", "--json").json["error"]
    slip = machine("plan", "--json", "--nope")
    assert (slip.code, "No such option" in slip.json["error"]) == (2, True)


def test_a_path_below_the_root_is_known_by_either_name(applied: Machine) -> None:
    path = applied.root / "srv/data/big"
    assert applied("explain", "--json", str(path)).json["path"] == "/srv/data/big"
    timer = applied.root / "etc/systemd/system/policyctl-nightly.timer"
    timer.write_text("by hand\n")
    assert "apply would refuse this" in applied("plan").out
    assert applied("apply", "--overwrite", str(timer)).code == 0
    refused = applied("apply", "--overwrite", str(timer))
    assert (refused.code, "; there are: none" in refused.err) == (5, True)


def test_an_unknown_disk_is_named_with_those_that_there_are(machine: Machine) -> None:
    done = machine("apply", "--new-disk", "dsk")
    assert done.code == 5
    assert "there is no destination 'dsk'; there are: disk, nas" in done.err
    assert not (machine.root / "var").exists()


def test_what_only_a_directory_would_meet_is_answered_too(machine: Machine) -> None:
    found = machine("explain", "--json", "/srv/data/new/cache").json
    assert (found["leg"], found["as_directory"]["leg"]) == ("nightly", "none")
    assert "as_directory" not in machine("explain", "--json", "/srv/data/a/file").json
    assert "  below       /srv/data/big → direct" in machine("explain", "/srv/data").out


def test_explain_says_that_an_edit_is_not_applied(applied: Machine) -> None:
    assert applied("explain", "/srv/data").err == ""
    applied.edit("  /srv/data/big: direct\n", "")
    assert "not applied yet" in applied("explain", "/srv/data").err


def test_a_run_that_was_killed_is_called_so(applied: Machine) -> None:
    with closing(sqlite3.connect(applied.root / "var/lib/policyctl/state.db")) as db:
        db.execute(
            "INSERT INTO run (run_id, leg, mode, started, status) VALUES "
            "('x', 'nightly', 'full', '2026-11-22T10:00:00+00:00', 'running')"
        )
        db.commit()
    done = applied("status")
    assert done.code == 5
    assert " killed " in done.out
    lock = applied.root / "var/lib/policyctl/locks/leg.nightly.lock"
    lock.touch()
    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert " running " in applied("status").out


def test_a_leg_that_goes_tells_where_its_copies_stay(applied: Machine) -> None:
    applied.edit("  /srv/data/big: direct\n", "")
    applied.edit('  direct: {kind: mirror, to: "nas:/data", schedule: "04:00", timeout: 5m}\n', "")
    shown = applied("plan").out
    assert "- direct\n      left behind, protected: nas:/data\n" in shown
    assert "left behind, protected: nas:/data/big" in shown
