"""`policyctl migrate`: what lies at a destination under an old name gets its new one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from policyctl.exit_codes import ExitCode
from policyctl.options import DEFAULT_ROOT, JsonOption, RootOption

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policyctl.migrating import Done, Movable


def migrate(
    orphans: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ORPHAN]...", help="Names as `policyctl migrate` lists them."),
    ] = None,
    root: RootOption = DEFAULT_ROOT,
    json: JsonOption = False,
    everything: Annotated[
        bool, typer.Option("--all", help="Rename everything that can be renamed.")
    ] = False,
    preview: Annotated[
        bool, typer.Option("--preview", help="Of the orphans named, only list the renames.")
    ] = False,
) -> None:
    """Rename copies at their destination after a route has changed, so that nothing is sent again.

    Without a name it lists what can be renamed, and why the rest cannot; it ends with 5 where
    something could not be looked at.
    """
    from engine.system.host.lock import Locked
    from policyctl import migrating
    from policyctl.views import migrate as view
    from policyctl.views.console import result, result_json, tell

    names = tuple(orphans or ())
    if everything and names:
        raise typer.BadParameter("name orphans, or say --all")
    done: tuple[Done, ...] = ()
    found: tuple[Movable, ...] = ()
    try:
        if everything or (names and not preview):
            done = migrating.migrate_orphans(root, names, lambda move: tell(view.step(move)))
            document, lines = view.done_json(done), view.done_lines(done)
        else:
            found = migrating.list_moves(root, names)
            document, lines = view.movable_json(found), view.movable_lines(found)
    except Locked as locked:
        tell(f"policyctl: another gc or migrate works: {locked}; nothing was renamed: wait for it")
        raise typer.Exit(ExitCode.LOCKED) from None
    if json:
        result_json(document)
    else:
        result("\n".join(lines))
    if any(one.looked.why_not for one in found):
        raise typer.Exit(ExitCode.FAILED)
    _leave(done, named=bool(names))


def _leave(done: Sequence[Done], *, named: bool) -> None:
    """End with the code of what was not renamed.

    That is all that was named; else only what belongs somewhere else.
    """
    if not any(one.waits or (named and one.migrated.stays) for one in done):
        return
    if any(one.migrated.moved for one in done):
        raise typer.Exit(ExitCode.DEGRADED)
    raise typer.Exit(ExitCode.LOCKED if all(one.busy for one in done) else ExitCode.FAILED)
