"""Room cards: figures, the limit, and the forecast as a line."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from engine.standing.surroundings import RoomHealth
from renderers.report.room_section import RoomCard, room_cards
from renderers.report.words import Clock
from tests.report_facts import NOW, homelab_facts

AT = Clock(zone=ZoneInfo("Europe/Sofia"), now=NOW)


def card(name: str = "sda", **more: Any) -> RoomCard:
    facts = homelab_facts()
    changed = tuple(
        replace(one, **more) if one.destination == name else one for one in facts.destinations
    )
    cards = room_cards(replace(facts, destinations=changed), AT)
    return next(one for one in cards if one.name == name)


def test_a_growing_disk_has_a_forecast_that_ends_at_the_limit() -> None:
    found = card(full_on=NOW.date() + timedelta(days=40))
    assert found.forecast == "at its limit on about 2027-01-04 at this rate, in 40 days"
    assert found.chart is not None
    assert found.chart.forecast.endswith(f" {found.chart.limit:g}")
    assert found.limit == 85.0
    assert found.generations == (
        "generations of pvc-files at sda:/pvc-data: 383.7 GiB, 81,204 files in 9, counted 3 d ago",
    )


def test_a_limit_far_away_is_not_drawn_as_reached() -> None:
    found = card(full_on=NOW.date() + timedelta(days=700))
    assert found.chart is not None
    x, y = found.chart.forecast.rsplit("L", 1)[1].split()
    assert float(x) == 100.0
    assert float(y) > found.chart.limit, "lower in the picture: less is used"


def test_one_that_is_over_its_limit_says_so() -> None:
    found = card(health=RoomHealth.OVER, used=0.91)
    assert (found.forecast, found.sign.shape) == ("above its limit now", "risk")
    assert found.chart is not None
    assert found.chart.forecast == ""


def test_few_figures_give_no_picture_and_say_why() -> None:
    facts = replace(homelab_facts(), rooms=())
    (found, _) = room_cards(replace(facts), AT)
    assert found.chart is None
    young = replace(facts.destinations[0], full_on=None)
    (found, _) = room_cards(replace(facts, destinations=(young, facts.destinations[1])), AT)
    assert found.forecast == "no forecast yet: it takes a week of figures"
    silent = replace(young, free=None, used=None, health=RoomHealth.UNKNOWN)
    (found, _) = room_cards(replace(facts, destinations=(silent, facts.destinations[1])), AT)
    assert (found.forecast, found.used) == ("", None)
    assert found.figures == "does not say how much it has"
