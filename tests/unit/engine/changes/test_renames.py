from engine.changes.changes import change_set
from engine.changes.plan_changes import Action
from engine.changes.renames import plan_again, renames_between
from tests.plans import disk, mirror, nas, plan, tree

OLD = plan()
NEW = plan(
    destinations=(disk("archive", was="sda"), nas()),
    sources=(tree("data", was="nfs"),),
    legs=(mirror("local", "archive:/", was="sda-mirror"),),
    routes=(),
    tables=(),
)


def test_what_was_renamed_since_gets_its_old_name_back_as_a_rename():
    again = plan_again(OLD, NEW)
    assert renames_between(NEW, again) == {
        "archive": "sda",
        "data": "nfs",
        "local": "sda-mirror",
    }
    leg = again.leg("sda-mirror")
    assert leg is not None
    assert (leg.leg.was, leg.feeds) == ("local", OLD.legs[0].feeds)


def test_a_leg_that_came_and_one_that_went_are_no_rename():
    changes = change_set(NEW, None, plan_again(OLD, NEW), (), {})
    assert {(one.name, one.action, one.was) for one in changes.legs} == {
        ("sda-mirror", Action.UPDATE, "local"),
        ("synology-direct", Action.CREATE, None),
    }


def test_once_more_returns_to_the_same_plan():
    again = plan_again(OLD, NEW)
    assert plan_again(NEW, again) == NEW


def test_where_nothing_was_renamed_the_plan_is_the_one_before():
    later = plan(legs=(mirror(schedule=("03:00",)),))
    assert plan_again(OLD, later) == OLD
