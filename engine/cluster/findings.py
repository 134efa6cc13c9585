"""Findings about legs and checks that are to run in a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from engine.cluster.cron import CronImpossible, cron_lines
from engine.cluster.image import check_needs_in_image, leg_needs_in_image
from engine.cluster.needs import Needs, lost_without_root, needs_of_check, needs_of_leg
from engine.cluster.no_job import NoJob, OfThisKind
from policy.checks import Check
from policy.diagnostics import Findings
from policy.legs import Leg, SnapshotLeg, VersionsLeg
from policy.model import Policy
from policy.sources import TreeSource


def check_runners(policy: Policy, findings: Findings) -> None:
    """Report what no CronJob can do."""
    for leg in policy.legs:
        if leg.runner is None:
            continue
        _check_preserved(leg, findings)
        source = None if isinstance(leg, SnapshotLeg) else policy.source(leg.to.name)
        if isinstance(source, TreeSource) and source.export is None:
            findings.error(
                "runner-no-export",
                f"{leg.name!r} runs in the cluster and writes into {source.name!r}, which says "
                "not how the cluster mounts it",
                leg.at("runner"),
                hint=f"add `export` to the source {source.name!r}",
            )
        else:
            _check_job(leg, partial(needs_of_leg, leg, policy), findings)
            _note_image(leg, leg_needs_in_image(leg, policy), findings)
    for check in policy.checks:
        if check.runner is not None:
            _check_job(check, partial(needs_of_check, check, policy), findings)
            _note_image(check, check_needs_in_image(check), findings)


def _check_preserved(leg: Leg, findings: Findings) -> None:
    """What is told of a copy, also by `restore`, is what its leg says that it preserves."""
    lost = lost_without_root(leg)
    if isinstance(leg, VersionsLeg) and lost:
        names = ", ".join(one.value for one in lost)
        kept = ", ".join(one.value for one in leg.preserve if one not in lost)
        findings.error(
            "runner-not-root",
            f"{leg.name!r} is to preserve what only root can ({names}), and its job is not root",
            leg.at("runner"),
            hint=f"say `preserve: [{kept}]`, or `user: 0` in its runner",
        )


def _note_image(one: Leg | Check, lacking: Iterable[str], findings: Findings) -> None:
    for what in lacking:
        findings.note(
            "runner-image",
            f"the image of {one.name!r} has to have {what}",
            one.at("runner"),
            hint="nothing is to be done where it has; else add it there, or name another `image`",
        )


def _check_job(one: Leg | Check, needs: Callable[[], Needs], findings: Findings) -> None:
    try:
        cron_lines(one.schedule)
    except CronImpossible as error:
        findings.error(
            "cron-impossible",
            f"{one.name!r} runs in a cluster, and {error}",
            one.at("schedule"),
            hint="choose a schedule of weekdays or of days of the month, to the minute",
        )
    try:
        needs()
    except OfThisKind as error:
        findings.note(
            "runner-kind",
            f"no CronJob is made of {one.name!r}: {error}",
            one.at("runner"),
            hint="let a `versions` leg copy into an exported tree there, and a mirror of the host "
            "carry that on; or something of your own runs it",
        )
    except NoJob as error:
        findings.warning(
            "runner-no-job",
            f"no CronJob is made of {one.name!r}: {error}",
            one.at("runner"),
            hint="until that is put right, something of your own has to run it",
        )
