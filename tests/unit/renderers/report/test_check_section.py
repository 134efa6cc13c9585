"""What checks have shown, row by row."""

from zoneinfo import ZoneInfo

from engine.checks.outcome import Checked, CheckFacts, Status, Verdict
from engine.report.concerns import to_act_on
from engine.standing.checks import check_status
from renderers.report.check_section import check_rows
from renderers.report.page import report_page
from renderers.report.words import Clock
from tests.plans import plan
from tests.report_facts import NOW, ZONE, homelab_facts
from tests.unit.engine.standing.test_checks import CHECK

AT = Clock(zone=ZoneInfo(ZONE.key), now=NOW)


def facts(status: Status, reason: str):
    verdict = Verdict(status=status, reason=reason)
    look = Checked(check="raid", began=NOW, ended=NOW, verdict=verdict)
    found = check_status(plan(checks=(CHECK,)), CHECK, CheckFacts(looks=(look,)), now=NOW)
    return homelab_facts(checks=(found,), drills=())


def test_each_check_has_its_row() -> None:
    (row,) = check_rows(facts(Status.FAILED, "degraded"), AT)
    assert (row.check, row.kind, row.sign.word, row.sign.shape) == (
        *("raid", "command"),
        *("failing", "risk"),
    )
    assert row.reason == "degraded"
    assert row.ended is not None
    assert row.due is not None


def test_what_is_not_well_needs_somebody() -> None:
    about = {one.about: one for one in to_act_on(facts(Status.FAILED, "degraded"))}
    found = about["check raid"]
    assert (found.what, found.more) == ("failing", "degraded")
    assert found.do == "`policyctl probe raid` once that is mended"
    assert "check raid" not in {one.about for one in to_act_on(facts(Status.OK, "fine"))}


def test_the_page_quotes_what_a_check_said() -> None:
    page = report_page(facts(Status.FAILED, "<script>alert(1)</script>\u202e")).content
    assert b'<h2 id="checks-title">' in page
    assert b"<script>alert(1)" not in page
    assert "\u202e".encode() not in page


def test_without_checks_the_page_says_nothing_of_them() -> None:
    assert b"checks-title" not in report_page(homelab_facts(checks=())).content
