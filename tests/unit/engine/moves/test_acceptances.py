"""What falls short with a reason, and since when."""

from __future__ import annotations

from datetime import UTC, datetime

from engine.changes.plan_changes import Action
from engine.moves.acceptances import acceptances
from engine.moves.held import cut
from tests.unit.engine.moves.test_data_changes import IMMICH, plan_of

THEN = datetime(2026, 3, 1, tzinfo=UTC)
WEEKLY = (
    '    to: "synology:/{source}"\n    schedule: "06:00"\n',
    '    to: "synology:/{source}"\n    schedule: "Sun 06:00"\n',
)


def test_an_acceptance_comes_goes_or_stays() -> None:
    found = {one.text: one for one in acceptances(cut(plan_of((IMMICH, "")), plan_of()), THEN)}
    assert {text: one.action for text, one in found.items()} == {
        "/srv/nfs/immich": Action.CREATE,
        "/srv/nfs-ssd": Action.KEEP,
    }
    assert found["/srv/nfs/immich"].message == "2 of 3 copies within 40h (synology up to 29 h)"
    assert (found["/srv/nfs/immich"].since, found["/srv/nfs-ssd"].since) == (None, THEN)
    gone = {one.text: one for one in acceptances(cut(plan_of(), plan_of((IMMICH, ""))), THEN)}
    assert gone["/srv/nfs/immich"].action is Action.DELETE
    assert gone["/srv/nfs/immich"].since == THEN


def test_law_26_what_is_accepted_and_falls_shorter_is_told() -> None:
    found = acceptances(cut(plan_of(), plan_of(WEEKLY)), THEN)
    assert {one.action for one in found} == {Action.UPDATE}
    assert {one.was for one in found} == {"2 of 3 copies within 40h (synology up to 29 h)"}
    assert {one.message for one in found} == {"1 of 3 copies within 40h (synology up to 7 d 5 h)"}
