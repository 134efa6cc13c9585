"""Policy drift, over what was recorded and what is there."""

from dataclasses import replace

import pytest

from engine.changes.drift import DriftedFile, Judgement, ManifestState, PolicyDrift, drifted_files
from engine.changes.files import AppliedRecord, ObservedFile, OwnedFile, digest
from policy.values import parse_absolute_path

TIMER = parse_absolute_path("/etc/systemd/system/policyctl-nightly.timer")
RULES = parse_absolute_path("/var/lib/policyctl/filters/nightly.data.rules")
RECORD = AppliedRecord(
    applied_at="2026-11-25T15:00:00+00:00",
    complete=True,
    plan_digest="p",
    files=(
        OwnedFile(path=TIMER, sha256=(digest(b"timer"),)),
        OwnedFile(path=RULES, sha256=(digest(b"old"), digest(b"new"))),
    ),
)
AS_WRITTEN = {TIMER: ObservedFile(content=b"timer"), RULES: ObservedFile(content=b"new")}
NONE = PolicyDrift(
    manifest=ManifestState.APPLIED,
    manifest_path="/etc/policyctl/backup-policy.yaml",
    manifest_digest="m",
    plan_digest="p",
    files=(),
)


def test_what_is_as_it_was_written_has_not_drifted() -> None:
    assert drifted_files(RECORD, AS_WRITTEN) == ()
    assert drifted_files(RECORD, {**AS_WRITTEN, RULES: ObservedFile(content=b"old")}) == ()


@pytest.mark.parametrize(
    ("found", "missing"),
    [
        (None, True),
        (ObservedFile(content=b"timer\n"), False),
        (ObservedFile(content=b""), False),
        (ObservedFile(content=b"timer", mode=0o666), False),  # anybody may say what root runs
        (ObservedFile(content=None), False),  # a symlink, a directory, a device
    ],
)
def test_law_10_what_somebody_changed_or_removed_has(
    found: ObservedFile | None, missing: bool
) -> None:
    seen = {**AS_WRITTEN, TIMER: found}
    assert drifted_files(RECORD, seen) == (DriftedFile(path=TIMER, missing=missing),)


def test_while_an_apply_is_under_way_a_file_may_not_be_there_yet() -> None:
    under_way = replace(RECORD, complete=False)
    assert drifted_files(under_way, {**AS_WRITTEN, TIMER: None}) == ()
    changed = {**AS_WRITTEN, TIMER: ObservedFile(content=b"other")}
    assert drifted_files(under_way, changed) == (DriftedFile(path=TIMER, missing=False),)


def test_an_interrupted_apply_is_a_drift_of_the_files() -> None:
    assert not NONE.of_files
    assert replace(NONE, interrupted=True).of_files
    assert replace(NONE, files=(DriftedFile(path=TIMER, missing=True),)).of_files


@pytest.mark.parametrize("state", ManifestState)
def test_every_other_state_of_the_manifest_is_a_drift_or_not_known(state: ManifestState) -> None:
    expected = {ManifestState.APPLIED: False, ManifestState.UNKNOWN: None}.get(state, True)
    assert replace(NONE, manifest=state).of_manifest is expected


def test_a_judgement_is_of_one_text_and_one_plan() -> None:
    known = Judgement(path="/p", folder="1:2", text="t", plan="p", state=ManifestState.APPLIED)
    assert known.settles("t", "p")
    assert not known.settles("other", "p")
    assert not known.settles("t", "the plan before, taken back by a rollback")
