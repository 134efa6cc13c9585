"""What the process that looks is asked, and what it answers. Pure.

It is a process of its own: a disk or a server that hangs must not keep whoever waits for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cache

from engine.checks.outcome import Status, Verdict
from engine.plan.model import Plan
from engine.plan.stored import PlanUnreadable, part_from_json, part_to_json
from engine.plan.typed_json import Registry, Unreadable, parse_json
from policy.checks import Check, SqliteIntegrityCheck
from policy.sources import SqliteSource, TreeSource
from policy.values import AbsolutePath


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A check, and where its databases lie if it looks at some."""

    check: Check
    databases: AbsolutePath | None = None
    tree: bool = False
    """Whether that is a tree in which they are to be found."""


class AnswerUnreadable(ValueError):
    """What the process said is no answer."""


def request_of(plan: Plan, check: Check) -> Request:
    """What is asked for a check of a plan."""
    if isinstance(check, SqliteIntegrityCheck):
        source = plan.source(check.source)
        if isinstance(source, SqliteSource | TreeSource):
            tree = isinstance(source, TreeSource)
            return Request(check=check, databases=source.path, tree=tree)
    return Request(check=check)


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


@cache
def _answers() -> Registry:
    return Registry()


def answer_to_json(verdict: Verdict) -> str:
    """Write an answer."""
    newest = verdict.newest.isoformat() if verdict.newest is not None else None
    answer = _Answer(
        status=verdict.status,
        reason=verdict.reason,
        looked=verdict.looked,
        newest=newest,
        bytes=verdict.bytes,
    )
    return _answers().dumps(_Answer, answer)


def answer_from_json(text: str) -> Verdict:
    """Read an answer. Raises `AnswerUnreadable`."""
    try:
        answer = _answers().codec(_Answer).decode(parse_json(text))
        assert isinstance(answer, _Answer)
        newest = datetime.fromisoformat(answer.newest) if answer.newest is not None else None
    except (Unreadable, PlanUnreadable, ValueError) as error:
        raise AnswerUnreadable(str(error)) from None
    return Verdict(
        status=answer.status,
        reason=answer.reason,
        looked=answer.looked,
        newest=newest,
        bytes=answer.bytes,
    )
