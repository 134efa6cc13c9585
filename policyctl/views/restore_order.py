"""The restore order of the whole: what comes first, and what each part waits for."""

from __future__ import annotations

from collections.abc import Iterator

from engine.promises.order_words import turn_words, wait_words
from engine.promises.restore_order import Link, RestoreOrder, Turn
from policy.needs import FileNeed, Need, SecretNeed, SourceNeed, kept_outside
from policyctl.views.console import Json
from policyctl.views.paths import path_json


def order_lines(order: RestoreOrder) -> Iterator[str]:
    """A line for each turn, and what it waits for below it."""
    width = max((len(turn.name) for turn in order.turns), default=0)
    for number, turn in enumerate(order.turns, start=1):
        yield f"{number:>3}  {turn.name.ljust(width)}  {turn_words(turn)}"
        for wait in turn.waits:
            yield f"{'':5}{'':{width}}  {wait_words(wait)}"
    for circle in order.circles:
        names = " → ".join(link.name for link in circle)
        yield f"  !  {names} → {circle[0].name}: no order begins this; `policyctl check` says why"


def order_json(order: RestoreOrder) -> dict[str, Json]:
    """The same for programs."""
    return {
        "order": [_turn_json(turn) for turn in order.turns],
        "circles": [[_link_json(link) for link in circle] for circle in order.circles],
    }


def _turn_json(turn: Turn) -> dict[str, Json]:
    return {
        "name": turn.name,
        "is": "destination" if turn.is_destination else "source",
        "restore_from": list(turn.places),
        "parts_from": list(turn.parts),
        "waits_for": [
            {**need_json(wait.need), "out_of": wait.by, "by_itself": wait.alone}
            for wait in turn.waits
        ],
    }


def need_json(need: Need) -> dict[str, Json]:
    """One need, by the manifest's keys."""
    kept = {"kept": kept_outside(need) or None}
    match need:
        case SourceNeed():
            return {"source": need.source}
        case FileNeed():
            return {**path_json(need.path.text), **kept}
        case SecretNeed():
            return {"secret": need.secret, **kept}


def _link_json(link: Link) -> dict[str, Json]:
    need = need_json(link.need) if link.need is not None else None
    return {"name": link.name, "waits_for": link.waits_for, "need": need}
