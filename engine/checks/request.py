"""What the process that looks is asked, and what it answers. Pure.

It is a process of its own: a disk or a server that hangs must not keep whoever waits for it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from engine.checks.outcome import Status, Verdict
from engine.plan.model import Plan
from engine.plan.stored import PlanUnreadable, part_from_json, part_to_json
from engine.plan.typed_json import Registry, Unreadable, parse_json
from policy.checks import Check, SnapshotsCheck, SqliteIntegrityCheck
from policy.parts import SshTarget
from policy.snapshots import NativeSnapshots
from policy.sources import SqliteSource, TreeSource
from policy.values import AbsolutePath


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Snapshots that a destination takes of itself: what is declared, and who is asked."""

    declared: NativeSnapshots
    ssh: SshTarget | None
    """None: this machine."""
    host: str
    """What stands for the other machine below a root, as a name of a directory; empty: nothing."""
    zone: str
    since: str | None
    """When it was declared as it is; None: not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A check, and where its databases lie if it looks at some."""

    check: Check
    databases: AbsolutePath | None = None
    tree: bool = False
    """Whether that is a tree in which they are to be found."""
    snapshots: Asked | None = None


class AnswerUnreadable(ValueError):
    """What the process said is no answer."""


def request_of(plan: Plan, check: Check, since: datetime | None = None) -> Request:
    """What is asked for a check of a plan; `since` what it is about was declared as it is."""
    if isinstance(check, SnapshotsCheck):
        return Request(check=check, snapshots=_asked(plan, check, since))
    if isinstance(check, SqliteIntegrityCheck):
        source = plan.source(check.source)
        if isinstance(source, SqliteSource | TreeSource):
            tree = isinstance(source, TreeSource)
            return Request(check=check, databases=source.path, tree=tree)
    return Request(check=check)


def _asked(plan: Plan, check: SnapshotsCheck, since: datetime | None) -> Asked | None:
    destination = plan.destination(check.destination)
    if destination is None or destination.snapshots is None:
        return None
    declared = destination.snapshots
    other = declared.read.ssh if declared.read is not None else None
    host = destination.ssh.account.rpartition("@")[2] if destination.ssh is not None else ""
    return Asked(
        declared=declared,
        ssh=other or destination.ssh,
        host=f"@{host}" if host else "",
        zone=plan.timezone,
        since=since.isoformat() if since is not None else None,
    )


def declaration_of(plan: Plan, check: Check) -> str:
    """A key for what a check compares with; empty where that says nothing of time.

    Who declares something else begins anew: what is to be there then has to grow first.
    """
    destination = plan.destination(check.destination) if isinstance(check, SnapshotsCheck) else None
    declared = destination.snapshots if destination is not None else None
    if declared is None:
        return ""
    said = repr((declared.kind, declared.share, declared.keep, declared.every, str(declared.names)))
    return f"{check.name}#{hashlib.sha256(said.encode()).hexdigest()[:12]}"


def declarations_of(plan: Plan) -> Iterator[str]:
    """The keys of all."""
    yield from filter(None, (declaration_of(plan, one.check) for one in plan.checks))


def request_to_json(request: Request) -> str:
    """Write a request."""
    return part_to_json(Request, request)


def request_from_json(text: str) -> Request:
    """Read a request. Raises `PlanUnreadable`."""
    return part_from_json(Request, text)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    status: Status
    reason: str
    looked: int
    newest: str | None
    bytes: int | None
    oldest: str | None


@cache
def _answers() -> Registry:
    return Registry()


def answer_to_json(verdict: Verdict) -> str:
    """Write an answer."""
    newest = verdict.newest.isoformat() if verdict.newest is not None else None
    oldest = verdict.oldest.isoformat() if verdict.oldest is not None else None
    answer = _Answer(
        status=verdict.status,
        reason=verdict.reason,
        looked=verdict.looked,
        newest=newest,
        bytes=verdict.bytes,
        oldest=oldest,
    )
    return _answers().dumps(_Answer, answer)


def answer_from_json(text: str) -> Verdict:
    """Read an answer. Raises `AnswerUnreadable`."""
    try:
        answer = _answers().codec(_Answer).decode(parse_json(text))
        assert isinstance(answer, _Answer)
        newest = datetime.fromisoformat(answer.newest) if answer.newest is not None else None
        oldest = datetime.fromisoformat(answer.oldest) if answer.oldest is not None else None
    except (Unreadable, PlanUnreadable, ValueError) as error:
        raise AnswerUnreadable(str(error)) from None
    return Verdict(
        status=answer.status,
        reason=answer.reason,
        looked=answer.looked,
        newest=newest,
        bytes=answer.bytes,
        oldest=oldest,
    )
