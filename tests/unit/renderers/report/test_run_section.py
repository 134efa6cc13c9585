"""The last runs as rows."""

from dataclasses import replace
from datetime import timedelta

from engine.records.reports import RunStatus
from engine.report.facts import LegRun
from renderers.report.run_section import run_rows
from renderers.report.words import Clock
from tests.report_facts import NOW, ZONE, homelab_facts, ran

AT = Clock(zone=ZONE, now=NOW)


def test_a_run_in_a_row() -> None:
    rows = run_rows(homelab_facts(), AT)
    first = next(one for one in rows if one.leg == "pvc-files")
    assert (first.began.text, first.took, first.sign.word) == ("Wed 05:00", "58 min", "failed")
    assert (first.files, first.sent, first.deleted) == ("1,200", "3.2 GiB", "4")
    assert first.kind == "bad"
    assert "No space left" in first.reason


def test_one_that_goes_on_is_neither_good_nor_bad() -> None:
    going = replace(ran(NOW - timedelta(minutes=9)), status=None, ended=None)
    (row,) = run_rows(replace(homelab_facts(), runs=(LegRun(leg="x", ran=going),)), AT)
    assert (row.kind, row.took, row.sign.word) == ("running", "9 min", "running")


def test_a_leg_that_runs_often_hides_no_other_and_no_failure() -> None:
    often = [
        LegRun(
            leg="often",
            ran=ran(
                NOW - timedelta(minutes=15 * at),
                status=RunStatus.FAILED if at == 90 else RunStatus.OK,
            ),
        )
        for at in range(100)
    ]
    rare = LegRun(leg="rare", ran=ran(NOW - timedelta(days=40)))
    rows = run_rows(replace(homelab_facts(), runs=(*often, rare)), AT)
    assert [one.leg for one in rows] == ["often"] * 21 + ["rare"]
    assert [one.kind for one in rows].count("bad") == 1
