"""What rehearsed restores have come to, row by row."""

from zoneinfo import ZoneInfo

from engine.report.concerns import to_act_on
from renderers.report.drill_section import drill_rows
from renderers.report.page import report_page
from renderers.report.words import Clock
from tests.report_facts import NOW, ZONE, homelab_facts

AT = Clock(zone=ZoneInfo(ZONE.key), now=NOW)


def test_each_destination_has_its_row() -> None:
    rows = drill_rows(homelab_facts(), AT)
    assert [(one.drill, one.place, one.sign.word, one.sign.shape) for one in rows] == [
        ("nfs", "sda", "came back", "safe"),
        ("nfs", "synology", "failed", "risk"),
        ("pvcs", "sda", "never tried", "wait"),
        ("pvcs", "synology", "never tried", "wait"),
    ]
    good, bad, never, _ = rows
    assert good.came == "512 files, 1.9 GiB in 42 s (46.0 MiB/s)"
    assert good.checked == "430 compared by content, 2 asked whether they are sound, as databases"
    assert good.whole == "all of nfs, 1.5 TiB, in about 9.2 h, of 24.0 h stated"
    assert (bad.reason, bad.checked) == ("2 of 498 files are not what they should be", "")
    assert (never.ended, never.came, never.whole) == (None, "", "")


def test_what_is_not_as_it_should_be_needs_somebody() -> None:
    found = {one.about: one for one in to_act_on(homelab_facts())}
    failing = found["drill nfs"]
    assert (failing.what, failing.more) == (
        "failing",
        "synology: 2 of 498 files are not what they should be",
    )
    assert failing.do == "`policyctl drill nfs` once that is mended"
    assert found["drill pvcs"].do == "`policyctl drill pvcs`"


def test_without_drills_the_page_says_nothing_of_them() -> None:
    assert b"Rehearsed restores" in report_page(homelab_facts()).content
    assert b"Rehears" not in report_page(homelab_facts(drills=())).content
