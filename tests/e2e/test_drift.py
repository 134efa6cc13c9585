"""Policy drift, as `status`, the series and a run's end tell it."""

import json
import os
import sys
import time
from pathlib import Path

import pytest

from engine.system.host.places import Places
from engine.system.telling import drift as looking
from tests.e2e.test_cli import MANIFEST, Done, Machine
from tests.integration.gateway import series

FOLDER = "var/lib/node-exporter"
TIMER = "etc/systemd/system/policyctl-nightly.timer"
MANIFEST_DRIFT = 'policyctl_policy_drift{what="manifest"}'
FILE_DRIFT = 'policyctl_policy_drift{what="files"}'


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    found = Machine(tmp_path, MANIFEST + f"monitoring: {{textfile: /{FOLDER}}}\n")
    done = found("apply")
    assert done.code == 0, done.err
    return found


def told(machine: Machine) -> dict[str, float]:
    return series((machine.root / FOLDER / "policyctl.policy.prom").read_text())


def drift(machine: Machine) -> tuple[float | None, float | None]:
    """What is told of manifest and files."""
    found = told(machine)
    return found.get(MANIFEST_DRIFT), found.get(FILE_DRIFT)


def run(machine: Machine, code: int = 0) -> Done:
    done = machine("run", "nightly")
    assert done.code == code, done.out + done.err
    return done


def policy(machine: Machine, *words: str, code: int = 0):
    done = machine("status", "--json", *words)
    assert done.code == code, done.out
    return done.json["policy"]


def judged(machine: Machine) -> dict[str, str]:
    found = json.loads((machine.root / "var/lib/policyctl/manifest.json").read_text())
    assert isinstance(found, dict)
    return found


def test_law_10_apply_tells_that_what_runs_is_what_should(machine: Machine) -> None:
    assert drift(machine) == (0, 0)
    (info,) = [name for name in told(machine) if name.startswith("policyctl_policy_info")]
    shown = policy(machine)
    assert shown["manifest"] == "applied"
    assert shown["manifest_file"] == str(machine.manifest)
    manifest, plan = shown["manifest_sha256"][:12], shown["plan_sha256"][:12]
    assert info == f'policyctl_policy_info{{manifest="{manifest}",plan="{plan}"}}'
    assert (shown["drifted_files"], shown["apply_interrupted"]) == ([], False)


@pytest.mark.tool("rsync")
def test_law_10_an_edited_manifest_is_told_and_is_nobodys_fault_yet(machine: Machine) -> None:
    before = policy(machine)
    machine.edit('schedule: "02:00"', 'schedule: "03:00"')
    shown = policy(machine)
    assert shown["manifest"] == "edited"
    assert shown["manifest_sha256"] != before["manifest_sha256"]
    assert shown["plan_sha256"] == before["plan_sha256"]
    assert (
        f"the manifest differs from what is applied: `policyctl plan --root {machine.root}`"
        in machine("status").out
    )
    run(machine)
    assert drift(machine) == (1, 0)
    assert machine("apply").code == 0
    assert drift(machine) == (0, 0), "at once, and not with the next run"


@pytest.mark.tool("rsync")
def test_comments_and_order_are_no_drift_and_are_compiled_once(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = judged(machine)["text"]
    machine.edit("version: 1\n", "# what a morning\nversion: 1\n")
    assert policy(machine)["manifest"] == "applied"
    assert judged(machine)["text"] == text, "asking changes nothing"
    run(machine)
    assert drift(machine) == (0, 0)
    assert judged(machine)["text"] != text
    monkeypatch.setattr(looking, "_compiled", None)  # who would compile once more, fails
    found = looking.read_drift(Places(root=machine.root))
    assert found is not None
    assert (found.drift.of_manifest, found.judgement) == (False, None)


@pytest.mark.tool("rsync")
@pytest.mark.parametrize(
    ("how", "state", "note"),
    [
        ("invalid", "invalid", "the manifest is not valid now"),
        ("no text", "invalid", "the manifest is not valid now"),
        ("a directory", "invalid", "the manifest is not valid now"),
        ("gone", "missing", "backup-policy.yaml is gone; what runs is the plan that was applied"),
    ],
)
def test_a_manifest_that_nobody_can_apply_is_a_drift_and_fails_no_run(
    machine: Machine, how: str, state: str, note: str
) -> None:
    if how == "invalid":
        machine.edit("version: 1", "version: 7")
    elif how == "no text":
        machine.manifest.write_bytes(b"\xff\xfe\0" * 99)
    else:
        machine.manifest.unlink()
    if how == "a directory":
        machine.manifest.mkdir()
    run(machine)
    assert drift(machine) == (1, 0)
    assert policy(machine)["manifest"] == state
    done = machine("status")
    assert (done.code, note in done.out) == (0, True), done.out


@pytest.mark.tool("rsync")
def test_where_another_folder_lies_in_its_place_that_it_is_missing_says_nothing(
    tmp_path: Path,
) -> None:
    machine = Machine(tmp_path, MANIFEST + f"monitoring: {{textfile: /{FOLDER}}}\n")
    home = tmp_path / "home"
    home.mkdir()
    machine.manifest = machine.manifest.rename(home / "backup-policy.yaml")
    assert machine("apply").code == 0
    home.rename(tmp_path / "away")
    home.mkdir()
    run(machine)
    assert drift(machine) == (None, 0), "as in a sandbox that hides it: not known"
    found = looking.read_drift(Places(root=machine.root))
    assert found is not None
    assert found.drift.manifest.value == "unknown"


@pytest.mark.tool("rsync")
@pytest.mark.parametrize("how", ["changed", "missing", "symlink"])
def test_law_10_a_generated_file_changed_by_hand_needs_you(machine: Machine, how: str) -> None:
    timer = machine.root / TIMER
    text = timer.read_text()
    if how == "changed":
        timer.write_text(text.replace("02:00", "03:00"))
    else:
        timer.unlink()
    if how == "symlink":
        timer.symlink_to("/dev/null")  # as `systemctl mask` does
    run(machine)
    assert drift(machine) == (0, 1)
    done = machine("status")
    assert done.code == 5
    assert done.out.startswith("CRITICAL: 1 file not as applied\n")
    what = "is gone" if how == "missing" else "was changed by hand"
    assert f"file /{TIMER} {what} since it was applied\n" in done.out
    assert (
        f"what runs is not what was applied: `policyctl plan --root {machine.root}` shows how"
        in done.out
    )
    found = "missing" if how == "missing" else "changed"
    assert policy(machine, code=5)["drifted_files"] == [{"path": f"/{TIMER}", "found": found}]
    assert machine("apply", "--overwrite", f"/{TIMER}").code == 0 or how == "missing"
    assert machine("apply").code == 0
    assert drift(machine) == (0, 0)
    assert machine("status").code == 0


def test_a_rollback_is_a_drift_of_the_manifest_until_it_is_taken_back(machine: Machine) -> None:
    machine.edit('schedule: "02:00"', 'schedule: "03:00"')
    assert machine("apply").code == 0
    done = machine("apply", "--rollback")
    assert done.code == 0, done.err
    assert drift(machine) == (1, 0)
    assert policy(machine)["manifest"] == "edited"
    assert machine("apply", "--rollback").code == 0
    assert drift(machine) == (0, 0)


def test_an_interrupted_apply_is_said_to_be_one(machine: Machine) -> None:
    record = machine.root / "var/lib/policyctl/applied.json"
    rows = json.loads(record.read_text())
    record.write_text(json.dumps({**rows, "complete": False}))
    done = machine("status")
    assert done.code == 5
    assert done.out.startswith("CRITICAL: an apply was interrupted\n")
    assert (
        f"an apply was interrupted: `policyctl apply --root {machine.root}` completes it"
        in done.out
    )
    assert policy(machine, code=5)["apply_interrupted"] is True
    assert machine("apply").code == 0
    assert machine("status").code == 0


@pytest.mark.tool("rsync")
@pytest.mark.parametrize("content", [b"", b"[]", b'{"path": 1}', b"{}", b"\xff", None])
def test_a_note_that_cannot_be_read_fails_nothing_and_the_next_apply_mends_it(
    machine: Machine, content: bytes | None
) -> None:
    note = machine.root / "var/lib/policyctl/manifest.json"
    good = note.read_bytes()
    note.unlink()
    if content is None:
        note.mkdir()
        run(machine)
        assert drift(machine) == (None, 0)
        return
    note.write_bytes(content)
    run(machine)
    assert drift(machine) == (None, 0)
    assert machine("apply").code == 0
    assert note.read_bytes() == good


def test_looking_costs_a_run_next_to_nothing(machine: Machine) -> None:
    places = Places(root=machine.root)
    assert looking.read_drift(places) is not None
    compiler = sys.modules.get("engine.compile")
    took = []
    for _ in range(5):
        began = time.perf_counter()
        looking.read_drift(places)
        took.append(time.perf_counter() - began)
    assert min(took) < 0.05
    assert sys.modules.get("engine.compile") is compiler


def test_the_path_is_absolute_whatever_was_typed(tmp_path: Path) -> None:
    machine = Machine(tmp_path, MANIFEST)
    name = os.fsdecode(b"odd \xff\n.yaml")
    folder = tmp_path / "folder"
    folder.mkdir()
    machine.manifest = machine.manifest.rename(folder / name)
    machine.manifest = Path(name)
    done = machine("apply", cwd=folder)
    assert done.code == 0, done.err
    assert judged(machine)["path"] == str(folder / name)
    found = looking.read_drift(Places(root=machine.root))
    assert found is not None
    assert found.drift.of_manifest is False
