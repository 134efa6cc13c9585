"""`policyctl rollback`: a volume goes back to a snapshot of it, and both are kept."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from policyctl.exit_codes import ExitCode
from policyctl.options import DEFAULT_ROOT, JsonOption, RootOption

if TYPE_CHECKING:
    from engine.rollback.remaining import Rollback
    from policyctl.rolling_back import Proposal, RollingBack


def rollback(
    item: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE:ITEM", help="A volume, as `policyctl show generations` lists it."
        ),
    ],
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="MOMENT",
            help="The snapshot to go back to, by its name (2026-11-28T03-00-00Z) or the beginning "
            "of it. Default: the newest.",
        ),
    ] = None,
    undo: Annotated[
        bool, typer.Option("--undo", help="Go back to what was there before the last rollback.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    root: RootOption = DEFAULT_ROOT,
    json: JsonOption = False,
) -> None:
    """Bring a volume back to a snapshot of it: what uses it is stopped, and started again.

    Each step is shown first. Nothing is removed: the volume as it was is set aside, and --undo
    brings it back. One that was cut off is completed by the same command. Without --yes, where
    nobody can be asked, it only shows the steps.
    """
    from policyctl.rolling_back import RollingBack
    from policyctl.views import rollback as view
    from policyctl.views.console import result, result_json, tell

    if undo and to is not None:
        raise typer.BadParameter("--undo goes back to what was there before: leave out --to")
    rolling = RollingBack(root, item)
    proposal = rolling.propose(to=to, undo=undo)
    asks = not yes and sys.stdin.isatty()
    for line in view.proposal_lines(proposal):
        (tell if json else result)(line)
    done = None
    if yes or (asks and _confirmed(rolling.item)):
        done = _carry_out(rolling, proposal)
    elif not asks:
        tell("nothing was done: --yes does it, or type it at a terminal")
    if json:
        result_json(view.proposal_json(proposal, done))
    elif done is not None:
        result("\n".join(view.done_lines(proposal)))


def _confirmed(item: str) -> bool:
    """Whether who sits there types the item's name. Raises `Refused` for another."""
    from policyctl.boundary import Refused
    from policyctl.views.console import finish_output, tell

    finish_output()
    tell(f"type {item} to go on:")
    if sys.stdin.readline().strip() != item:
        raise Refused("that is not its name: nothing was changed")
    return True


def _carry_out(rolling: RollingBack, proposal: Proposal) -> Rollback:
    from engine.rollback.words import half_done
    from policyctl.rolling_back import Interrupted, Locked, roll_back
    from policyctl.views.console import tell

    try:
        return roll_back(rolling, proposal, tell)
    except Locked as locked:
        tell(
            f"policyctl: a leg takes snapshots of it all the time: {locked}; nothing was changed: "
            "try again"
        )
        raise typer.Exit(ExitCode.LOCKED) from None
    except Interrupted as end:
        begun = rolling.is_half_done(proposal.record)
        how = f"nothing is lost: {half_done(proposal.record)}" if begun else "nothing was changed"
        tell(f"policyctl: {end}; {how}")
        raise typer.Exit(128 + end.number) from None
