"""What an alert says to the person whom it wakes. Pure.

That is: what is wrong, what it means for the data, and what to type next. A text is literal but for
what stands in it as `Shown`: what only Prometheus knows when it fires.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass

from engine.alerts.promql import span
from policy.legs import Leg


class Fault(enum.Enum):
    """What an alert says is wrong, as the end of its name."""

    STALE = "Stale"
    FAILING = "Failing"
    NEVER_RAN = "NeverRan"
    ITEM_STALE = "ItemStale"
    ITEM_FAILING = "ItemFailing"
    FULL = "Full"
    UNKNOWN = "Unknown"
    TRACKER_DOWN = "TrackerDown"
    TRACKER_NEVER_RAN = "TrackerNeverRan"
    DRILL_STALE = "DrillStale"
    DRILL_FAILING = "DrillFailing"
    DRILL_SLOW = "DrillSlow"
    CHECK_STALE = "CheckStale"
    CHECK_FAILING = "CheckFailing"
    DRIFT = "Drift"


class Shown(enum.Enum):
    """What is filled in when an alert fires."""

    STATUS = "how the last run ended"
    SHARE = "the value, as a share"
    WHAT = "what has drifted"
    PLACE = "the destination that it is about"
    LENGTH = "the value, as a length of time"


Text = tuple[str | Shown, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """The texts of one alert."""

    summary: Text
    description: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class _About:
    """What the texts speak of."""

    subject: str
    item: str
    age: str
    """The threshold in words; empty where there is none."""
    place: str
    limit: str
    namespace: str
    """Of the cluster that runs the leg; empty: this host does."""

    @property
    def now(self) -> str:
        """The command that runs the leg at once."""
        return start_of(self.subject, self.namespace)


def start_of(job: str, namespace: str) -> str:
    """The command that starts a job in a cluster now, or with no namespace a leg of this host."""
    if not namespace:
        return f"policyctl run {job}"
    made = f"--from=cronjob/policyctl-{job} {job}-by-hand"
    return f"kubectl --namespace {namespace} create job {made}"


def words_of(
    fault: Fault,
    *,
    subject: str,
    item: str = "",
    threshold: int | None = None,
    place: str = "",
    limit: str = "",
    namespace: str = "",
) -> Words:
    """The texts of an alert."""
    age = span(threshold) if threshold is not None else ""
    about = _About(
        subject=subject, item=item, age=age, place=place, limit=limit, namespace=namespace
    )
    return _WORDS[fault](about)


def _stale(a: _About) -> Words:
    return Words(
        summary=(f"{a.subject}: no success for more than {a.age}, or its data are too old",),
        description=(
            f"What changed since then has no copy by the leg {a.subject}; a restore would give "
            "older data than the schedule promises. `policyctl status` says since when and why; "
            f"`{a.now}` makes the copies now. A success that lies in the future "
            "counts as none: the clock was wrong then, or is now.",
        ),
    )


def _failing(a: _About) -> Words:
    if a.namespace:
        return Words(
            summary=(f"{a.subject}: the last run ended with: ", Shown.STATUS),
            description=(
                "The copies of earlier runs are still there, and get older. `policyctl status` "
                "says why on the host that has the tree, and as long as the pod is there "
                f"`kubectl --namespace {a.namespace} logs --selector policyctl/leg={a.subject}`. "
                f"Once it is mended: `{a.now}`.",
            ),
        )
    return Words(
        summary=(f"{a.subject}: the last run ended with: ", Shown.STATUS),
        description=(
            "The copies of earlier runs are still there, and get older. `policyctl status` says "
            f"why; `policyctl run {a.subject} --explain` says what a run would look at. Once it "
            f"is mended: `policyctl run {a.subject}`.",
        ),
    )


def _never_ran(a: _About) -> Words:
    if a.namespace:
        return Words(
            summary=(f"{a.subject}: nobody has told of a run for {a.age}",),
            description=(
                f"Either the leg {a.subject} has never run, and its data have no copy by it, or "
                f"its figures are lost. `kubectl --namespace {a.namespace} get cronjobs,jobs,pods "
                f"--selector policyctl/leg={a.subject}` shows what is there of it; `policyctl "
                "cluster` writes what has to be applied there; "
                f"`{a.now}` runs it now.",
            ),
        )
    return Words(
        summary=(f"{a.subject}: nobody has told of a run for {a.age}",),
        description=(
            f"Either the leg {a.subject} has never run, and its data have no copy by it, or its "
            f"figures are lost. `policyctl status` knows which. `systemctl list-timers "
            f"'policyctl-*'` shows when it would run; `policyctl run {a.subject}` runs it now, "
            f"and `policyctl seed {a.subject}` makes a first pass that takes long.",
        ),
    )


def _item_stale(a: _About) -> Words:
    return Words(
        summary=(f"{a.subject}, {a.item}: no success for more than {a.age}",),
        description=(
            f"What changed in {a.item} since then has no copy by the leg {a.subject}, whatever "
            "became of its other items. `policyctl status` says since when and why.",
        ),
    )


def _item_failing(a: _About) -> Words:
    return Words(
        summary=(f"{a.subject}, {a.item}: the last run ended with: ", Shown.STATUS),
        description=(
            f"The copies of {a.item} by earlier runs are still there, and get older. "
            f"`policyctl status` says why. Once it is mended: `policyctl run {a.subject}`.",
        ),
    )


def _full(a: _About) -> Words:
    return Words(
        summary=(f"{a.subject}: ", Shown.SHARE, f" used, of {a.limit} at most"),
        description=(
            f"Once {a.place} is full, no run can copy what changed. `policyctl status` shows the "
            "room, `policyctl plan` what each route takes of it. Make room there, or send a "
            "directory elsewhere by its route.",
        ),
    )


def _unknown(a: _About) -> Words:
    old = f"the figure is older than {a.age}, or " if a.age else ""
    return Words(
        summary=(f"{a.subject}: nobody knows how full it is",),
        description=(
            f"Of {a.place} {old}it says no more how much room it has: it could be full before "
            "anybody is told. `policyctl status` shows the last figure and its age; a run that "
            "reaches the destination measures it anew.",
        ),
    )


def _tracker_down(a: _About) -> Words:
    return Words(
        summary=(f"{a.subject}: the tracker does not follow it",),
        description=(
            f"Copies are made all the same, but each run has to look at all of {a.subject} "
            "instead of what changed. `policyctl status` says why; "
            "`systemctl status policyctl-tracker.service` shows the service.",
        ),
    )


def _tracker_never_ran(a: _About) -> Words:
    return Words(
        summary=(f"{a.subject}: nobody has told of the tracker",),
        description=(
            f"Copies are made all the same, but each run has to look at all of {a.subject} "
            "instead of what changed. `systemctl enable --now policyctl-tracker.service` starts "
            "it; the next run tells of it.",
        ),
    )


def _drift(a: _About) -> Words:
    return Words(
        summary=(f"{a.subject}: not as applied: ", Shown.WHAT),
        description=(
            "manifest: it was edited and not applied, so what runs is still the policy of before. "
            "files: somebody changed a generated file, so what runs is not what was applied. "
            "`policyctl plan` shows the difference, `policyctl apply` makes it true; the next run "
            "tells that it is.",
        ),
    )


_WORDS: dict[Fault, Callable[[_About], Words]] = {
    Fault.STALE: _stale,
    Fault.FAILING: _failing,
    Fault.NEVER_RAN: _never_ran,
    Fault.ITEM_STALE: _item_stale,
    Fault.ITEM_FAILING: _item_failing,
    Fault.FULL: _full,
    Fault.UNKNOWN: _unknown,
    Fault.TRACKER_DOWN: _tracker_down,
    Fault.TRACKER_NEVER_RAN: _tracker_never_ran,
    Fault.DRIFT: _drift,
}


def drill_words(fault: Fault, drill: str, source: str, threshold: int | None) -> Words:
    """The texts of an alert of a drill."""
    age = span(threshold) if threshold is not None else ""
    again = f"`policyctl drill {drill}` makes one now"
    if fault is Fault.DRILL_STALE:
        return Words(
            summary=(f"{drill}: no good drill of {source} for more than {age}",),
            description=(
                f"Nobody knows any more whether {source} can be restored: its copies are made, and "
                f"were not tried since then. `policyctl status` says why; {again}.",
            ),
        )
    if fault is Fault.DRILL_SLOW:
        return Words(
            summary=(
                *(f"{drill}: all of {source} from ", Shown.PLACE, " takes ", Shown.LENGTH),
                f", and {age} are stated",
            ),
            description=(
                "That is what a restore took in the last drill, for all of the source. State a "
                "longer `within`, restore from a nearer copy, or keep less in one source. "
                f"`policyctl status` shows the figures; {again}.",
            ),
        )
    return Words(
        summary=(f"{drill}: the last drill from ", Shown.PLACE, " ended with: ", Shown.STATUS),
        description=(
            f"What came back of {source} was not all, or not what it should be; or it could not be "
            "tried. `policyctl status` says why, and names what is damaged: find out which side is "
            f"right before anything else. Once it is mended: `policyctl drill {drill}`.",
        ),
    )


def check_words(fault: Fault, check: str, threshold: int | None, *, namespace: str = "") -> Words:
    """The texts of an alert of a check; `namespace`: of the cluster that makes it."""
    age = span(threshold) if threshold is not None else ""
    now = start_of(f"check-{check}", namespace) if namespace else f"policyctl probe {check}"
    again = f"`{now}` looks now"
    timers = "`systemctl list-timers 'policyctl-check-*'` shows when it would"
    if namespace:
        timers = f"`kubectl --namespace {namespace} get cronjobs` shows when it would"
    if fault is Fault.CHECK_STALE:
        return Words(
            summary=(f"{check}: nobody has looked for more than {age}",),
            description=(
                "Whether all is well with what it looks at is not known any more. `policyctl "
                f"status` says since when; {timers}; {again}. A look that lies in the future "
                "counts as none: the clock was wrong then, or is now.",
            ),
        )
    return Words(
        summary=(f"{check}: the last look ended with: ", Shown.STATUS),
        description=(
            "failed: what it looks at is not as it should be; copies that are made of it now may "
            "be worth as little. refused: it could not look. `policyctl status` says what was "
            f"found. Once it is mended: `{now}`.",
        ),
    )


def alert_stem(leg: Leg) -> str:
    """How the names of a leg's alerts begin."""
    return leg.alert or camel_case(leg.name)


def camel_case(name: str) -> str:
    """`sda-mirror` as `SdaMirror`."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("-"))
