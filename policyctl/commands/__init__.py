"""One module a command; each imports what it needs when it runs, so that --help stays quick."""

from __future__ import annotations

import typer

from policyctl.commands.adopt import adopt
from policyctl.commands.apply import apply
from policyctl.commands.check import check
from policyctl.commands.cluster import cluster
from policyctl.commands.completions import completions
from policyctl.commands.docs import docs
from policyctl.commands.drill import drill
from policyctl.commands.explain import explain
from policyctl.commands.gc import gc
from policyctl.commands.init import init
from policyctl.commands.measure import measure
from policyctl.commands.migrate import migrate
from policyctl.commands.pause import pause
from policyctl.commands.plan import plan
from policyctl.commands.probe import probe
from policyctl.commands.report import report
from policyctl.commands.restore import restore
from policyctl.commands.resume import resume
from policyctl.commands.rollback import rollback
from policyctl.commands.run import run
from policyctl.commands.schema import schema
from policyctl.commands.seed import seed
from policyctl.commands.show import show
from policyctl.commands.status import status
from policyctl.commands.tell_end import tell_end
from policyctl.commands.track import track
from policyctl.commands.verify import verify


def register(app: typer.Typer) -> None:
    """Give the program its commands, in the order in which a new user needs them."""
    commands = (
        init,
        check,
        measure,
        plan,
        apply,
        seed,
        run,
        track,
        explain,
        status,
        report,
        pause,
        resume,
        adopt,
        migrate,
        gc,
        restore,
        verify,
        drill,
        probe,
        rollback,
        docs,
        cluster,
        show,
        schema,
        completions,
    )
    for command in commands:
        app.command()(command)
    app.command(hidden=True)(tell_end)
