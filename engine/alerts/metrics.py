"""The series: what is told of each leg, item, destination and tracked tree. Pure.

No sample has a timestamp of its own: when something happened is a value, so that a series that
stands in a gateway for ever still says how old it is (law 30).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from engine.alerts.check_series import CHECK_METRICS
from engine.alerts.drill_series import DRILL_METRICS
from engine.alerts.samples import Metric, Sample
from engine.alerts.samples import sample as _sample
from engine.changes.drift import PolicyDrift
from engine.plan.model import LegPlan
from engine.records.reports import RunStatus
from engine.standing.facts import ItemFacts, LegFacts, Ran, RoomFacts, TreeFacts
from engine.verify.comparison import Difference
from engine.verify.verdict import Verified

LEG = ("leg", "kind")
ITEM = ("leg", "kind", "item")
DESTINATION = ("destination",)
SOURCE = ("source",)
DRIFT = ("what",)
STATUS_LABEL = "status"
DIFFERENCE_LABEL = "difference"
_SHORT_DIGEST = 12
UNREADABLE = "unreadable"
"""Beside the ways in which copies differ: files that could not be read on one of the sides."""


@dataclass(frozen=True, slots=True)
class OfRun:
    """The series that a leg and each of its items have alike, under a prefix of their own."""

    prefix: str
    of: str
    labels: tuple[str, ...]

    def metric(self, suffix: str, text: str, *more: str) -> Metric:
        """One of them, by the end of its name."""
        name = f"policyctl_{self.prefix}_{suffix}"
        return Metric(name=name, help=text.format(of=self.of), labels=(*self.labels, *more))

    @property
    def last_run(self) -> Metric:
        """Moves with each run."""
        text = "When the last run of the {of} ended, however it ended."
        return self.metric("last_run_timestamp_seconds", text)

    @property
    def last_success(self) -> Metric:
        """Moves with each success."""
        text = "When the last successful run of the {of} ended; moves on success alone."
        return self.metric("last_success_timestamp_seconds", text)

    @property
    def last_success_state(self) -> Metric:
        """Tells the age of the data."""
        text = (
            "The live data as they were at this time are in the copies of the {of}; "
            "missing while that is not known."
        )
        return self.metric("last_success_state_timestamp_seconds", text)

    @property
    def status(self) -> Metric:
        """One series for each status."""
        text = "1 for the status with which the last run of the {of} ended, 0 for each other."
        return self.metric("status", text, STATUS_LABEL)

    @property
    def bytes(self) -> Metric:
        """Of the last run."""
        return self.metric("bytes", "Bytes that the last run sent for the {of}.")

    @property
    def files(self) -> Metric:
        """Of the last run."""
        return self.metric("files", "Files that the last run sent for the {of}.")

    @property
    def deletions(self) -> Metric:
        """Of the last run."""
        return self.metric("deletions", "Copies that the last run deleted for the {of}.")

    @property
    def pending(self) -> Metric:
        """Of now, where a journal serves it."""
        text = "Changes in the journal that wait for the next run of the {of}."
        return self.metric("pending_changes", text)

    @property
    def full_pass(self) -> Metric:
        """Where passes need not be full ones."""
        text = "When the last successful full pass of the {of} began."
        return self.metric("full_pass_timestamp_seconds", text)

    def all(self) -> tuple[Metric, ...]:
        """All of them, in the order in which they are listed."""
        return (
            *(self.last_run, self.last_success, self.last_success_state, self.status),
            *(self.bytes, self.files, self.deletions, self.pending, self.full_pass),
        )


OF_LEG = OfRun("leg", "leg", LEG)
OF_ITEM = OfRun("item", "item", ITEM)

LEG_DURATION = Metric(
    name="policyctl_leg_duration_seconds", help="How long the last run of the leg took.", labels=LEG
)
LEG_LAST_REFUSAL = Metric(
    name="policyctl_leg_last_refusal_timestamp_seconds",
    help="When a run was last refused since another run of the same leg went on.",
    labels=LEG,
)
LEG_PAUSED_UNTIL = Metric(
    name="policyctl_leg_paused_until_timestamp_seconds",
    help="Until when the leg is paused; missing while it is not.",
    labels=LEG,
)
ITEM_VERIFIED = Metric(
    name="policyctl_item_verified_timestamp_seconds",
    help="When `verify` last compared copies of the item by content.",
    labels=ITEM,
)
ITEM_VERIFIED_FILES = Metric(
    name="policyctl_item_verified_files",
    help="Files of the item that `verify` compared the last time.",
    labels=ITEM,
)
ITEM_DIFFERING = Metric(
    name="policyctl_item_differing_paths",
    help="Paths of the item that differed in this way when `verify` last compared them.",
    labels=(*ITEM, DIFFERENCE_LABEL),
)
DESTINATION_FREE = Metric(
    name="policyctl_destination_free_bytes",
    help="Room left at the destination when it was last measured.",
    labels=DESTINATION,
)
DESTINATION_SIZE = Metric(
    name="policyctl_destination_size_bytes",
    help="All room at the destination when it was last measured.",
    labels=DESTINATION,
)
DESTINATION_MEASURED = Metric(
    name="policyctl_destination_measured_timestamp_seconds",
    help="When the room at the destination was last measured.",
    labels=DESTINATION,
)
DESTINATION_FULL = Metric(
    name="policyctl_destination_full_expected_timestamp_seconds",
    help="When the destination is expected to pass its limit, at the rate of the last weeks; "
    "missing where its use does not grow, or is not known for long enough.",
    labels=DESTINATION,
)
TRACKER_HEARTBEAT = Metric(
    name="policyctl_tracker_heartbeat_timestamp_seconds",
    help="When the tracker last told that it follows the source.",
    labels=SOURCE,
)
TRACKER_WATCHES = Metric(
    name="policyctl_tracker_watches",
    help="Directories of the source that the tracker watches.",
    labels=SOURCE,
)
TRACKER_STANDING = Metric(
    name="policyctl_tracker_standing",
    help="1 where all watches of the source stand, so that no change can be missed, else 0.",
    labels=SOURCE,
)

POLICY_DRIFT = Metric(
    name="policyctl_policy_drift",
    help="1 where the manifest, or a generated file, is no longer as it was applied, else 0.",
    labels=DRIFT,
)
POLICY_INFO = Metric(
    name="policyctl_policy_info",
    help="1, with the digest of the manifest that should run and of the plan that does.",
    labels=("manifest", "plan"),
)

METRICS: tuple[Metric, ...] = (
    *OF_LEG.all(),
    *(LEG_DURATION, LEG_LAST_REFUSAL, LEG_PAUSED_UNTIL),
    *OF_ITEM.all(),
    *(ITEM_VERIFIED, ITEM_VERIFIED_FILES, ITEM_DIFFERING),
    *(DESTINATION_FREE, DESTINATION_SIZE, DESTINATION_MEASURED, DESTINATION_FULL),
    *(TRACKER_HEARTBEAT, TRACKER_WATCHES, TRACKER_STANDING),
    *DRILL_METRICS,
    *CHECK_METRICS,
    *(POLICY_DRIFT, POLICY_INFO),
)
"""Every series that this version tells."""


def status_label(status: RunStatus) -> str:
    """A status as a label's value: `timed_out`."""
    return status.name.lower()


def leg_samples(leg: LegPlan, facts: LegFacts) -> tuple[Sample, ...]:
    """All series of one leg and of its items; what is not known has none."""
    labels = (leg.name, leg.kind)
    found = [*_of_run(OF_LEG, labels, facts.ended, facts.success)]
    if facts.ended is not None and facts.ended.seconds is not None:
        found.append(_sample(LEG_DURATION, labels, facts.ended.seconds))
    if facts.locked_out is not None and facts.locked_out.ended is not None:
        found.append(_sample(LEG_LAST_REFUSAL, labels, facts.locked_out.ended))
    if facts.pause is not None:
        found.append(_sample(LEG_PAUSED_UNTIL, labels, facts.pause.until))
    found += _of_journal(OF_LEG, labels, facts.pending, facts.full_began)
    for item in facts.items:
        found += _item_samples((*labels, item.name), item)
    return tuple(found)


def _item_samples(labels: tuple[str, ...], item: ItemFacts) -> Iterator[Sample]:
    yield from _of_run(OF_ITEM, labels, item.last, item.success)
    yield from _of_journal(OF_ITEM, labels, item.pending, item.full_began)
    if item.verified is not None:
        yield from _of_comparison(labels, item.verified)


def _of_comparison(labels: tuple[str, ...], found: Verified) -> Iterator[Sample]:
    yield _sample(ITEM_VERIFIED, labels, found.ended)
    yield _sample(ITEM_VERIFIED_FILES, labels, found.compared)
    for what in Difference:
        yield _sample(ITEM_DIFFERING, (*labels, what.value), found.count(what))
    yield _sample(ITEM_DIFFERING, (*labels, UNREADABLE), found.unreadable)


def _of_run(
    of: OfRun, labels: tuple[str, ...], last: Ran | None, success: Ran | None
) -> Iterator[Sample]:
    if last is not None and last.ended is not None:
        yield _sample(of.last_run, labels, last.ended)
        for status in RunStatus:
            value = float(status is last.status)
            yield _sample(of.status, (*labels, status_label(status)), value)
        yield _sample(of.bytes, labels, last.bytes)
        yield _sample(of.files, labels, last.files)
        yield _sample(of.deletions, labels, last.deletions)
    if success is not None and success.ended is not None:
        yield _sample(of.last_success, labels, success.ended)
        if success.data_as_of is not None:
            yield _sample(of.last_success_state, labels, success.data_as_of)


def _of_journal(
    of: OfRun, labels: tuple[str, ...], pending: int | None, full_began: datetime | None
) -> Iterator[Sample]:
    if pending is not None:
        yield _sample(of.pending, labels, pending)
    if full_began is not None:
        yield _sample(of.full_pass, labels, full_began)


def destination_samples(room: RoomFacts, full: date | None = None) -> tuple[Sample, ...]:
    """The room at one destination, with the time of its measuring (law 25).

    `full` is the day on which it is expected to pass its limit.
    """
    labels = (room.destination,)
    figures = ((DESTINATION_FREE, room.free), (DESTINATION_SIZE, room.total))
    return (
        *(_sample(metric, labels, value) for metric, value in figures if value is not None),
        _sample(DESTINATION_MEASURED, labels, room.measured),
        *([_sample(DESTINATION_FULL, labels, _midnight(full))] if full is not None else ()),
    )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def tracker_samples(trees: Iterable[TreeFacts]) -> tuple[Sample, ...]:
    """How the tracker stands to each source that it follows (law 37)."""
    return tuple(
        sample
        for tree in trees
        for sample in (
            _sample(TRACKER_HEARTBEAT, (tree.source,), tree.heartbeat),
            _sample(TRACKER_WATCHES, (tree.source,), tree.watches),
            _sample(TRACKER_STANDING, (tree.source,), float(tree.standing)),
        )
    )


def policy_samples(drift: PolicyDrift) -> tuple[Sample, ...]:
    """Whether what runs is what should; of what nobody can see there is no sample (law 10)."""
    known = (("manifest", drift.of_manifest), ("files", drift.of_files))
    manifest = drift.manifest_digest[:_SHORT_DIGEST] or drift.manifest.value
    return (
        *(_sample(POLICY_DRIFT, (what,), float(one)) for what, one in known if one is not None),
        _sample(POLICY_INFO, (manifest, drift.plan_digest[:_SHORT_DIGEST]), 1),
    )
