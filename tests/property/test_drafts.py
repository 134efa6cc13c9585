"""Whatever a machine looks like, the manifest that is drafted from it checks clean."""

from __future__ import annotations

import pytest
from hypothesis import given

from engine.check import CheckReport, check_manifest
from engine.draft.manifest import draft
from engine.draft.observation import Machine
from policy.diagnostics import Severity
from renderers import render
from tests.machines import machines


def judged(text: str) -> CheckReport:
    report = check_manifest(text.encode(), "draft.yaml")
    worth = [one for one in report.findings if one.severity is not Severity.NOTE]
    assert worth == [], text
    assert report.proven
    return report


class TestDrafts:
    """ "Drafts a manifest with comments, every guess marked, that checks clean"."""

    @given(machines())
    def test_any_draft_checks_clean_and_can_be_rendered(self, machine: Machine) -> None:
        found = draft(machine)
        report = judged(found.text)
        assert report.compilation is not None
        render(report.compilation.plan)
        assert found.sources == tuple(one.name for one in report.compilation.plan.sources)
        assert {one.name for one in report.compilation.plan.destinations} == {*found.destinations}

    @given(machines())
    def test_it_is_text_that_a_terminal_shows_as_it_is(self, machine: Machine) -> None:
        assert all(line.isprintable() for line in draft(machine).text.split("\n"))

    @given(machines())
    def test_nothing_that_is_left_out_is_left_unsaid(self, machine: Machine) -> None:
        found = draft(machine)
        assert bool(found.left_out) == ("Left out" in found.text)


@pytest.mark.slow
def test_in_any_time_zone() -> None:
    import zoneinfo

    from tests.machines import machine

    for zone in sorted(zoneinfo.available_timezones()):
        judged(draft(machine(timezone=zone)).text)
