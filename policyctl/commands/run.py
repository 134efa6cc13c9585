"""`policyctl run`: carry out legs of the applied plan."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from policyctl.exit_codes import ExitCode
from policyctl.options import DEFAULT_ROOT, InClusterOption, JsonOption, RootOption

if TYPE_CHECKING:
    from engine.records.reports import RunReport
    from engine.schedule.due import Due
    from policyctl.running import Running


class Allowed(enum.StrEnum):
    """Guards that a person may waive for one run."""

    SMALLER_SOURCE = "smaller-source"
    OTHER_FILE_SYSTEM = "other-file-system"
    OTHER_SERVER = "other-server"
    DELETIONS = "deletions"
    ONE_NAME = "one-name"


def run(
    legs: Annotated[
        list[str] | None, typer.Argument(metavar="[LEG...]", help="Legs, one after another.")
    ] = None,
    due: Annotated[
        bool,
        typer.Option(
            "--due",
            help="Run what is due since it last began: for cron, and after downtime. What comes "
            "after a leg that still runs waits for the next time.",
        ),
    ] = False,
    every: Annotated[bool, typer.Option("--all", help="Run all legs of this host now.")] = False,
    full: Annotated[
        bool, typer.Option("--full", help="Look at everything, whatever the journal says.")
    ] = False,
    root: RootOption = DEFAULT_ROOT,
    json: JsonOption = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say what a run would look at and do, and stop.")
    ] = False,
    allow: Annotated[
        list[Allowed] | None,
        typer.Option("--allow", help="Waive a guard for this run. Repeatable."),
    ] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Tell each step as it is taken.")
    ] = False,
    scheduled: Annotated[
        bool,
        typer.Option(
            "--scheduled", help="The legs are named by their timers: pass over what is paused."
        ),
    ] = False,
    in_cluster: InClusterOption = None,
) -> None:
    """Run legs of the applied plan (not of the edited manifest), each after those it depends on.

    A leg looks at everything when that is due (`full_every`), and else at what changed only.
    """
    from engine.steps.modes import Forced
    from policyctl.running import Running

    if sum((bool(legs), due, every)) != 1:
        raise typer.BadParameter("name legs, or say --due, or --all", param_hint="LEG")
    if scheduled and not legs:
        raise typer.BadParameter(
            "name legs: --due and --all do so anyhow", param_hint="--scheduled"
        )
    if in_cluster is not None and not legs:
        raise typer.BadParameter("name the leg of the job", param_hint="--in-cluster")
    running = Running.of_applied(
        root,
        job=in_cluster,
        waived=tuple(one.value for one in allow or ()),
        verbose=verbose,
        forced=Forced.FULL if full else Forced.NOTHING,
    )
    if scheduled:
        wanted = running.scheduled(legs or ())
    else:
        wanted = running.due() if due else running.every() if every else running.named(legs or ())
    alone = bool(legs) and len(wanted) == 1
    if explain:
        _explain(running, wanted, json=json, alone=alone)
    else:
        reports = running.run_due(wanted) if due else running.run(wanted)
        _carry_out(running, reports, json=json, alone=alone, verbose=verbose, scheduled=scheduled)


def _explain(running: Running, wanted: Iterable[Due], *, json: bool, alone: bool) -> None:
    from policyctl.views.console import result, result_json

    told = {one.leg: running.explain(one.leg) for one in wanted}
    if json:
        shown = [{"leg": leg, "steps": list(lines)} for leg, lines in told.items()]
        result_json(shown[0] if alone else shown)
    else:
        result("\n".join(line for lines in told.values() for line in lines))


def _carry_out(
    running: Running,
    reports: Iterable[RunReport],
    *,
    json: bool,
    alone: bool,
    verbose: bool,
    scheduled: bool,
) -> None:
    """Run and tell leg by leg; that nobody can read it keeps no leg from running."""
    from policyctl.views.console import OutputFailed, drop_output, result, result_json
    from policyctl.views.run import journal_lines, report_json, report_lines, worst_exit_code

    ended, unread = [], None
    for report in reports:
        ended.append(report)
        try:
            leg, in_pod = running.leg_of(report), running.places.in_pod
            lines = report_lines(report, leg, table=verbose, in_pod=in_pod)
            for line in () if json else journal_lines(report, lines) if scheduled else lines:
                result(line)
        except OutputFailed as error:
            unread = error
            drop_output()
    if unread is not None:
        raise unread
    if json:
        shown = [report_json(one) for one in ended]
        result_json(shown[0] if alone else shown)
    code = worst_exit_code(ended)
    if code is not ExitCode.OK:
        raise typer.Exit(code)
