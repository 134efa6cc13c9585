"""What to type when a volume of a thin pool, or a subvolume, is spoilt or lost. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from engine.items.subvolumes import SNAPSHOTS
from engine.plan.model import LegPlan, Plan
from engine.runbooks.model import Blank, Code, Joined, Section, Step, Variable
from engine.runbooks.trees import WHEN
from policy.legs import SnapshotLeg
from policy.sources import BtrfsSource, ItemSource, LvmThinSource

_ITEM = Variable("ITEM")
_NAME = Variable("ITEM", after="/:")
_STATE = Variable("STATE")
_MOUNTED = Variable("MOUNTED")


def rollbacks(plan: Plan, source: ItemSource) -> Iterator[Section]:
    """Back to a snapshot, where a leg of this host takes any."""
    legs = [
        leg
        for leg in plan.legs
        if isinstance(leg.leg, SnapshotLeg) and any(one.reads == source.name for one in leg.feeds)
    ]
    for leg in legs:
        if isinstance(source, LvmThinSource):
            yield _rolled_back(leg, source)
        else:
            yield _by_hand(leg, source)


def _rolled_back(leg: LegPlan, source: LvmThinSource) -> Section:
    return Section(
        title=f"A volume is spoilt: back to a snapshot of {leg.name}",
        intro=(
            (
                "It takes a minute, and nothing is removed: the volume as it is now is set aside. "
                "What uses it is stopped, and started again.",
            ),
        ),
        steps=(
            _shown(leg),
            Step(
                text=("Go back to the newest snapshot; without ", Code(b"--yes"), " the steps are "
                      "shown, and you are asked:"),
                blanks=(_item(source),),
                commands=((b"policyctl", b"rollback", _ITEM, b"--yes"),),
            ),
            Step(
                text=("It was the wrong one? This brings back what was there before:",),
                commands=((b"policyctl", b"rollback", _ITEM, b"--undo", b"--yes"),),
            ),
        ),
    )  # fmt: skip


def _by_hand(leg: LegPlan, source: BtrfsSource) -> Section:
    root = source.path.text.rstrip(b"/") + b"/"
    live = Joined((root, _ITEM))
    before = Joined((root, _ITEM, b"-before"))
    snapshot = Joined((root + SNAPSHOTS + b"/", _ITEM, b"/", _STATE))
    state = b"2026-11-28T02-00-00Z." + leg.name.encode()
    return Section(
        title=f"A subvolume is spoilt: back to a snapshot of {leg.name}",
        steps=(
            _shown(leg),
            Step(
                text=("Stop what uses the subvolume. Then keep it under another name, and make a "
                      "new one of the snapshot:",),
                blanks=(
                    Blank(name=_ITEM.name, example=b"NAME", what="the subvolume's own name"),
                    Blank(name=_STATE.name, example=state, what="the snapshot's name"),
                ),
                commands=(
                    (b"mv", b"--no-clobber", b"--no-target-directory", b"--", live, before),
                    (b"btrfs", b"subvolume", b"snapshot", snapshot, live),
                ),
            ),
        ),
    )  # fmt: skip


def _shown(leg: LegPlan) -> Step:
    return Step(
        text=("See which snapshots there are:",),
        commands=((b"policyctl", b"show", b"generations", leg.name.encode()),),
    )


def _item(source: ItemSource) -> Blank:
    named = isinstance(source, LvmThinSource) and source.kubernetes_names
    example = b"NAMESPACE/CLAIM" if named else b"NAME"
    what = "its address, as the list above shows it"
    return Blank(name=_ITEM.name, example=source.name.encode() + b":" + example, what=what)


def from_copies(source: ItemSource, kinds: Sequence[str], *, databases: bool) -> Section:
    """Files of an item, or all of them, from the copies of its legs.

    `databases`: whether verified copies of its databases are among them.
    """
    return Section(
        title="Files of it, or all of them, from a copy",
        intro=((f"Its copies are made by {', '.join(kinds)}.",),) if kinds else (),
        steps=(
            Step(
                text=("See what there is, the newest first. A path within it follows its address "
                      "after a slash:",),
                blanks=(_item(source),),
                commands=((b"policyctl", b"restore", _ITEM, b"--list"),),
            ),
            Step(
                text=("Bring back the newest state, into a new folder below the one that you are "
                      "in:",),
                commands=((b"policyctl", b"restore", _ITEM),),
            ),
            Step(
                text=("Or the state of an earlier moment:",),
                blanks=(WHEN,),
                commands=(
                    (b"policyctl", b"restore", _ITEM, b"--as-of", Variable(WHEN.name), b"--to",
                     b"./earlier"),
                ),
            ),
            _all_of(source, databases=databases),
            Step(
                text=("Stop what uses it, mount it, and copy into it what came. Where it had "
                      "databases, take those that ", Code(b"--list"), " calls verified:"),
                blanks=(
                    Blank(name=_MOUNTED.name, example=b"/mnt/volume", what="where it is mounted"),
                ),
                commands=(
                    (b"rsync", b"--archive", b"--hard-links", b"--acls", b"--xattrs",
                     b"--numeric-ids", b"--",
                     Joined((b"./earlier/", _NAME, b"/")), Joined((_MOUNTED, b"/"))),
                ),
            ),
        ),
    )  # fmt: skip


def _all_of(source: ItemSource, *, databases: bool) -> Step:
    """Every item in one command."""
    name = source.name.encode() + b":"
    files = (b"policyctl", b"restore", name, b"--to", b"./all")
    if not databases:
        return Step(text=("Or all items, each into a folder of its own:",), commands=(files,))
    alone = (b"policyctl", b"restore", name, b"--databases", b"--to", b"./databases")
    return Step(
        text=("Or all items, each into a folder of its own, and the copies of their databases that "
              "SQLite has made and checked:",),
        commands=(files, alone),
    )  # fmt: skip
