from renderers import render, target_unit
from tests.plans import mirror, plan
from tests.unit.renderers.test_tracker_unit import TRACKED, plan_of

TARGET = "policyctl.target"


def units(some) -> dict[str, list[str]]:
    files = {one.path.names[-1].decode(): one.content.decode() for one in render(some)}
    return {name: text.splitlines() for name, text in files.items()}


def test_timers_and_the_tracker_come_and_go_with_it() -> None:
    found = units(plan_of(TRACKED))
    for name in ("policyctl-nightly.timer", "policyctl-tracker.service"):
        assert f"PartOf={TARGET}" in found[name]
        assert f"WantedBy={TARGET}" in found[name]
    assert "WantedBy=multi-user.target" in found[TARGET]


def test_a_run_that_goes_on_is_not_part_of_it() -> None:
    found = units(plan_of(TRACKED))
    assert not [line for line in found["policyctl-nightly.service"] if line.endswith(TARGET)]


def test_it_does_not_wait_for_the_watches() -> None:
    """A target comes after what it holds, unless that says otherwise (systemd.target(5))."""
    after = [
        line for line in units(plan_of(TRACKED))["policyctl-tracker.service"] if "After=" in line
    ]
    assert [line for line in after if TARGET in line]


def test_each_leg_has_somebody_to_tell_that_it_could_not_start() -> None:
    found = units(plan(legs=(mirror("one"), mirror("two", "sda:/two"))))
    assert "OnFailure=policyctl-untold@one.service" in found["policyctl-one.service"]
    assert "OnFailure=policyctl-untold@two.service" in found["policyctl-two.service"]
    assert "ExecStart=/usr/bin/policyctl tell-end %i" in found["policyctl-untold@.service"]


def test_who_tells_has_no_mounts_that_could_fail() -> None:
    names = {
        line.partition("=")[0] for line in units(plan_of(TRACKED))["policyctl-untold@.service"]
    }
    mounts = {"ProtectSystem", "ProtectHome", "PrivateTmp", "BindPaths", "TemporaryFileSystem"}
    assert not mounts & names


def test_there_is_none_where_it_would_hold_nothing() -> None:
    assert list(target_unit.render(plan(legs=(mirror(schedule=()),)))) == []
    assert len(list(target_unit.render(plan(legs=(mirror(),))))) == 2
