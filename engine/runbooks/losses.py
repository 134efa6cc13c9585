"""What to type when a destination is lost: what is left, and how it is filled anew. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from engine.plan.model import LegPlan, Plan
from engine.promises.chains import Chains, Copy
from engine.reach.targets import Target
from engine.runbooks.model import Code, Command, Runbook, Section, Step, Text
from engine.runbooks.parts import Part, parts_of
from engine.runbooks.trees import pause
from engine.schedule.calendars import REFERENCE_START
from engine.schedule.due import all_legs, runs_here
from engine.standing.bring_back import connection, kept_options
from engine.standing.copy_paths import copy_path
from policy.destinations import Destination
from policy.legs import FetchLeg, Leg, MirrorLeg

_OTHER_DISK = (b"--allow", b"other-file-system")


def destination_runbook(plan: Plan, chains: Chains, destination: Destination) -> Runbook:
    """What to do when the copies at a destination are gone."""
    return Runbook(
        subject=destination.name,
        title=f"{destination.name} is lost",
        intro=(_where(destination), _live),
        sections=(
            _left_elsewhere(plan, chains, destination),
            _filled_anew(plan, chains, destination),
        ),
    )


_live: Text = (
    "Nothing of the live data is lost by that. Until it is filled anew, a restore takes the other "
    "copies by itself: the commands of the sources' runbooks stay as they are.",
)


def _where(destination: Destination) -> Text:
    path = Code(destination.path.text)
    if destination.ssh is None:
        return "It lay in ", path, " on this host."
    return "It lay in ", path, ", reached as ", Code.of(destination.ssh.account), "."


# ── What is left ─────────────────────────────────────────────────────────────────────────────


def _left_elsewhere(plan: Plan, chains: Chains, destination: Destination) -> Section:
    """Where everything that it held has another copy, and what has none."""
    rows: list[tuple[Text, Text]] = []
    for part in _parts(plan, chains):
        real = [copy for copy in part.copies if not copy.snapshot]
        others = [copy for copy in real if copy.place != destination.name]
        if len(others) < len(real):
            found = tuple(_listed(plan, others)) or ("only the live data: take care of these",)
            rows.append(((Code.of(part.label),), found))
    return Section(
        title="What there still is of what it held",
        intro=(("Beside the live data themselves:",) if rows else ("It held nothing.",),),
        columns=("what", "where"),
        listing=tuple(rows),
    )


def _listed(plan: Plan, copies: Sequence[Copy]) -> Iterator[str | Code]:
    for at, path in enumerate(dict.fromkeys(copy_path(plan, one) for one in copies)):
        if at:
            yield ", "
        yield Code(path)


def _parts(plan: Plan, chains: Chains) -> Iterator[Part]:
    for source in plan.sources:
        yield from parts_of(plan, chains, source)


# ── How it is filled anew ────────────────────────────────────────────────────────────────────


def _filled_anew(plan: Plan, chains: Chains, destination: Destination) -> Section:
    ordered = [plan.leg(one.leg) for one in all_legs(plan, now=REFERENCE_START)]
    legs = [one for one in ordered if one is not None]
    writers = [leg for leg in legs if _writes_to(leg, destination)]
    readers = [leg for leg in legs if _reads_from(plan, leg, destination)]
    elsewhere = [leg for leg in plan.legs if leg not in legs and _writes_to(leg, destination)]
    return Section(
        title="Fill it anew",
        steps=(
            *_kept_from_carrying(readers, destination),
            _replaced(destination),
            *_history(plan, chains, destination),
            *_filled(writers),
            *_elsewhere(elsewhere),
            *_gone_on(readers),
            *_seen(writers),
        ),
    )


def _writes_to(leg: LegPlan, destination: Destination) -> bool:
    places = (feed.writes for feed in leg.feeds if feed.writes is not None)
    return any(one.holder == destination.name for one in places)


def _reads_from(plan: Plan, leg: LegPlan, destination: Destination) -> bool:
    """Whether it carries on what lies there: all of it, or what a leg has put there."""
    for feed in leg.feeds:
        upstream = plan.leg(feed.reads)
        if feed.reads == destination.name or (
            upstream is not None and _writes_to(upstream, destination)
        ):
            return True
    return False


def _kept_from_carrying(readers: Sequence[LegPlan], destination: Destination) -> Iterator[Step]:
    if readers:
        yield Step(
            text=("Keep an empty place from being carried on, over the copies of it:",),
            commands=tuple(pause(leg, f"{destination.name} is replaced") for leg in readers),
        )


def _replaced(destination: Destination) -> Step:
    path = Code(destination.path.text)
    command: Command = (b"policyctl", b"apply", b"--new-disk", destination.name.encode())
    meant = "Then say that it is the one that is meant:"
    if destination.ssh is None:
        return Step(text=("Mount the new disk at ", path, f". {meant}"), commands=(command,))
    account = Code.of(destination.ssh.account)
    made: Text = ("Make the directory ", path, " on the new machine, and let ", account)
    return Step(text=(*made, f" in with the same key. {meant}"), commands=(command,))


def _filled(writers: Sequence[LegPlan]) -> Iterator[Step]:
    if writers:
        names = (leg.name.encode() for leg in writers)
        yield Step(
            text=("Make the copies, in this order:",),
            commands=tuple((b"policyctl", b"run", name, b"--full") for name in names),
        )


def _elsewhere(legs: Sequence[LegPlan]) -> Iterator[Step]:
    for leg in legs:
        yield Step(text=(f"What {leg.name} has there is made by what runs it, not by this host.",))


def _history(plan: Plan, chains: Chains, destination: Destination) -> Iterator[Step]:
    """Generations that a later hop alone still has: its next run would delete them there."""
    found = dict.fromkeys(
        pair for part in _parts(plan, chains) for pair in _carried_on(plan, part, destination)
    )
    for own, later in found:
        back = _fetched_back(plan, own, later)
        if back:
            place = str(own.location)
            adopted: Command = (
                *(b"policyctl", b"adopt", place.encode(), b"--by", own.leg.encode(), b"--yes"),
            )
            yield Step(
                text=(
                    f"{later.leg} deletes what it does not find here any more. To keep what "
                    f"{own.leg} has made before, bring that back first, and have it adopted:",
                ),
                commands=(*back, adopted),
            )


def _carried_on(plan: Plan, part: Part, destination: Destination) -> Iterator[tuple[Copy, Copy]]:
    """Generations that a leg makes there, and where a later hop carries them."""
    for own in part.copies:
        made = own.dated is not None and not isinstance(_leg(plan, own.leg), MirrorLeg)
        if own.place == destination.name and made and not own.snapshot:
            for later in part.copies:
                if later.place != own.place and later.via[:-1] == own.via:
                    yield _folder(own), _folder(later)


def _leg(plan: Plan, name: str) -> Leg | None:
    found = plan.leg(name)
    return found.leg if found is not None else None


def _folder(copy: Copy) -> Copy:
    """The directory that holds all generations of a leg."""
    location = copy.location
    return replace(copy, location=replace(location, names=location.names[: copy.dated]), dated=None)


def _fetched_back(plan: Plan, own: Copy, later: Copy) -> tuple[Command, ...]:
    """The commands that copy a directory from a later hop; none where they are no plain ones."""
    leg, here, there = plan.leg(own.leg), plan.destination(own.place), plan.destination(later.place)
    if leg is None or not runs_here(leg) or here is None or there is None or here.ssh is not None:
        return ()
    source = Target(
        holder=later.place, root=there.path.text, names=later.location.names, ssh=there.ssh
    )
    target = here.path.joined(own.location.names).text
    options = (*kept_options(plan, later.leg), *connection(there.ssh))
    copied: Command = (b"rsync", *options, b"--", source.argument, target.rstrip(b"/") + b"/")
    # rsync makes the last directory of its destination, and none above it.
    above = own.location.names[:-1]
    folder = here.path.joined(above).text
    return ((b"mkdir", b"-p", b"--", folder), copied) if above else (copied,)


def _gone_on(readers: Sequence[LegPlan]) -> Iterator[Step]:
    if readers:
        names = [leg.name.encode() for leg in readers]
        commands: list[Command] = []
        for name in names:
            run: Command = (b"policyctl", b"run", name, b"--full", *_OTHER_DISK)
            commands += [(*run, b"--explain"), (b"policyctl", b"resume", name), run]
        yield Step(
            text=(
                "Once that is done, see what the later hops would do, and let them go on. They "
                "read another disk than before, and have to be told that this is meant:",
            ),
            commands=tuple(commands),
        )


def _seen(writers: Sequence[LegPlan]) -> Iterator[Step]:
    # What a device has said is compared with nothing: it may say another thing now.
    names = [leg.name.encode() for leg in writers if not isinstance(leg.leg, FetchLeg)]
    verify: list[Command] = [(b"policyctl", b"verify", *names)] if names else []
    yield Step(
        text=("See that the copies are right, and how everything stands:",),
        commands=(*verify, (b"policyctl", b"status")),
    )
