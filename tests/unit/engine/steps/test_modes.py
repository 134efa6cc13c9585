"""Whether a pass looks at everything or at what changed: one decision, with its reason."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from engine.records.journal import Coverage, Gap, JournalSeen
from engine.steps.modes import Forced, Mode, ModeChoice, choose_mode, full_due
from policy.legs import MirrorLeg
from policy.parts import Attribute, Limits
from policy.values import Duration, Place

BEGAN = datetime(2026, 11, 1, 2, 0, tzinfo=UTC)
MONTH = timedelta(days=30)
LEG = MirrorLeg(
    name="nightly",
    limits=Limits(whole=Duration(3600)),
    to=Place("disk", "/"),
    full_every=Duration(int(MONTH.total_seconds())),
)
JOURNAL = JournalSeen(upto=7, pending=3, gaps=(), coverage=Coverage.FOLLOWED)


def choose(
    leg: MirrorLeg = LEG,
    *,
    journal: JournalSeen | None = JOURNAL,
    full_began: datetime | None = BEGAN,
    same_rules: bool = True,
    forced: Forced = Forced.NOTHING,
    after: timedelta = timedelta(days=1),
) -> ModeChoice:
    return choose_mode(
        leg,
        journal=journal,
        full_began=full_began,
        same_rules=same_rules,
        forced=forced,
        now=BEGAN + after,
    )


def test_it_looks_at_what_changed_where_the_journal_knows() -> None:
    assert choose() == ModeChoice(mode=Mode.INCREMENTAL, reason="3 changes in the journal")
    one = choose(journal=replace(JOURNAL, pending=1))
    assert one.reason == "1 change in the journal"
    assert choose(journal=replace(JOURNAL, pending=1_234_567)).reason.startswith("1,234,567 ")


@pytest.mark.parametrize(
    ("after", "mode"),
    [
        (MONTH - timedelta(hours=1, seconds=1), Mode.INCREMENTAL),
        (MONTH - timedelta(hours=1), Mode.FULL),  # a nightly run must not miss it by a minute
        (MONTH, Mode.FULL),
        (MONTH * 5, Mode.FULL),  # missed, and caught up
    ],
)
def test_law_12_full_every_means_so_long_after_the_last_full_pass_began(
    after: timedelta, mode: Mode
) -> None:
    found = choose(after=after)
    assert found.mode is mode
    if mode is Mode.FULL:
        assert found.reason == "it is due: the last one began 2026-11-01 02:00 UTC"


def test_law_12_it_is_due_once_and_counts_from_the_pass_that_caught_up() -> None:
    """A year of nightly runs, some of them missed: never two full passes within a month."""
    now, began, passes = BEGAN, BEGAN, []
    for night in range(1, 365):
        now = BEGAN + timedelta(days=night)
        if 20 < night % 97 < 45:
            continue  # the machine was off
        choice = choose_mode(
            LEG,
            journal=JOURNAL,
            full_began=began,
            same_rules=True,
            forced=Forced.NOTHING,
            now=now,
        )
        if choice.mode is Mode.FULL:
            passes.append(night)
            began = now
    apart = [later - earlier for earlier, later in zip([0, *passes], passes, strict=False)]
    assert min(apart) == 30
    assert max(apart) <= 30 + 25  # as long as it was off
    assert len(passes) == sum(1 for _ in apart)


def test_when_it_is_due() -> None:
    assert full_due(LEG, BEGAN) == BEGAN + MONTH
    assert full_due(LEG, None) is None
    assert full_due(replace(LEG, full_every=None), BEGAN) is None


@pytest.mark.parametrize(
    ("forced", "reason"),
    [(Forced.FULL, "it was asked for"), (Forced.SEED, "it is the seed")],
)
def test_a_person_may_ask_for_a_full_one(forced: Forced, reason: str) -> None:
    assert choose(forced=forced) == ModeChoice(mode=Mode.FULL, reason=reason)


def test_law_37_a_gap_means_a_full_pass_and_says_which() -> None:
    gaps = (
        Gap(reason="the tracker was started", since=BEGAN),
        Gap(reason="its root was away", since=BEGAN + MONTH),
    )
    found = choose(journal=replace(JOURNAL, gaps=gaps))
    assert found.mode is Mode.FULL
    assert found.reason == (
        "the journal has a gap since 2026-11-01 02:00 UTC: the tracker was started"
    )


@pytest.mark.parametrize("coverage", [one for one in Coverage if one is not Coverage.FOLLOWED])
def test_law_37_a_tracker_that_does_not_follow_means_a_full_pass(coverage: Coverage) -> None:
    found = choose(journal=replace(JOURNAL, coverage=coverage))
    assert found == ModeChoice(mode=Mode.FULL, reason=coverage.value)
    told = choose(journal=replace(JOURNAL, coverage=coverage, detail="too few watches"))
    assert told.reason == f"{coverage.value}: too few watches"


def test_each_other_reason_for_a_full_one() -> None:
    xattrs = replace(LEG, preserve=(Attribute.TIMES, Attribute.XATTRS))
    reasons = (
        choose(full_began=None),
        choose(same_rules=False),
        choose(replace(LEG, full_every=None)),
        choose(xattrs),
        choose(journal=None),
    )
    assert all(one.mode is Mode.FULL for one in reasons)
    assert [one.reason for one in reasons] == [
        "none has succeeded here yet",
        "what the leg takes has changed since the last full pass",
        "the leg has no full_every",
        "the leg keeps extended attributes, which only a full pass reads",
        Coverage.UNTRACKED.value,
    ]
