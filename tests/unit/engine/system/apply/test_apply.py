import functools
import json
import os
import stat
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.changes.changes import Reason, change_set, paths_to_observe
from engine.changes.files import SETTLED, Pending
from engine.changes.plan_changes import Action
from engine.plan import layout
from engine.plan.stored import PlanUnreadable, plan_digest
from engine.system.apply.applied import (
    RecordUnreadable,
    load_applied,
    load_plan,
    load_record,
    load_way_back,
)
from engine.system.apply.apply import ApplyFailed, ApplyRefused, apply_changes, note_active
from engine.system.host.files import (
    LeadsOutOfRoot,
    Unobservable,
    observe_files,
    remove_file,
    write_atomically,
)
from engine.system.host.lock import hold
from policy.values import parse_absolute_path
from renderers import render as render_plan
from tests.plans import mirror, plan, route

render = functools.lru_cache(render_plan)
NOW = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
UNIT = parse_absolute_path("/etc/systemd/system/policyctl-sda-mirror.service")


def changes_at(root, some, rendered, **consent):
    record = load_record(root)
    observed = observe_files(root, paths_to_observe(record, rendered))
    return change_set(load_plan(root), record, some, rendered, observed, **consent)


def apply(root, some, *, rollback=False, pending=SETTLED, **consent):
    """What the command does, without a word to the user."""
    rendered = render(some)
    changes = changes_at(root, some, rendered, **consent)
    more = {"rollback": rollback, "pending": pending}
    return apply_changes(changes, rendered, some, root, NOW, **more)


def at(root, path):
    return root / os.fsdecode(path.text[1:])


def tree_of(root):
    """Everything below a root but locks: content, permissions and identity."""
    return {
        str(path.relative_to(root)): (path.read_bytes(), path.stat().st_mode, path.stat().st_ino)
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.suffix != ".lock"
    }


def contents(root):
    return {name: content for name, (content, _, _) in tree_of(root).items()}


OTHER = plan(
    routes=(route("immich", "other"), route("", "sda-mirror")),
    legs=(mirror(schedule=("03:00",)), mirror("other", "sda:/other")),
)


class TestApply:
    def test_what_is_rendered_is_written(self, tmp_path):
        report = apply(tmp_path, plan())
        assert report.changed
        assert {one.path for one in render(plan())} == set(report.written)
        for one in render(plan()):
            assert at(tmp_path, one.path).read_bytes() == one.content
            assert stat.S_IMODE(at(tmp_path, one.path).stat().st_mode) == one.mode
        loaded = load_applied(tmp_path)
        assert loaded is not None
        applied, record = loaded
        assert applied == plan()
        assert record.complete
        assert record.applied_at == "2026-03-29T01:30:00+00:00"
        assert record.plan_digest == report.plan_digest == plan_digest(plan())

    def test_applying_twice_changes_nothing(self, tmp_path):
        apply(tmp_path, plan())
        before = tree_of(tmp_path)
        report = apply(tmp_path, plan())
        assert not report.changed
        assert (report.written, report.removed) == ((), ())
        assert tree_of(tmp_path) == before

    def test_the_state_is_closed_to_others_whatever_the_umask(self, tmp_path):
        old = os.umask(0o077)
        try:
            apply(tmp_path, plan())
        finally:
            os.umask(old)
        modes = {
            str(path.relative_to(tmp_path)): stat.S_IMODE(path.stat().st_mode)
            for path in tmp_path.rglob("*")
        }
        assert modes["var/lib/policyctl"] == 0o700
        assert modes["var/lib/policyctl/plan.json"] == 0o600
        assert modes["var/lib/policyctl/applied.json"] == 0o600
        assert modes["var/lib"] == modes["etc/systemd/system"] == 0o755
        assert modes["etc/systemd/system/policyctl-sda-mirror.timer"] == 0o644

    def test_law_36_what_leaves_the_plan_leaves_the_machine(self, tmp_path):
        apply(tmp_path, plan())
        foreign = tmp_path / "etc/systemd/system/policyctl-mine.service"
        foreign.write_text("not policyctl's")
        report = apply(tmp_path, OTHER)
        removed = {path.names[-1] for path in report.removed}
        assert b"policyctl-synology-direct.timer" in removed
        names = {path.name for path in (tmp_path / "etc/systemd/system").iterdir()}
        assert names == {
            "policyctl-mine.service",
            "policyctl-other.service",
            "policyctl-other.timer",
            "policyctl-sda-mirror.service",
            "policyctl-sda-mirror.timer",
            "policyctl-untold@.service",
            "policyctl.target",
        }

    def test_drift_is_refused_until_it_is_named(self, tmp_path):
        apply(tmp_path, plan())
        at(tmp_path, UNIT).write_text("[Service]\nNice=19\n")
        before = contents(tmp_path)
        with pytest.raises(ApplyRefused) as refused:
            apply(tmp_path, plan())
        assert [one.code for one in refused.value.refusals] == ["drifted"]
        assert "policyctl-sda-mirror.service was changed" in str(refused.value)
        assert contents(tmp_path) == before
        report = apply(tmp_path, plan(), overwrite=frozenset({UNIT}))
        assert report.written == (UNIT,)
        assert not apply(tmp_path, plan()).changed

    def test_a_foreign_file_is_refused_until_it_is_named(self, tmp_path):
        at(tmp_path, UNIT).parent.mkdir(parents=True)
        at(tmp_path, UNIT).write_text("somebody's")
        with pytest.raises(ApplyRefused):
            apply(tmp_path, plan())
        assert contents(tmp_path) == {str(UNIT)[1:]: b"somebody's"}
        apply(tmp_path, plan(), overwrite=frozenset({UNIT}))
        assert not apply(tmp_path, plan()).changed

    def test_a_missing_file_is_written_again(self, tmp_path):
        apply(tmp_path, plan())
        at(tmp_path, UNIT).unlink()
        assert apply(tmp_path, plan()).written == (UNIT,)

    def test_a_masked_unit_is_not_unmasked_in_silence(self, tmp_path):
        apply(tmp_path, plan())
        at(tmp_path, UNIT).unlink()
        at(tmp_path, UNIT).symlink_to("/dev/null")
        with pytest.raises(ApplyRefused):
            apply(tmp_path, plan())
        apply(tmp_path, plan(), overwrite=frozenset({UNIT}))
        assert not at(tmp_path, UNIT).is_symlink()

    def test_what_changed_since_it_was_shown_is_not_touched(self, tmp_path):
        apply(tmp_path, plan())
        rendered = render(OTHER)
        changes = changes_at(tmp_path, OTHER, rendered)
        at(tmp_path, UNIT).write_text("edited in between")
        before = contents(tmp_path)
        with pytest.raises(ApplyRefused) as refused:
            apply_changes(changes, rendered, OTHER, tmp_path, NOW)
        assert [one.code for one in refused.value.refusals] == ["changed-meanwhile"]
        assert contents(tmp_path) == before

    def test_two_at_once_do_not_mix(self, tmp_path):
        lock = tmp_path / "var/lib/policyctl/locks/apply.lock"
        with hold(lock), pytest.raises(ApplyRefused) as refused:
            apply(tmp_path, plan())
        assert [one.code for one in refused.value.refusals] == ["busy"]

    def test_what_the_machine_refuses_is_told_in_a_sentence(self, tmp_path):
        (tmp_path / "etc").write_text("a file where a directory should be")
        with pytest.raises(ApplyFailed, match="run `policyctl apply` again"):
            apply(tmp_path, plan())
        (tmp_path / "etc").unlink()
        report = apply(tmp_path, plan())
        assert report.completed
        assert not apply(tmp_path, plan()).changed


class TestApplied:
    def test_nothing_was_applied(self, tmp_path):
        assert load_applied(tmp_path) is None
        assert load_plan(tmp_path) is None
        assert load_record(tmp_path) is None

    def test_a_plan_that_somebody_changed_is_not_run(self, tmp_path):
        apply(tmp_path, plan())
        stored = at(tmp_path, layout.PLAN_FILE)
        stored.write_text(stored.read_text().replace("sda:/", "sda:/x"))
        with pytest.raises(PlanUnreadable, match="not the plan that was applied"):
            load_applied(tmp_path)
        assert apply(tmp_path, plan()).changed
        assert load_applied(tmp_path) is not None

    @pytest.mark.parametrize(
        "data", [b"", b"{}", b"\xff", b'{"format": 9}', b"[" * 10_000], ids=range(5)
    )
    def test_a_broken_state_is_told_in_a_sentence(self, tmp_path, data):
        apply(tmp_path, plan())
        at(tmp_path, layout.RECORD_FILE).write_bytes(data)
        at(tmp_path, layout.PLAN_FILE).write_bytes(data)
        with pytest.raises(RecordUnreadable):
            load_applied(tmp_path)
        with pytest.raises(PlanUnreadable):
            load_plan(tmp_path)

    def test_a_record_of_another_format_is_refused(self, tmp_path):
        apply(tmp_path, plan())
        record = at(tmp_path, layout.RECORD_FILE)
        record.write_text(record.read_text().replace('"format": 1', '"format": 2'))
        with pytest.raises(RecordUnreadable, match="format 2"):
            load_record(tmp_path)


LEFT = Pending(units=("policyctl-other.timer",), rules=True)


def apply_with(root, some, pending=LEFT, before_files_go=lambda: None, now=NOW):
    """Apply what has commands to be run."""
    rendered = render(some)
    changes = changes_at(root, some, rendered)
    more = {"pending": pending, "before_files_go": before_files_go}
    return apply_changes(changes, rendered, some, root, now, **more)


def pending_at(root):
    record = load_record(root)
    assert record is not None
    return record.pending


class TestPending:
    """What has not taken effect yet stays in the record until somebody says that it has."""

    def test_it_is_noted_with_the_files_and_until_all_of_it_is_done(self, tmp_path):
        report = apply_with(tmp_path, plan())
        assert pending_at(tmp_path) == LEFT
        again = apply_with(tmp_path, plan(), now=NOW + timedelta(hours=1))
        assert (again.changed, again.applied_at) == (False, report.applied_at)
        assert pending_at(tmp_path) == LEFT
        note_active(tmp_path, again.applied_at)
        assert pending_at(tmp_path) == SETTLED
        before = tree_of(tmp_path)
        note_active(tmp_path, again.applied_at)
        assert tree_of(tmp_path) == before

    def test_it_is_another_applys_business_once_that_came_in_between(self, tmp_path):
        report = apply_with(tmp_path, plan())
        apply_with(tmp_path, OTHER, now=NOW + timedelta(seconds=1))
        note_active(tmp_path, report.applied_at)
        assert pending_at(tmp_path) == LEFT

    def test_what_comes_before_files_go_finds_new_ones_in_place_and_old_ones_there(self, tmp_path):
        apply(tmp_path, plan())
        units = tmp_path / "etc/systemd/system"
        seen = []
        apply_with(tmp_path, OTHER, before_files_go=lambda: seen.extend(units.iterdir()))
        names = {path.name for path in seen}
        assert {"policyctl-other.timer", "policyctl-synology-direct.timer"} <= names
        assert not (units / "policyctl-synology-direct.timer").exists()

    def test_where_that_fails_no_file_goes_and_the_next_apply_completes_it(self, tmp_path):
        def fails():
            raise ApplyFailed("it would not stop")

        apply(tmp_path, plan())
        with pytest.raises(ApplyFailed):
            apply_with(tmp_path, OTHER, before_files_go=fails)
        assert (tmp_path / "etc/systemd/system/policyctl-synology-direct.timer").exists()
        assert load_plan(tmp_path) == plan()
        assert pending_at(tmp_path) == LEFT
        assert apply_with(tmp_path, OTHER).completed

    def test_a_record_of_a_version_that_knew_of_none_is_read(self, tmp_path):
        apply(tmp_path, plan())
        path = at(tmp_path, layout.RECORD_FILE)
        stored = json.loads(path.read_text())
        del stored["pending"]
        path.write_text(json.dumps(stored))
        assert pending_at(tmp_path) == SETTLED
        stored["surprise"] = 1
        path.write_text(json.dumps(stored))
        with pytest.raises(RecordUnreadable, match="surprise"):
            load_record(tmp_path)


class TestPreviousPlan:
    def test_the_plan_before_is_kept_once_another_takes_its_place(self, tmp_path):
        apply(tmp_path, plan())
        assert load_way_back(tmp_path) is None
        apply(tmp_path, plan())
        assert load_way_back(tmp_path) is None
        apply(tmp_path, OTHER)
        assert load_way_back(tmp_path) == plan()
        apply(tmp_path, OTHER)
        assert load_way_back(tmp_path) == plan()
        apply(tmp_path, plan())
        assert load_way_back(tmp_path) == OTHER
        assert stat.S_IMODE(at(tmp_path, layout.PREVIOUS_PLAN_FILE).stat().st_mode) == 0o600

    def test_a_plan_that_somebody_changed_is_not_kept(self, tmp_path):
        apply(tmp_path, plan())
        stored = at(tmp_path, layout.PLAN_FILE)
        stored.write_text(stored.read_text().replace("sda:/", "sda:/x"))
        apply(tmp_path, OTHER)
        assert load_way_back(tmp_path) is None


class Crash(BaseException):
    """The power went."""


def crash_at(monkeypatch, number):
    """Let the program die at its n-th call that changes the disk; it never gets to clean up."""
    state = {"calls": 0}

    def fatal(original):
        def call(*arguments, **named):
            state["calls"] += 1
            if state["calls"] >= number:
                raise Crash
            return original(*arguments, **named)

        return call

    for name in ("replace", "unlink", "mkdir", "chmod", "fsync", "fchmod"):
        monkeypatch.setattr(os, name, fatal(getattr(os, name)))


STEPS = 150
"""More calls that change the disk than an apply of these plans makes."""


class TestInterruption:
    """An interrupted apply is completed by the next one, whatever instant it died at."""

    @pytest.fixture(autouse=True)
    def no_waiting_for_the_disk(self, monkeypatch):
        monkeypatch.setattr(os, "fsync", lambda descriptor: None)

    def died(self, root, some, number, **more):
        """Apply, and die at the n-th call; whether it came so far."""
        with pytest.MonkeyPatch.context() as patch:
            rendered = render(some)
            changes = changes_at(root, some, rendered)
            crash_at(patch, number)
            try:
                apply_changes(changes, rendered, some, root, NOW, **more)
            except Crash:
                return True
        return False

    def settled(self, root, some):
        apply(root, some)
        assert not apply(root, some).changed
        loaded = load_applied(root)
        assert loaded is not None
        assert loaded[0] == some
        assert loaded[1].complete
        assert list(root.rglob(".policyctl-*")) == []

    def test_the_first_apply(self, tmp_path):
        numbers = []
        for number in range(1, STEPS):
            root = tmp_path / str(number)
            root.mkdir()
            if not self.died(root, plan(), number):
                break
            numbers.append(number)
            self.settled(root, plan())
        assert len(numbers) > 20
        assert len(numbers) < STEPS - 1

    @pytest.mark.parametrize("following", [OTHER, plan()], ids=["onwards", "back"])
    def test_a_change_and_what_follows(self, tmp_path, following):
        for number in range(1, STEPS):
            root = tmp_path / str(number)
            root.mkdir()
            apply(root, plan())
            died = self.died(root, OTHER, number)
            applied = load_plan(root)
            assert applied in {plan(), OTHER}
            record = load_record(root)
            if record is not None and record.plan_digest == plan_digest(OTHER):
                assert load_way_back(root) == plan(), "there is always a way back"
            self.settled(root, following)
            expected = {str(one.path)[1:]: one.content for one in render(following)}
            found = contents(root)
            assert {name: found.get(name) for name in expected} == expected
            units = {name for name in found if name.startswith("etc/")}
            assert units == {name for name in expected if name.startswith("etc/")}
            if not died:
                break
        assert not died

    def test_a_rollback_is_completed_and_not_undone(self, tmp_path):
        for number in range(1, STEPS):
            root = tmp_path / str(number)
            root.mkdir()
            apply(root, plan())
            apply(root, OTHER)
            died = self.died(root, plan(), number, rollback=True, pending=LEFT)
            assert load_way_back(root) == plan()
            report = apply(root, plan(), rollback=True, pending=LEFT)
            assert load_plan(root) == load_way_back(root) == plan()
            note_active(root, report.applied_at)
            assert load_way_back(root) == OTHER
            if not died:
                break
        assert not died

    @settings(max_examples=10)
    @given(st.lists(st.tuples(st.sampled_from([plan(), OTHER]), st.integers(1, 60)), max_size=4))
    def test_any_row_of_interruptions(self, tmp_path_factory, interruptions):
        root = tmp_path_factory.mktemp("row")
        for some, number in interruptions:
            self.died(root, some, number)
            for change in changes_at(root, plan(), render(plan())).files:
                assert change.reason not in {Reason.DRIFTED, Reason.FOREIGN}
                assert change.action in Action
        self.settled(root, plan())


class TestFiles:
    def test_a_symlink_must_not_lead_out_of_the_root(self, tmp_path):
        root, outside = tmp_path / "root", tmp_path / "outside"
        root.mkdir()
        outside.mkdir()
        (root / "etc").symlink_to(outside)
        with pytest.raises(LeadsOutOfRoot):
            write_atomically(root / "etc/x/file", b"", 0o644, root=root)
        with pytest.raises(LeadsOutOfRoot):
            remove_file(root / "etc/file", root=root)
        with pytest.raises(Unobservable, match="leads out of the root"):
            apply(root, plan())
        assert list(outside.iterdir()) == []

    def test_a_symlink_inside_the_root_is_followed(self, tmp_path):
        (tmp_path / "usr").mkdir()
        (tmp_path / "etc").symlink_to("usr")
        write_atomically(tmp_path / "etc/x/file", b"1", 0o644, root=tmp_path)
        assert (tmp_path / "usr/x/file").read_bytes() == b"1"

    def test_a_symlink_at_the_path_is_replaced(self, tmp_path):
        (tmp_path / "target").write_text("keep")
        (tmp_path / "file").symlink_to("target")
        write_atomically(tmp_path / "file", b"new", 0o640)
        assert (tmp_path / "target").read_text() == "keep"
        assert (tmp_path / "file").read_text() == "new"
        assert stat.S_IMODE((tmp_path / "file").lstat().st_mode) == 0o640

    def test_what_a_killed_run_left_is_taken_away(self, tmp_path):
        with pytest.MonkeyPatch.context() as patch:
            for name in ("replace", "unlink"):
                patch.setattr(os, name, lambda *_: (_ for _ in ()).throw(FileNotFoundError))
            with pytest.raises(FileNotFoundError):
                write_atomically(tmp_path / "file", b"half", 0o644)
        assert len(list(tmp_path.iterdir())) == 1
        write_atomically(tmp_path / "file", b"whole", 0o644)
        assert [path.name for path in tmp_path.iterdir()] == ["file"]

    def test_what_is_there_is_told(self, tmp_path):
        (tmp_path / "file").write_bytes(b"x")
        (tmp_path / "file").chmod(0o600)
        (tmp_path / "link").symlink_to("file")
        (tmp_path / "folder").mkdir()
        os.mkfifo(tmp_path / "pipe")
        names = ["file", "link", "folder", "pipe", "gone", "gone/x", "file/x"]
        paths = [parse_absolute_path(f"/{name}") for name in names]
        seen = dict(zip(names, observe_files(tmp_path, paths).values(), strict=True))
        found = {
            name: one and (one.content, one.mode, one.replaceable) for name, one in seen.items()
        }
        assert found == {
            "file": (b"x", 0o600, True),
            "link": (None, 0o644, True),
            "folder": (None, 0o644, False),
            "pipe": (None, 0o644, False),
            "gone": None,
            "gone/x": None,
            "file/x": None,
        }
