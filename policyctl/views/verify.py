"""What `verify` has found, leg by leg, and what to do about it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

from engine.verify.comparison import Difference, Found
from engine.verify.verdict import Verified, said
from policyctl.views.console import Json, paint
from policyctl.views.paths import path_json, show_path

_SHOWN = 20
_MEANING = {
    Difference.MISSING: "the copy lacks it",
    Difference.EXTRA: "the copy has it still, and nothing deleted it",
    Difference.DAMAGED: "same size and time, other content: one of the two is damaged",
    Difference.DIFFERENT: "other content, and nothing has changed it since the copy was made",
    Difference.UNSOUND: "SQLite finds damage in the copy",
    Difference.CORRUPT: "its content is not what the record of the dump says",
    Difference.ATTRIBUTES: "owner, mode, time or links differ; the content is right",
}


def verified_lines(found: Sequence[Verified]) -> Iterator[str]:
    """A line for each feed, and the paths that differ below it."""
    for one in found:
        colour = "green" if one.sound else "red"
        which = f", generation {one.generation}" if one.generation else ""
        yield paint(f"{one.leg}, of {one.reads}{which}: {said(one)}", colour, sys.stdout)
        if one.seed is not None:
            yield f"  the sample's seed is {one.seed}: `--seed {one.seed}` compares the same files"
        if one.changed:
            yield f"  {one.changed:,} changed since that run, and say nothing of the copy"
        for what in Difference:
            yield from _paths(what, [each for each in one.found if each.difference is what])


def _paths(what: Difference, found: Sequence[Found]) -> Iterator[str]:
    if not found:
        return
    yield f"  {what.value}: {_MEANING[what]}"
    yield from (f"    {show_path(one.path)}" for one in found[:_SHOWN])
    if len(found) > _SHOWN:
        yield f"    and {len(found) - _SHOWN:,} more: --json lists them"


def advice_lines(found: Sequence[Verified]) -> Iterator[str]:
    """What to type next; nothing where all is well."""
    dated = [one for one in found if one.generation]
    for leg in _legs(dated, Difference.DAMAGED):
        yield (
            f"{leg}: `policyctl run {leg}` compares by content and makes a generation of what is "
            "live now; those that there are stay as they are: see first that the live side is right"
        )
    for leg in _legs([one for one in found if not one.generation], Difference.DAMAGED):
        yield (
            f"{leg}: find out which side is right before anything else: `policyctl explain PATH` "
            "lists the other copies; runs go by size and time, and leave both as they are"
        )
    for leg in _legs(found, Difference.UNSOUND):
        yield (
            f"{leg}: `policyctl run {leg}` makes a new copy, unless the database itself is "
            "damaged; `policyctl restore PATH --list` names older ones for --from"
        )
    for leg in _legs(found, Difference.CORRUPT):
        yield (
            f"{leg}: `policyctl run {leg}` makes a new dump; `policyctl restore SOURCE: --list` "
            "names older ones, later hops may have this one whole; look at the disk's own errors"
        )
    whole = (Difference.MISSING, Difference.EXTRA, Difference.DIFFERENT, Difference.ATTRIBUTES)
    for leg in _legs(dated, *whole):
        yield f"{leg}: a new generation puts that right: `policyctl run {leg}`; this one stays so"
    for leg in _legs([one for one in found if not one.generation], *whole):
        yield f"{leg}: a full pass puts that right: `policyctl run {leg} --full`"


def _legs(found: Sequence[Verified], *which: Difference) -> Iterator[str]:
    """The legs whose copies differ in one of these ways."""
    yield from dict.fromkeys(one.leg for one in found if any(map(one.count, which)))


def verified_json(found: Sequence[Verified]) -> dict[str, Json]:
    """The same for programs."""
    return {"sound": all(one.sound for one in found), "verified": [_json(one) for one in found]}


def _json(one: Verified) -> dict[str, Json]:
    return {
        "leg": one.leg,
        "reads": one.reads,
        "generation": one.generation or None,
        "began": one.began.isoformat(),
        "ended": one.ended.isoformat(),
        "seed": one.seed,
        "compared_files": one.compared,
        "compared_bytes": one.compared_bytes,
        "files": one.files,
        "bytes": one.bytes,
        "changed_since": one.changed,
        "unreadable": one.unreadable,
        "counts": {what.value: one.count(what) for what in Difference},
        "found": [
            {**path_json(each.path), "difference": each.difference.value} for each in one.found
        ],
        "refused": one.refused or None,
    }
