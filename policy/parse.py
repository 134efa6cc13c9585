"""A document to a policy: text in, typed values or findings out."""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import urlsplit

from policy.checks import Check, parse_check, snapshots_checks
from policy.destinations import Destination, parse_destination
from policy.diagnostics import Findings, Origin, PolicyInvalid
from policy.document import read
from policy.drills import parse_drill
from policy.fields import Fields
from policy.legs import parse_leg
from policy.model import Monitoring, Policy
from policy.nodes import Document, Mapping, Node
from policy.routes import parse_ignore, parse_objective, parse_route
from policy.schema import check_shape
from policy.sources import parse_source
from policy.urls import check_no_secret, url_problem

T = TypeVar("T")


def load(data: bytes, file: str) -> tuple[Document, Policy]:
    """Read a manifest whole. Raises `PolicyInvalid` with every problem found so far.

    Stages gate each other (YAML, shape, values): a later one would only repeat what an earlier
    one has already said in better words.
    """
    document = read(data, file)
    findings = Findings()
    check_shape(document, findings)
    if findings.failed():
        raise PolicyInvalid(findings.sorted())
    policy = parse(document, findings)
    if findings.failed():
        raise PolicyInvalid(findings.sorted())
    return document, policy


def parse(document: Document, findings: Findings) -> Policy:
    """Turn a document of the right shape into a policy; bad values become findings."""
    assert isinstance(document.root, Mapping)
    top = Fields(document.root, findings)
    destinations = _named(top, "destinations", parse_destination)
    policy = Policy(
        host=top.need("host"),
        timezone=_timezone(top),
        destinations=destinations,
        sources=_named(top, "sources", parse_source),
        legs=_named(top, "legs", parse_leg),
        routes=_keyed(top, "routes", parse_route),
        ignores=_keyed(top, "ignore", parse_ignore),
        objectives=_keyed(top, "objectives", parse_objective),
        checks=_with_derived(_named(top, "checks", parse_check), destinations, findings),
        drills=_named(top, "drills", parse_drill),
        monitoring=_monitoring(top.child("monitoring")),
        origin=document.root.origin,
        timezone_origin=top.origin("timezone"),
    )
    _names_once(policy, findings)
    return policy


def _named(top: Fields, section: str, parser: Callable[[str, Fields, Origin], T]) -> tuple[T, ...]:
    """Parse the entries of a section, sorted by name."""
    found = []
    for name, origin, node in sorted(top.entries(section), key=lambda entry: entry[0]):
        assert isinstance(node, Mapping)
        found.append(parser(name, Fields(node, top.findings), origin))
    return tuple(found)


def _with_derived(
    checks: tuple[Check, ...], destinations: tuple[Destination, ...], findings: Findings
) -> tuple[Check, ...]:
    """The checks that are stated, and those that follow from destinations, sorted by name."""
    stated = {one.name: one for one in checks}
    derived = tuple(snapshots_checks(destinations))
    for one in derived:
        if one.name in stated:
            findings.error(
                "name-twice",
                f"the name {one.name!r} is taken by the look at the snapshots of "
                f"{one.destination!r}",
                stated[one.name].origin,
                hint="give the check another name",
            )
    return tuple(sorted((*checks, *derived), key=lambda one: one.name))


def _keyed(
    top: Fields, section: str, parser: Callable[[str, Node, Origin, Findings], T | None]
) -> tuple[T, ...]:
    """Parse the entries of a section whose keys are patterns, sorted by key."""
    entries = sorted(top.entries(section), key=lambda entry: entry[0])
    found = (parser(text, node, origin, top.findings) for text, origin, node in entries)
    return tuple(one for one in found if one is not None)


def _timezone(top: Fields) -> str:
    name = top.need("timezone")
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        top.findings.error(
            "bad-timezone",
            f"{name!r} is no time zone",
            top.origin("timezone"),
            hint="write an IANA name such as Europe/Sofia or UTC",
        )
        return "UTC"
    return name


def _monitoring(fields: Fields | None) -> Monitoring:
    if fields is None:
        return Monitoring()
    hint = "let the gateway listen where nobody else reaches it, as on 127.0.0.1"
    for key in ("pushgateway", "cluster_pushgateway"):
        check_no_secret(fields, key, hint)
        _is_http_url(fields, key)
    _somebody_is_told(fields)
    receivers = fields.child("receivers")
    named = receivers.mapping.items if receivers else {}
    return Monitoring(
        pushgateway=fields.text("pushgateway"),
        cluster_pushgateway=fields.text("cluster_pushgateway"),
        textfile=fields.path("textfile"),
        rules=fields.path("rules"),
        receivers=tuple((name, receivers.need(name)) for name in sorted(named))
        if receivers
        else (),
    )


def _is_http_url(fields: Fields, key: str) -> None:
    """What can never be reached is told by `check`, and not by the first run of the night."""
    problem = _url_problem(fields.text(key) or "http://unset")
    if problem:
        fields.findings.error(
            "bad-value",
            f"the URL of the {key} {problem}",
            fields.origin(key),
            hint="write it as http://127.0.0.1:9091",
        )


def _url_problem(text: str) -> str:
    problem = url_problem(text)
    if problem:
        return problem
    url = urlsplit(text)
    return "has a query or a fragment" if url.query or url.fragment else ""


def _somebody_is_told(fields: Fields) -> None:
    """Law 9: no alert on a series that nothing emits."""
    if "rules" in fields and "pushgateway" not in fields and "textfile" not in fields:
        fields.findings.error(
            "rules-untold",
            "the alert rules would watch series that nobody is told",
            fields.origin("rules"),
            hint="add `pushgateway` or `textfile`",
        )


def _names_once(policy: Policy, findings: Findings) -> None:
    """Sources, destinations and legs share one name space: `from` and `to` could mean either."""
    first: dict[str, Origin] = {}
    for one in (*policy.destinations, *policy.sources, *policy.legs):
        if one.name in first:
            findings.error(
                "name-twice",
                f"the name {one.name!r} is already taken in line {first[one.name].line}",
                one.origin,
                hint="sources, destinations and legs share one name space",
            )
        first.setdefault(one.name, one.origin)
