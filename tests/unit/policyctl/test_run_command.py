"""What `run` lets a person say."""

from engine.runs.observation import Waiver
from policyctl.commands.run import Allowed


def test_each_guard_that_can_be_waived_can_be_named() -> None:
    assert {one.name: one.value for one in Allowed} == {one.name: one.value for one in Waiver}
