"""`policyctl restore`: the best copy of a path comes back, into a new folder or its old place."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from policyctl.exit_codes import ExitCode
from policyctl.options import DEFAULT_ROOT, JsonOption, PolicyOption, RootOption

if TYPE_CHECKING:
    from engine.restore.aim import Aim
    from engine.restore.room import Room
    from engine.system.restore.outcome import Doubtful, Restored
    from policyctl.asking import Found, Proposal
    from policyctl.restoring import Restoring


def restore(
    path: Annotated[
        str | None,
        typer.Argument(
            metavar="[PATH]",
            help="As it was on the live system, or SOURCE:ITEM/PATH of a volume; of a dump "
            "SOURCE:FILE, or SOURCE:DATABASE.",
        ),
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option(
            "--as-of",
            metavar="TIME",
            help="The state of then, and nothing newer: 2026-11-28, '2026-11-28 14:00'.",
        ),
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(
            "--to",
            metavar="DIR",
            help="The folder to put it in: empty, or not there yet (nothing above it is made). "
            "Default: ./restored-from-PLACE",
        ),
    ] = None,
    from_: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="COPY",
            help="Take it from this place, or this version of --list, or what this leg has made.",
        ),
    ] = None,
    at: Annotated[
        Path | None,
        typer.Option(
            "--at",
            metavar="DIR",
            help="Look at the copies in DIR alone, the root of a destination, wherever it is "
            "mounted: no manifest and no records of this machine are needed.",
        ),
    ] = None,
    listed: Annotated[
        bool, typer.Option("--list", help="Only list what holds it, the newest first.")
    ] = False,
    glob: Annotated[
        bool,
        typer.Option("--glob", help="PATH has patterns: `*` `?` `[...]`, as routes have them."),
    ] = False,
    in_place: Annotated[
        bool,
        typer.Option(
            "--in-place", help="Put it where it was; what is there now is kept beside it."
        ),
    ] = False,
    yes: Annotated[
        str | None,
        typer.Option(
            "--yes", metavar="NAME", help="With --in-place: the last name of PATH. Do not ask."
        ),
    ] = None,
    databases: Annotated[
        bool,
        typer.Option(
            "--databases",
            help="Of a directory or an item, only the verified copies of its SQLite databases.",
        ),
    ] = False,
    identity: Annotated[
        Path | None,
        typer.Option(
            "--identity",
            metavar="FILE",
            help="The file with the key to what was encrypted: files that end in .age are opened "
            "once they are here, also those that the same command has brought without it.",
        ),
    ] = None,
    despite: Annotated[
        list[str] | None,
        typer.Option(
            "--despite",
            metavar="DESTINATION",
            help="Compare nothing with what lies there: it is known to be the wrong copy. "
            "Repeatable.",
        ),
    ] = None,
    explained: Annotated[
        bool, typer.Option("--explain", help="Only show what would be done, step by step.")
    ] = False,
    order: Annotated[
        bool,
        typer.Option(
            "--order",
            help="Without PATH: only say in which order everything is restored when all is lost, "
            "and what each part waits for.",
        ),
    ] = False,
    anywhere: Annotated[
        bool,
        typer.Option("--anywhere", help="Also into a folder that is copied, or holds copies."),
    ] = False,
    ignore_room: Annotated[
        bool,
        typer.Option(
            "--ignore-room", help="Also where more is to come than the file system has free."
        ),
    ] = False,
    policy: PolicyOption = None,
    root: RootOption = DEFAULT_ROOT,
    json: JsonOption = False,
) -> None:
    """Find every copy of a path, say which is taken and why, and bring it back.

    It comes into a new folder: nothing that is there is touched. What was cut off goes on by the
    same command. Ends with 6 where what came differs from another copy of it, and says in what.
    """
    from policyctl.asking import Wish
    from policyctl.commands.restore_items import restore_all
    from policyctl.commands.restore_order import show_order
    from policyctl.naming import file_meant
    from policyctl.opening import moment_asked, restoring, restoring_at
    from policyctl.restoring_items import Request

    _refuse_mixed(in_place=in_place, to=to, yes=yes, only=listed or order)
    if identity is not None and in_place:
        raise typer.BadParameter("--identity opens what comes into a new folder")
    if identity is not None and not identity.exists():
        raise typer.BadParameter(f"there is no {identity} with a key in it; nothing was restored")
    if path is None or order:
        show_order(path, at, policy, from_, root, asked=order, json=json)
        return
    with ExitStack() as stack:
        if at is not None:
            work = restoring_at(at, policy, from_, root)
        else:
            work = stack.enter_context(restoring(policy, root))
        moment = moment_asked(as_of, work.zone) if as_of is not None else None
        wish = Wish(
            as_of=moment,
            place=from_,
            keyed=identity is not None,
            despite=frozenset(despite or ()),
            databases=databases,
        )
        source = work.whole_of_items(path)
        if source is not None:
            if in_place or glob or identity is not None:
                raise typer.BadParameter(
                    "all items of a source come into a new folder, as they are: leave out "
                    "--in-place, --glob and --identity"
                )
            request = Request(source=source, wish=wish, ignore_room=ignore_room)
            wanted = not (listed or explained)
            restore_all(work, request, to, wanted=wanted, json=json, anywhere=anywhere)
            return
        found = work.find(file_meant(work, path, wish, glob=glob), wish)
        if listed:
            _list(work, found, json=json)
            return
        again = [path, *(["--glob"] if glob else []), *(["--databases"] if databases else [])]
        again += ["--at", str(at)] if at is not None else []
        again += ["--policy", str(policy)] if policy is not None else []
        again += ["--identity", str(identity)] if identity is not None else []
        place = Placing(
            to=to,
            in_place=in_place,
            anywhere=anywhere,
            ignore_room=ignore_room,
            yes=yes,
            explained=explained,
            identity=identity,
        )
        _restore(work, found, place, again, json=json)


@dataclass(frozen=True, slots=True, kw_only=True)
class Placing:
    """Where it is to go, and who has said so."""

    to: Path | None
    in_place: bool
    anywhere: bool
    ignore_room: bool
    yes: str | None
    explained: bool
    identity: Path | None = None
    """The key to what is encrypted; None: it stays so."""


def _restore(
    work: Restoring, found: Found, placing: Placing, again: list[str], *, json: bool
) -> None:
    """One path, from what was found to what came."""
    from policyctl.aiming import into_folder, into_place
    from policyctl.fetching import refuse_without_room, room_ahead
    from policyctl.views import restore as view
    from policyctl.views.console import result, tell

    say = tell if json else result
    for line in view.choice_lines(work.plan, found):
        say(line)
    if found.choice.chosen is None:
        _nothing(work, found, into_place(work, found.asked) if placing.in_place else None)
    if placing.in_place:
        aim = into_place(work, found.asked)
    else:
        aim = into_folder(work, found, placing.to, anywhere=placing.anywhere)
    if placing.identity is not None:
        aim = replace(aim, identity=os.fsencode(placing.identity))
    proposal = work.propose(found, aim)
    room = room_ahead(work, proposal)
    shown = placing.explained or placing.in_place
    for line in view.proposal_lines(proposal, room, steps=shown):
        say(line)
    if not (placing.explained or placing.ignore_room):
        refuse_without_room(proposal, room)
    wanted = not placing.explained and (not placing.in_place or _confirmed(proposal, placing.yes))
    _finish(work, proposal, room, again=again, wanted=wanted, json=json)


def _refuse_mixed(*, in_place: bool, to: Path | None, yes: str | None, only: bool) -> None:
    """Options that say two things at once. Raises `BadParameter`."""
    if in_place and to is not None:
        raise typer.BadParameter("--in-place is where it was: leave out --to")
    if yes is not None and not in_place:
        raise typer.BadParameter("--yes goes with --in-place: nothing else is asked")
    if only and (in_place or to is not None):
        raise typer.BadParameter("--list and --order only tell: leave out where to restore to")


def _list(work: Restoring, found: Found, *, json: bool) -> None:
    from policyctl.views import restore as view
    from policyctl.views.console import result, result_json

    entries = work.entries(found)
    if json:
        listed = view.entries_json(entries)
        result_json({**view.found_json(work.plan, found), "entries": listed})
        return
    for line in (*view.version_lines(work.plan, found), *view.entry_lines(found, entries)):
        result(line)


def _finish(
    work: Restoring,
    proposal: Proposal,
    room: Room | None,
    *,
    again: list[str],
    wanted: bool,
    json: bool,
) -> None:
    from policyctl.views import restore as view
    from policyctl.views.console import finish_output, result, result_json, tell
    from policyctl.views.loading import loading_lines, opened_lines

    done = _carry_out(work, proposal, again) if wanted else None
    if json:
        result_json({**view.proposal_json(work.plan, proposal, done), **view.room_json(room)})
    elif done is not None:
        result("\n".join((*view.done_lines(proposal, done), *opened_lines(proposal, done))))
    if done is None:
        return
    if done.differences:  # before anything says how to load it
        finish_output()
        _tell_doubt(work, proposal, again)
    for line in loading_lines(proposal, done) if not json else ():
        result(line)
    if done.opened.failed:
        tell(
            f"policyctl: {'; '.join(done.opened.failed)}: the same command tries it again, also "
            "with another --identity"
        )
        raise typer.Exit(ExitCode.FAILED)
    if done.differences:
        raise typer.Exit(ExitCode.DEGRADED)


def _nothing(work: Restoring, found: Found, aim: Aim | None) -> None:
    """Raises `Refused`: there is nothing to take."""
    from policy.values import display
    from policyctl.asking import with_colon
    from policyctl.boundary import Refused
    from policyctl.forewarning import left_behind, special_there

    left = ", ".join(map(display, left_behind(aim))) if aim is not None else ""
    look = f"; what earlier restores of it have left lies in {left}" if left else ""
    what = display(found.asked.path)
    if found.versions:
        raise Refused(
            f"no copy of {what} may be taken, for the reasons above; nothing was restored{look}"
        )
    special = special_there(work, found)
    why = f"{special}." if special else "is the path right, and its disk there?"
    what = with_colon(found.asked.path)
    raise Refused(f"no copy that could be looked at holds {what} {why} Nothing was restored{look}")


def _confirmed(proposal: Proposal, yes: str | None) -> bool:
    """Whether who sits there types the last name of the path. Raises `Refused`."""
    from policy.values import display
    from policyctl.boundary import Refused
    from policyctl.views.console import finish_output, tell

    name = display(proposal.aim.name)
    typed = yes
    if yes is None:
        if not sys.stdin.isatty():
            raise Refused(f"nothing was changed: --yes {name} does it, or type it at a terminal")
        finish_output()
        tell(f"type {name} to go on:")
        typed = sys.stdin.readline().rstrip("\n")
    if typed != name and (typed or "").encode(errors="surrogateescape") != proposal.aim.name:
        raise Refused(f"that is not its name, which is {name}: nothing was changed")
    return True


def _carry_out(work: Restoring, proposal: Proposal, again: list[str]) -> Restored:
    from engine.system.host.signals import Interrupted
    from engine.system.restore.outcome import Doubtful
    from policyctl.fetching import carry_out
    from policyctl.views.console import tell
    from policyctl.views.progress import progress_of

    try:
        with progress_of(verbose=False) as (_, sink):
            return carry_out(work, proposal, sink)
    except Interrupted as end:
        tell(f"policyctl: {end}; nothing is lost: the same command goes on")
        raise typer.Exit(128 + end.number) from None
    except Doubtful as doubt:
        _refuse_doubtful(work, proposal, doubt, again)
        raise


def _refuse_doubtful(
    work: Restoring, proposal: Proposal, doubt: Doubtful, again: list[str]
) -> None:
    """Raises `Refused`: what came does not take the place of what is there."""
    from policyctl.boundary import Refused
    from policyctl.views.console import tell
    from policyctl.views.restore import difference_lines

    for line in difference_lines(doubt.differences):
        tell(line)
    others = sorted(one.place for one in work.near(proposal.found))
    wrong = f"; where you know that the copy at {others[0]} is the wrong one: " if others else ""
    wrong += " ".join(f"--despite {one}" for one in others)
    raise Refused(
        f"{proposal.version.label} is damaged or differs from another copy of it, as told above, "
        f"so it was not put in its place, and nothing was changed{_next(work, proposal, again)}; "
        f"to look at it, restore it to a new folder, without --in-place{wrong}"
    )


def _tell_doubt(work: Restoring, proposal: Proposal, again: list[str]) -> None:
    from policyctl.views.console import tell

    tell(
        f"policyctl: {proposal.version.label} is damaged or differs from another copy of it, as "
        f"told above: look before you use it{_next(work, proposal, again)}"
    )


def _next(work: Restoring, proposal: Proposal, again: list[str]) -> str:
    import shlex

    from policyctl.views.restore import no_other_words

    other = work.elsewhere(proposal.found)
    if other is None:
        return f"; {no_other_words(proposal.found)}"
    words = shlex.join([*again, "--from", other.label])
    return f"; the next best: `policyctl restore {words}`"
