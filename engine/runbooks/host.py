"""What to type when the host is lost, and only copies are left: on any machine. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from engine.plan.model import LegPlan, Plan
from engine.promises.chains import Chains
from engine.promises.order_words import turn_words, wait_words
from engine.promises.restore_order import RestoreOrder
from engine.runbooks.model import (
    Blank,
    Code,
    Command,
    Joined,
    Runbook,
    Said,
    Section,
    Step,
    Text,
    Variable,
    Word,
)
from engine.runbooks.options import Wanted, options_of
from engine.runbooks.parts import Part, parts_of
from engine.runbooks.products import product_steps
from engine.schedule.calendars import REFERENCE_START
from engine.schedule.due import all_legs
from policy.destinations import Destination
from policy.legs import MirrorLeg
from policy.sources import BtrfsSource, FilesSource, LvmThinSource

_FOUND = Variable("FOUND")
_ENTRY = Variable("ENTRY")
MANIFEST = b"/etc/policyctl/backup-policy.yaml"


def host_runbook(plan: Plan, chains: Chains, order: RestoreOrder) -> Runbook:
    """What to do when nothing is left but copies."""
    home = {one.site for one in plan.sources}
    far_first = sorted(plan.destinations, key=lambda one: (one.site in home, one.name))
    places = (section for one in far_first for section in _from(plan, chains, one))
    return Runbook(
        subject="",
        title=f"{plan.host} is lost, and only copies are left",
        intro=(
            (
                "Any machine with rsync and policyctl will do. Beside the copies lies the plan "
                "that made them: neither a manifest nor records are needed to get them back.",
            ),
        ),
        sections=(*_in_order(order), *places, *_a_host_again(plan)),
    )


def _in_order(order: RestoreOrder) -> Iterator[Section]:
    """What comes first when all is lost: nothing is opened by what lies inside it."""
    rows: list[tuple[Text, Text]] = []
    for number, turn in enumerate(order.turns, start=1):
        waits = (Said(f"; {wait_words(wait)}") for wait in turn.waits)
        rows.append(((f"{number}. ", Code.of(turn.name)), (Said(turn_words(turn)), *waits)))
    if rows:
        yield Section(
            title="In which order",
            intro=(
                (
                    "Each needs what stands above it. From the copies alone ",
                    Code(b"policyctl restore --order --at DIR"),
                    " tells the same.",
                ),
            ),
            columns=("what", "how, and with what"),
            listing=tuple(rows),
        )


def _from(plan: Plan, chains: Chains, destination: Destination) -> Iterator[Section]:
    """All that this destination holds, by itself."""
    parts = [
        part
        for source in plan.sources
        for part in parts_of(plan, chains, source)
        if _holds(plan, chains, part, destination)
    ]
    if not parts:
        return
    yield Section(
        title=f"From {destination.name}, mounted somewhere",
        intro=(_where(destination),),
        steps=(
            *_trees(parts, destination),
            *_each(parts, (b"--at", _FOUND)),
            *_items(parts, destination, (b"--at", _FOUND)),
            *product_steps(plan, parts, (b"--at", _FOUND)),
        ),
    )
    if destination.ssh is not None:
        yield _over_ssh(plan, parts, destination)


def _holds(plan: Plan, chains: Chains, part: Part, destination: Destination) -> bool:
    there = [copy for copy in part.copies if copy.place == destination.name]
    return bool(options_of(plan, chains, there, Wanted.DIRECTORY))


def _where(destination: Destination) -> Text:
    path = Code(destination.path.text)
    if destination.ssh is None:
        return "Its root was ", path, "."
    return "Its root is ", path, " on the machine of ", Code.of(destination.ssh.account), "."


def _found(destination: bytes = b"/mnt/found") -> Blank:
    what = "where the root of its copies is mounted"
    return Blank(name=_FOUND.name, example=destination, what=what)


def _trees(parts: Sequence[Part], destination: Destination) -> Iterator[Step]:
    commands: list[Command] = [
        (b"policyctl", b"restore", b"--at", _FOUND, *words) for words in _aims(parts, destination)
    ]
    if commands:
        yield Step(
            text=("Each comes into a folder of its own, below the one that you are in:",),
            blanks=(_found(),),
            commands=tuple(commands),
        )


def _aims(parts: Sequence[Part], destination: Destination) -> list[tuple[bytes, ...]]:
    """Each path in each form that it is kept in, and a folder to put it in."""
    found: list[tuple[bytes, ...]] = []
    taken: set[bytes] = set()
    for part in parts:
        for path in _paths(part):
            for form in _forms([part], destination):
                name = re.sub(rb"[^A-Za-z0-9]+", b"-", path).strip(b"-") or b"root"
                name += form.replace(b"--", b"-")
                number = 1
                while (to := name if number == 1 else b"%s-%d" % (name, number)) in taken:
                    number += 1
                taken.add(to)
                found.append((path, *_option(form), b"--to", b"./" + to))
    return found


def _paths(part: Part) -> Iterator[bytes]:
    if isinstance(part.source, FilesSource):
        yield from (path.text for path in part.source.paths)
    elif part.literal and part.path is not None:
        yield part.path


def _forms(parts: Sequence[Part], destination: Destination) -> Iterator[bytes]:
    """As files, or as verified copies of databases alone: an option, or nothing."""
    there = [one for part in parts for one in part.copies if one.place == destination.name]
    if any(not one.partial for one in there):
        yield b""
    if any(one.partial for one in there):
        yield b"--databases"


def _option(form: bytes) -> tuple[bytes, ...]:
    return (form,) if form else ()


def _each(parts: Sequence[Part], options: tuple[Word, ...]) -> Iterator[Step]:
    """What a pattern stands for, whose names nobody knows any more: the copies do."""
    for part in parts:
        if not part.literal and part.path is not None:
            one = Variable("ONE")
            yield Step(
                text=("And each path that ", Code.of(part.label), " stands for:"),
                blanks=(Blank(name=one.name, example=part.example, what="one after another"),),
                commands=((b"policyctl", b"restore", *options, one),),
            )


def _items(
    parts: Sequence[Part], destination: Destination, options: tuple[Word, ...]
) -> Iterator[Step]:
    sources = (one.source for one in parts if isinstance(one.source, (LvmThinSource, BtrfsSource)))
    for source in dict.fromkeys(one.name for one in sources):
        forms = _forms([one for one in parts if one.source.name == source], destination)
        name = source.encode()
        yield Step(
            text=(f"And all items of {source}, each into a folder of its own:",),
            commands=tuple(
                (b"policyctl", b"restore", *options, name + b":", *_option(form), b"--to",
                 b"./" + name + form.replace(b"--", b"-"))
                for form in forms
            ),
        )  # fmt: skip


def _over_ssh(plan: Plan, parts: Sequence[Part], destination: Destination) -> Section:
    """The same without mounting it: that takes the manifest, and the account's key."""
    place = destination.name.encode()
    more: tuple[Word, ...] = (b"--policy", b"backup-policy.yaml", b"--from", place)
    commands = [(b"policyctl", b"restore", *more, *words) for words in _aims(parts, destination)]
    step = Step(
        text=("With a copy of the manifest in the folder that you are in:",),
        commands=tuple(commands),
    )
    title = f"From {destination.name}, over SSH"
    first = (step,) if commands else ()
    rest = (
        *_each(parts, more),
        *_items(parts, destination, more),
        *product_steps(plan, parts, more),
    )
    return Section(title=title, steps=(*first, *rest))


def _a_host_again(plan: Plan) -> Iterator[Section]:
    """A host in the place of the old one, which takes over the copies that there are."""
    ordered = [plan.leg(one.leg) for one in all_legs(plan, now=REFERENCE_START)]
    legs = [one for one in ordered if one is not None]
    yield Section(
        title="A host in its place",
        intro=(
            (
                "Its name has to be ", Code.of(plan.host), ", and the manifest lies in ",
                Code(MANIFEST), ". Put the live data back before anything runs: a mirror of "
                "nothing is nothing.",
            ),
        ),
        steps=(
            Step(text=("See that the manifest is right, and make it true:",),
                 commands=((b"policyctl", b"check"), (b"policyctl", b"apply"))),
        ),
    )  # fmt: skip
    for destination in plan.destinations:
        if destination.ssh is None:
            yield from _taken_over(destination, legs)
    yield _first_passes(legs)
    for destination in plan.destinations:
        if destination.ssh is not None:
            yield from _taken_over_there(destination, legs)


def _taken_over(destination: Destination, legs: Sequence[LegPlan]) -> Iterator[Section]:
    """Of copies on this machine all at once."""
    commands = [_adopt(place.encode(), leg) for leg, place in _places(destination, legs)]
    if commands:
        yield Section(
            title=f"The copies at {destination.name} are still there",
            steps=(
                Step(
                    text=(
                        "Have the legs take them over: else nothing that the old host has made is "
                        "ever deleted. Without ", Code(b"--yes"), " it is only shown:",
                    ),
                    commands=tuple(commands),
                ),
            ),
        )  # fmt: skip


def _first_passes(legs: Sequence[LegPlan]) -> Section:
    mirrors = [leg.name.encode() for leg in legs if isinstance(leg.leg, MirrorLeg)]
    runs = ((b"policyctl", b"run", name, b"--full") for name in mirrors)
    return Section(
        title="The first passes",
        steps=(
            Step(
                text=("Make one full pass each, in this order:",),
                commands=(*runs, (b"policyctl", b"status")),
            ),
        ),
    )


def _taken_over_there(destination: Destination, legs: Sequence[LegPlan]) -> Iterator[Section]:
    """Of copies on another machine one entry after another."""
    for leg, place in _places(destination, legs):
        entry = Joined((place.rstrip("/").encode() + b"/", _ENTRY))
        blank = Blank(name=_ENTRY.name, example=b"NAME", what="one entry after another")
        yield Section(
            title=f"What lies in {place}",
            steps=(
                Step(
                    text=(
                        f"The first pass of {leg.name} has named what lay there before. Have the "
                        "leg take over each of it that it shall also delete in:",
                    ),
                    blanks=(blank,),
                    commands=(_adopt(entry, leg),),
                ),
            ),
        )


def _adopt(place: Word, leg: LegPlan) -> Command:
    return (b"policyctl", b"adopt", place, b"--by", leg.name.encode(), b"--yes")


def _places(destination: Destination, legs: Sequence[LegPlan]) -> Iterator[tuple[LegPlan, str]]:
    for leg in legs:
        for feed in leg.feeds:
            if feed.writes is not None and feed.writes.holder == destination.name:
                yield leg, str(feed.writes)
