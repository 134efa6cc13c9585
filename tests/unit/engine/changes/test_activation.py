from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.changes.activation import (
    PROMETHEUS_UNIT,
    Machine,
    UnitState,
    Where,
    activation,
    units_to_ask_about,
)
from engine.changes.changes import change_set, paths_to_observe
from engine.changes.files import (
    SETTLED,
    AppliedRecord,
    ObservedFile,
    OwnedFile,
    Pending,
    RenderedFile,
    digest,
)
from engine.plan import layout
from policy.model import Monitoring
from policy.values import parse_absolute_path
from tests.plans import plan

RULES = parse_absolute_path("/etc/prometheus/rules/backup.yml")
STANDS = UnitState(active=True, enabled=True)
HERE = Machine(where=Where.HERE)
WATCHED = plan(monitoring=Monitoring(rules=RULES))


def files(**texts):
    """Rendered files by a short name: `a_timer` is policyctl-a.timer."""
    known = {
        "tracker": layout.unit_file(layout.TRACKER_UNIT),
        "target": layout.unit_file(layout.TARGET_UNIT),
        "sysctl": layout.SYSCTL_FILE,
        "udev": layout.UDEV_FILE,
        "rules": RULES,
        "filter": layout.filter_file("a", "nfs"),
    }
    found = []
    for name, text in sorted(texts.items()):
        leg, _, suffix = name.partition("_")
        path = known.get(name) or layout.unit_file(f"policyctl-{leg}.{suffix}")
        found.append(RenderedFile(path=path, content=text.encode()))
    return tuple(found)


def active(old, new, machine=HERE, *, before=SETTLED, applied=WATCHED, some=WATCHED):
    """The activation between two sets of files, the first of which is applied."""
    owned = tuple(OwnedFile(path=one.path, sha256=(digest(one.content),)) for one in old)
    record = AppliedRecord(applied_at="", complete=True, plan_digest="", files=owned)
    there = {one.path: ObservedFile(content=one.content) for one in old}
    observed = {path: there.get(path) for path in paths_to_observe(record, new)}
    changes = change_set(applied, record, some, new, observed)
    return activation(applied, some, new, changes, machine, before)


def said(found):
    return [" ".join(step.argv) for step in found.steps]


def here(*standing, **more):
    units = dict.fromkeys(standing, STANDS)
    return Machine(where=Where.HERE, units={**units, **more.pop("units", {})}, **more)


A, B = "policyctl-a.timer", "policyctl-b.timer"
STAMP = "touch --no-create /var/lib/systemd/timers/stamp-"


class TestUnits:
    def test_what_stands_as_it_should_is_left_alone(self):
        same = files(a_timer="1", a_service="1", target="1", tracker="1", sysctl="1", rules="1")
        machine = here(A, layout.TARGET_UNIT, layout.TRACKER_UNIT)
        found = active(same, same, machine)
        assert (found.steps, found.notes, found.pending) == ((), (), SETTLED)

    def test_the_first_apply_starts_all_timers_the_target_and_the_tracker(self):
        new = files(a_timer="1", a_service="1", b_timer="1", b_service="1", target="1", tracker="1")
        assert said(active((), new)) == [
            f"{STAMP}{A} /var/lib/systemd/timers/stamp-{B}",
            "systemctl daemon-reload",
            f"systemctl enable --now {A} {B}",
            "systemctl enable --now --no-block policyctl-tracker.service policyctl.target",
        ]

    def test_a_changed_calendar_stops_and_starts_its_timer_alone(self):
        old = files(a_timer="weekly", a_service="1", b_timer="1", b_service="1")
        new = files(a_timer="daily", a_service="1", b_timer="1", b_service="1")
        assert said(active(old, new, here(A, B))) == [
            f"systemctl stop {A}",
            f"{STAMP}{A}",
            "systemctl daemon-reload",
            f"systemctl enable --now {A}",
        ]

    def test_a_changed_service_is_read_again_and_never_restarted(self):
        old, new = files(a_timer="1", a_service="1"), files(a_timer="1", a_service="2")
        assert said(active(old, new, here(A))) == ["systemctl daemon-reload"]

    def test_a_changed_tracker_goes_on_and_its_restart_is_left_to_a_person(self):
        old, new = files(tracker="1"), files(tracker="2")
        found = active(old, new, here(layout.TRACKER_UNIT))
        assert not any("restart" in one or "stop" in one for one in said(found))
        assert any("systemctl restart policyctl-tracker.service" in one for one in found.notes)

    def test_law_36_what_leaves_is_stopped_before_its_files_go(self):
        old = files(a_timer="1", a_service="1", b_timer="1", b_service="1", tracker="1")
        new = files(b_timer="1", b_service="1")
        found = active(old, new, here(A, B, layout.TRACKER_UNIT))
        assert [one.argv for one in found.first] == [
            ("systemctl", "disable", "--now", A, layout.TRACKER_UNIT)
        ]
        assert [one.argv for one in found.then] == [("systemctl", "daemon-reload")]

    def test_what_leaves_and_does_not_stand_needs_no_stop(self):
        found = active(files(a_timer="1", a_service="1"), (), here())
        assert found.first == ()

    @pytest.mark.parametrize(
        "state", [UnitState(active=True), UnitState(enabled=True), UnitState()], ids=range(3)
    )
    def test_a_timer_that_somebody_stopped_is_started_again(self, state):
        same = files(a_timer="1", a_service="1")
        found = said(active(same, same, here(units={A: state})))
        assert found[-1] == f"systemctl enable --now {A}"
        assert "systemctl daemon-reload" not in found

    def test_units_that_systemd_has_not_read_again_are_read(self):
        same = files(a_timer="1", a_service="1")
        outdated = here(units={A: replace(STANDS, outdated=True)})
        assert said(active(same, same, outdated)) == ["systemctl daemon-reload"]

    def test_what_an_earlier_apply_did_not_come_to_do_is_done(self):
        same = files(a_timer="2", a_service="1", sysctl="1", rules="1")
        left = Pending(units=(A,), sysctl=True, rules=True)
        found = active(same, same, here(A, PROMETHEUS_UNIT), before=left)
        assert said(found) == [
            f"systemctl stop {A}",
            f"{STAMP}{A}",
            "systemctl daemon-reload",
            f"systemctl enable --now {A}",
            "sysctl --load /etc/sysctl.d/60-policyctl.conf",
            "systemctl try-reload-or-restart prometheus.service",
        ]
        assert found.pending == left

    def test_a_unit_that_was_removed_and_still_stands_is_stopped(self):
        found = active((), (), here(A), before=Pending(units=(A,)))
        assert said(found) == [f"systemctl disable --now {A}", "systemctl daemon-reload"]

    def test_where_systemd_gave_no_answer_everything_is_tried(self):
        same = files(a_timer="1", a_service="1")
        mute = Machine(where=Where.HERE, unasked="no bus")
        found = active(same, same, mute)
        assert said(found)[-1] == f"systemctl enable --now {A}"
        assert found.notes == ("systemd could not be asked how units stand: no bus",)
        assert active(same, (), mute).first != ()

    def test_what_is_started_is_asked_about_and_no_template(self):
        new = (
            *files(a_timer="1", a_service="1", tracker="1"),
            RenderedFile(path=layout.unit_file("policyctl-untold@.service"), content=b""),
        )
        changes = change_set(None, None, plan(), new, {one.path: None for one in new})
        assert units_to_ask_about(new, changes, Pending(units=(B,))) == (
            A,
            B,
            layout.TRACKER_UNIT,
            PROMETHEUS_UNIT,
        )


class TestLimitsAndRules:
    def test_changed_limits_are_loaded(self):
        found = active(files(sysctl="1"), files(sysctl="2"))
        assert said(found) == ["sysctl --load /etc/sysctl.d/60-policyctl.conf"]

    def test_limits_that_a_container_cannot_set_are_a_note(self):
        found = active((), files(sysctl="1"), here(limits_settable=False))
        assert found.steps == ()
        assert "set them on the machine" in found.notes[0]

    def test_changed_rules_for_devices_are_read(self):
        found = active(files(udev="1"), files(udev="2"))
        assert said(found) == ["udevadm control --reload"]

    def test_in_a_container_devices_are_the_hosts(self):
        assert active((), files(udev="1"), here(limits_settable=False)).steps == ()

    @pytest.mark.parametrize("old", [(), files(rules="1")], ids=["new", "changed"])
    def test_changed_rules_are_read_again(self, old):
        found = active(old, files(rules="2"), here(PROMETHEUS_UNIT))
        assert said(found) == ["systemctl try-reload-or-restart prometheus.service"]
        assert found.notes == ()

    def test_law_10_rules_that_went_are_forgotten(self):
        found = active(files(rules="1"), (), here(PROMETHEUS_UNIT), some=plan())
        assert said(found) == ["systemctl try-reload-or-restart prometheus.service"]

    def test_a_prometheus_that_is_elsewhere_is_a_note(self):
        found = active((), files(rules="1"))
        assert found.steps == ()
        assert found.notes == (
            "prometheus.service does not run here: have the Prometheus that reads "
            "/etc/prometheus/rules/backup.yml read it again (SIGHUP, or POST to /-/reload)",
        )

    def test_a_filter_concerns_nobody(self):
        assert active(files(filter="1"), files(filter="2")).steps == ()


class TestElsewhere:
    def test_below_a_root_what_would_be_run_is_listed_and_nothing_is_pending(self):
        old, new = files(a_timer="1", a_service="1"), files(b_timer="1", b_service="1", rules="1")
        found = active(old, new, Machine(where=Where.STAGED))
        assert said(found) == [
            f"systemctl disable --now {A}",
            f"{STAMP}{B}",
            "systemctl daemon-reload",
            f"systemctl enable --now {B}",
            "systemctl try-reload-or-restart prometheus.service",
        ]
        assert found.pending == SETTLED

    def test_below_a_root_what_does_not_change_is_not_listed(self):
        same = files(a_timer="1", a_service="1", tracker="1")
        assert active(same, same, Machine(where=Where.STAGED)).steps == ()

    def test_without_systemd_a_note_says_how_legs_run(self):
        new = files(a_timer="1", a_service="1", sysctl="1", rules="1")
        found = active((), new, Machine(where=Where.NO_SYSTEMD))
        assert said(found) == ["sysctl --load /etc/sysctl.d/60-policyctl.conf"]
        assert "policyctl run --due" in found.notes[0]
        assert "/etc/prometheus/rules/backup.yml" in found.notes[1]

    def test_without_systemd_an_apply_that_changes_nothing_is_quiet(self):
        same = files(a_timer="1", a_service="1", tracker="1")
        found = active(same, same, Machine(where=Where.NO_SYSTEMD))
        assert (found.steps, found.notes) == ((), ())


NAMES = ["a_timer", "a_service", "b_timer", "b_service", "target", "tracker", "sysctl", "rules"]
SOME_FILES = st.dictionaries(st.sampled_from(NAMES), st.sampled_from("12")).map(
    lambda texts: files(**texts)
)
STATES = st.builds(UnitState, active=st.booleans(), enabled=st.booleans(), outdated=st.booleans())
UNITS = [A, B, layout.TARGET_UNIT, layout.TRACKER_UNIT, PROMETHEUS_UNIT]
MACHINES = st.builds(
    Machine,
    where=st.sampled_from(Where),
    units=st.fixed_dictionaries(dict.fromkeys(UNITS, STATES)),
    limits_settable=st.booleans(),
    unasked=st.sampled_from(["", "no bus"]),
)


class TestAlways:
    """Whatever changes, no leg is started, stopped or killed by an apply."""

    @given(SOME_FILES, SOME_FILES, MACHINES)
    def test_no_command_names_a_legs_service(self, old, new, machine):
        for step in active(old, new, machine).steps:
            assert not any(word.endswith(("-a.service", "-b.service")) for word in step.argv)

    @given(SOME_FILES, SOME_FILES, MACHINES)
    def test_a_timer_is_started_only_with_a_fresh_stamp_and_once_read(self, old, new, machine):
        found = active(old, new, machine)
        stamped, loaded = set(), False
        for step in found.then:
            if step.argv[0] == "touch":
                stamped = {word.rpartition("/stamp-")[2] for word in step.argv[2:]}
            loaded = loaded or step.argv[1] == "daemon-reload"
            if step.argv[1] == "enable":
                started = {word for word in step.argv if word.endswith(".timer")}
                assert started <= stamped
                assert loaded or not set(found.pending.units) & started

    @given(SOME_FILES, SOME_FILES)
    def test_once_all_stands_nothing_is_left_to_do(self, old, new):
        found = active(new, new, here(*UNITS), before=SETTLED)
        assert (found.steps, found.pending) == ((), SETTLED)

    @given(SOME_FILES, SOME_FILES)
    def test_an_apply_that_died_is_completed_as_if_it_had_not(self, old, new):
        """Files are in place, and the record says what was left: the same commands follow."""
        machine = here(*UNITS)
        first = active(old, new, machine)
        again = active(new, new, machine, before=first.pending)
        assert said(again) == said(first)
