"""Timelines as places on a line."""

from dataclasses import replace

from engine.report.night import night
from renderers.report.night_section import Strip, day_strip, night_strip
from renderers.report.words import Clock
from tests.report_facts import NOW, ZONE, homelab_facts

AT = Clock(zone=ZONE, now=NOW)


def last_night() -> Strip:
    facts = homelab_facts()
    return night_strip(night(facts.plan, facts.overview.days, facts.runs, now=NOW), AT)


def test_a_run_lies_inside_its_window_and_says_how_it_ended() -> None:
    strip = last_night()
    (track,) = [one for one in strip.tracks if one.leg == "sda-mirror"]
    plan, ran = track.bars
    assert (plan.kind, ran.kind) == ("plan", "safe")
    assert plan.span.x <= ran.span.x
    assert ran.span.x + ran.span.width <= plan.span.x + plan.span.width
    assert track.words == (
        "due Wed 02:00, at the latest until Wed 05:00",
        "ok: Wed 02:00, 38 min",
    )
    assert strip.now == round(100 * (24 + 40 / 60) / 36, 2)


def test_what_did_not_go_well_is_told_beside_the_name() -> None:
    notes = {one.leg: one.note for one in last_night().tracks}
    assert notes["pvc-files"] == "1 of 1 not ok"
    assert notes["lvm-snapshots"] == "2 runs"
    assert notes["vaultwarden-copy"] == "runs elsewhere"
    assert notes["sda-mirror"] == ""


def test_a_day_of_the_schedules_ends_when_its_last_leg_does() -> None:
    ordinary = homelab_facts().overview.days.days[0]
    strip = day_strip(ordinary)
    assert strip.title == "Mon–Sat"
    assert [one.text for one in strip.ticks][:4] == ["00", "06", "12", "18"]
    offsite = next(one for one in strip.tracks if one.leg == "offsite")
    assert offsite.note.startswith("after firewall-config, ")
    assert all(bar.span.x + bar.span.width <= 100.01 for one in strip.tracks for bar in one.bars)
    none = day_strip(replace(ordinary, rows=()))
    assert none.tracks == ()
