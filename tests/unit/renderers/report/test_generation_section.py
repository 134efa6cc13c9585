"""Generations as calendars and lists."""

from dataclasses import replace

from renderers.report.generation_section import Cell, LegCard, generation_cards
from renderers.report.words import Clock
from tests.report_facts import NOW, ZONE, homelab_facts

AT = Clock(zone=ZONE, now=NOW)


def cards() -> dict[str, LegCard]:
    return {one.leg: one for one in generation_cards(homelab_facts(), AT)}


def cell(card: LegCard, title: str, number: int) -> Cell:
    sheet = next(one for one in card.sheets if one.title == title)
    cells = [one for week in sheet.weeks for one in week if one is not None]
    return cells[number - 1]


def test_a_day_says_how_many_there_are_and_how_sure_they_are() -> None:
    card = cards()["lvm-snapshots"]
    assert card.keep == "within 7d"
    assert (
        card.about == "39 generations of 3 items, the oldest 6 d 7 h old, the newest of Wed 00:00"
    )
    full, half, none = (cell(card, "November 2026", day) for day in (23, 25, 26))
    assert (full.shade, full.count, half.shade) == (4, "6", 2)
    assert full.words == "Mon 23 Nov: 6 generations of 3 items, 6 verified"
    assert (none.shade, none.words, none.marks) == (0, "", "future")
    unsure = cell(card, "November 2026", 24)
    assert unsure.marks == "unverified"


def test_what_goes_is_told_with_its_reason() -> None:
    card = cards()["pvc-files"]
    assert [one.title for one in card.sheets] == ["November 2026", "October 2026"]
    assert cell(card, "October 2026", 11).marks == "leaving"
    rows = card.folders[0].rows
    assert {one.goes for one in rows} == {"stays", "with the next run"}
    assert all(one.why for one in rows)
    assert all(one.goes_at is None for one in rows if one.goes != "stays")


def test_where_nothing_is_known_there_is_no_list() -> None:
    facts = homelab_facts()
    empty = replace(facts.keepings[0], kept=())
    (card,) = generation_cards(replace(facts, keepings=(empty,)), AT)
    assert (card.about, card.listed, card.sheets) == ("no generation yet", False, ())
    far = replace(empty, why_not="it lies on another machine")
    (card,) = generation_cards(replace(facts, keepings=(far,)), AT)
    assert (card.listed, card.unseen) == (True, ("it lies on another machine",))
