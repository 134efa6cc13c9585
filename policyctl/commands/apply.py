"""`policyctl apply`: make it true."""

from __future__ import annotations

from typing import Annotated

import typer

from policyctl.exit_codes import ExitCode
from policyctl.options import DEFAULT_ROOT, JsonOption, PolicyOption, RootOption


def apply(
    policy: PolicyOption = None,
    root: RootOption = DEFAULT_ROOT,
    json: JsonOption = False,
    overwrite: Annotated[
        list[str] | None,
        typer.Option(
            "--overwrite",
            metavar="PATH",
            help="Replace this file although it is foreign or was changed by hand. Repeatable.",
        ),
    ] = None,
    accept_removals: Annotated[
        bool,
        typer.Option(
            "--accept-removals", help="Go on although many legs, sources or lines vanish at once."
        ),
    ] = False,
    accept: Annotated[
        list[str] | None,
        typer.Option(
            "--accept",
            metavar="DESTINATION",
            help="Fill this destination beyond its `max_used` all the same. Repeatable.",
        ),
    ] = None,
    measure: Annotated[
        bool,
        typer.Option(
            "--measure",
            help="Judge by data and room as they are now, not by what is known of them.",
        ),
    ] = False,
    rollback: Annotated[
        bool,
        typer.Option(
            "--rollback", help="Apply the plan before the one that runs; once more returns."
        ),
    ] = False,
    migrate: Annotated[
        bool,
        typer.Option(
            "--migrate",
            help="Rename copies at their destination where that spares sending them again.",
        ),
    ] = False,
    new_disk: Annotated[
        list[str] | None,
        typer.Option(
            "--new-disk",
            metavar="DESTINATION",
            help="Record the file system that is there now as this destination's, or btrfs "
            "source's. Repeatable.",
        ),
    ] = None,
) -> None:
    """Write filters, timers and the plan, start the timers, and record which disks are meant."""
    from datetime import UTC, datetime

    from engine.system.apply.destinations import record_destinations
    from engine.system.host.places import Places
    from engine.system.state.renames import follow_renames
    from engine.system.state.schema import bring_up
    from policyctl.accepting import note_acceptances
    from policyctl.activating import activate, install
    from policyctl.cleaning import note_orphans
    from policyctl.covering import note_entries
    from policyctl.host import refuse_elsewhere
    from policyctl.migrating import migrate_orphans
    from policyctl.planning import check_disks, prepare, tell_warnings
    from policyctl.telling import note_manifest, note_what_leaves, tell_what_moved
    from policyctl.views.apply import (
        Steps,
        applied_json,
        tell_applied,
        tell_migrated,
        tell_rename,
        tell_rolled_back,
    )
    from policyctl.views.console import result_json
    from policyctl.views.plan import show_plan

    places = Places(root=root)
    bring_up(places.state_file)  # here, since to prepare only reads it
    prepared = prepare(
        policy,
        root,
        rollback=rollback,
        overwrite=tuple(overwrite or ()),
        accept_removals=accept_removals,
        accept=tuple(accept or ()),
        anew=measure,
        migrate=migrate,
    )
    refuse_elsewhere(prepared.plan, root, "apply")
    check_disks(prepared.plan, new_disk or ())
    tell_warnings(prepared.report)
    if not json:
        show_plan(prepared)
    now = datetime.now(UTC)
    note_what_leaves(prepared.applied, prepared.plan, prepared.changes, places)
    note_orphans(prepared.applied, prepared.plan, prepared.changes, places)
    steps = Steps(rollback=rollback)
    report = install(prepared, root, now, steps.tell)
    note_manifest(prepared.report, report.plan_digest, places)
    renamed = follow_renames(prepared.plan, places)
    note_entries(prepared.plan, prepared.coverage, places)
    note_acceptances(prepared.data.acceptances, places, now)
    recorded = record_destinations(
        prepared.plan, places, now=now, replace=frozenset(new_disk or ())
    )
    if not json:
        tell_applied(report, recorded, renamed)
    # Before a timer starts a run: it would send what can be renamed.
    migrated = migrate_orphans(root, (), tell_rename) if migrate else ()
    activate(prepared, root, report, steps.tell)
    tell_what_moved(prepared.applied, prepared.plan, places)
    if json:
        result_json(applied_json(report, recorded, renamed, prepared.activation, steps, migrated))
    elif migrate:
        tell_migrated(migrated)
    if rollback:
        tell_rolled_back()
    if steps.failed:
        raise typer.Exit(ExitCode.FAILED)
    if any(one.waits for one in migrated):
        raise typer.Exit(ExitCode.DEGRADED)
