"""The plan beside the copies, written and read back."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from engine.plan.left_plan import LeftPlan, LeftRun, left_from_json, left_to_json
from engine.plan.model import Location
from engine.plan.stored import PlanUnreadable
from tests.integration.lab import compiled, manifest

NOW = datetime(2026, 11, 28, 3, tzinfo=UTC)


def left() -> LeftPlan:
    run = LeftRun(began=NOW, ended=NOW + timedelta(minutes=1), data_as_of=None)
    plan = compiled(manifest())
    return LeftPlan(
        destination="disk",
        written=NOW,
        runs={"nightly": [run]},
        unfinished={"nightly": NOW},
        plan=plan,
    )


def test_it_comes_back_as_it_was() -> None:
    assert left_from_json(left_to_json(left())) == left()


def test_what_an_earlier_version_has_left_tells_of_no_run_that_did_not_succeed() -> None:
    document = json.loads(left_to_json(left()))
    del document["unfinished"]
    assert not left_from_json(json.dumps(document)).unfinished


@pytest.mark.parametrize(
    "text",
    ["", "null", "[]", "{}", '{"format": 9}', '{"format": 1, "destination": "x"}', "[" * 9999],
)
def test_what_is_none_is_told(text: str) -> None:
    with pytest.raises(PlanUnreadable):
        left_from_json(text)


@pytest.mark.parametrize("name", [b"..", b".", b"", b"a/../..", b"a\0b"])
def test_a_place_that_leads_out_of_the_copies_is_none(name: bytes) -> None:
    """Whoever owned the disk may have written it."""
    (leg,) = left().plan.legs
    (feed,) = leg.feeds
    feed = replace(feed, writes=Location(holder="disk", names=(name, b"etc")))
    plan = replace(left().plan, legs=(replace(leg, feeds=(feed,)),))
    with pytest.raises(PlanUnreadable, match="is none"):
        left_from_json(left_to_json(replace(left(), plan=plan)))


def test_a_part_that_is_wrong_is_told() -> None:
    for old, new in (('"nightly"', '"n"'), ('"began": "2026', '"began": "x'), ('"host"', '"hust"')):
        text = left_to_json(left())
        assert old in text
        try:
            left_from_json(text.replace(old, new))
        except PlanUnreadable:
            continue
        assert old == '"nightly"', "names of legs are only names"
