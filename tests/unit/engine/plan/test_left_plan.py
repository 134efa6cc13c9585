"""The plan beside the copies, written and read back."""

from datetime import UTC, datetime, timedelta

import pytest

from engine.plan.left_plan import LeftPlan, LeftRun, left_from_json, left_to_json
from engine.plan.stored import PlanUnreadable
from tests.integration.lab import compiled, manifest

NOW = datetime(2026, 11, 28, 3, tzinfo=UTC)


def left() -> LeftPlan:
    run = LeftRun(began=NOW, ended=NOW + timedelta(minutes=1), data_as_of=None)
    plan = compiled(manifest())
    return LeftPlan(destination="disk", written=NOW, runs={"nightly": [run]}, plan=plan)


def test_it_comes_back_as_it_was() -> None:
    assert left_from_json(left_to_json(left())) == left()


@pytest.mark.parametrize(
    "text",
    ["", "null", "[]", "{}", '{"format": 9}', '{"format": 1, "destination": "x"}', "[" * 9999],
)
def test_what_is_none_is_told(text: str) -> None:
    with pytest.raises(PlanUnreadable):
        left_from_json(text)


def test_a_part_that_is_wrong_is_told() -> None:
    for old, new in (('"nightly"', '"n"'), ('"began": "2026', '"began": "x'), ('"host"', '"hust"')):
        text = left_to_json(left())
        assert old in text
        try:
            left_from_json(text.replace(old, new))
        except PlanUnreadable:
            continue
        assert old == '"nightly"', "names of legs are only names"
