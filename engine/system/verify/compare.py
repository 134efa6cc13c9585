"""Comparing the copies of one leg with what they were made of: everything is read, nothing written.

What is compared, and by which rules, are the steps of the full pass that the leg itself would make
now.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from engine.legs import kind_of
from engine.plan.model import LegPlan, Plan
from engine.records.reports import Finding
from engine.runs.observation import SNAPSHOT, FeedSeen
from engine.runs.preflight import preflight, preflight_kind, refusals
from engine.steps.model import Step, Transfer, WriteRules
from engine.steps.modes import Forced
from engine.system.host.directories import write_private
from engine.system.host.places import Places
from engine.system.runs.looking import looking
from engine.system.runs.observe_target import NothingToRead
from engine.system.verify.files import Names, Wanted, newest_below
from engine.system.verify.reading import Asked, Clock, Comparing, Session
from engine.verify.verdict import Verified
from policy.legs import DumpLeg, SnapshotLeg, SqliteLeg, VersionsLeg

_OF_SNAPSHOTS = "a snapshot is made of the volume's own blocks: there is nothing to compare it with"


def verify_leg(
    plan: Plan,
    leg_plan: LegPlan,
    asked: Asked,
    *,
    places: Places,
    clock: Clock,
    say: Callable[[str], None],
) -> tuple[Verified, ...]:
    """Compare the copies of one leg, feed by feed and item by item.

    Raises `StateUnusable`, `JournalUnusable` and `Interrupted`.
    """
    if isinstance(leg_plan.leg, DumpLeg):
        from engine.system.verify.dumps import check_dump

        return (check_dump(plan, leg_plan, places=places, clock=clock, say=say),)
    unfit = "; ".join(row.found for row in preflight_kind(leg_plan))
    if not unfit and isinstance(leg_plan.leg, SnapshotLeg):
        unfit = _OF_SNAPSHOTS
    if unfit:
        return (_of_all(leg_plan, unfit, clock),)
    try:
        with looking(plan, leg_plan, places=places, clock=clock, forced=Forced.FULL) as looked:
            session = Session(
                leg=leg_plan, looked=looked, asked=asked, places=places, clock=clock, say=say
            )
            return tuple(_compared(session))
    except NothingToRead as error:
        return (_of_all(leg_plan, str(error), clock),)


def _of_all(leg_plan: LegPlan, why: str, clock: Clock) -> Verified:
    now, name = clock(), leg_plan.name
    return Verified(leg=name, reads=name, began=now, ended=now, seed=None, refused=why)


def _compared(session: Session) -> Iterator[Verified]:
    """Each feed, where no guard is in the way of reading."""
    seen, within = session.looked.seen, session.asked.within
    findings = preflight(session.leg, seen)
    for inventory in seen.inventories:
        if inventory.refused:
            yield session.refused(inventory.source, inventory.refused)
    for feed in seen.feeds:
        if within is not None and feed.feed not in within:
            continue
        rows = refusals(findings, feed.feed)
        stops = "; ".join(row.found for row in rows if not _is_of_writing(row))
        yield session.refused(feed.feed, stops) if stops else _of_kind(session, feed)


def _is_of_writing(row: Finding) -> bool:
    """Whether a guard is about what a run would write: no room for it, or no new snapshot."""
    return row.looked_at.endswith(": room") or row.looked_at == SNAPSHOT


def _of_kind(session: Session, seen: FeedSeen) -> Verified:
    leg, looked = session.leg.leg, session.looked
    steps = kind_of(leg).steps(session.leg, looked.seen, looked.this_run, (seen.feed,))
    for step in steps:
        if isinstance(step, WriteRules):
            write_private(step.path, step.text)
    match leg:
        case VersionsLeg():
            from engine.system.verify.generations import compare_generation

            return compare_generation(session, seen, steps)
        case SqliteLeg():
            from engine.system.verify.databases import check_databases

            return check_databases(session, seen, steps)
        case _:
            return _mirrored(session, seen, steps)


def _within(session: Session, seen: FeedSeen) -> tuple[Names, ...]:
    """The paths asked for; of generations that it carries on, those in the newest."""
    asked, at = session.within(seen.feed), session.asked.dated.get(seen.feed)
    if at is None:
        return asked
    found = (newest_below(seen.source.path, names[:at]) for names in asked)
    both = zip(asked, found, strict=True)
    return tuple((*names[:at], *([new] if new else []), *names[at:]) for names, new in both)


def _mirrored(session: Session, seen: FeedSeen, steps: tuple[Step, ...]) -> Verified:
    success = session.looked.state.last_item_success(session.leg.name, seen.feed)
    if success is None:
        return session.refused(seen.feed, "no run of it has succeeded yet")
    feed = next(one for one in session.leg.feeds if one.reads == seen.feed)
    assert feed.selection is not None
    comparing = Comparing(
        session=session,
        feed=seen.feed,
        argv=next(step.argv for step in steps if isinstance(step, Transfer)),
        wanted=Wanted(
            root=seen.source.path,
            selection=feed.selection,
            left_out=seen.source.strangers,
            within=_within(session, seen),
            until=success.started,
        ),
    )
    return comparing.result()
