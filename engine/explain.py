"""Where a path goes and why: the answer to `policyctl explain`, as data."""

from __future__ import annotations

from dataclasses import dataclass

from engine.compile import Compilation
from engine.items.subvolumes import is_meant
from engine.plan.model import Feed, RouteLine, tree_root
from engine.plan.selection import Verdict, ignore_hits, is_reserved
from engine.promises.chains import Copy
from engine.routing.feeds import ignores_for
from policy.diagnostics import Origin
from policy.legs import FetchLeg, Leg
from policy.model import Policy
from policy.routes import IgnoreRule
from policy.sources import BtrfsSource, FilesSource, Source, TreeSource
from policy.values import AbsolutePath, display


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What becomes of one path."""

    path: bytes
    leg: str | None
    """None: no leg carries it, and `reason` says why."""
    reason: str
    decided_by: Origin | None
    line: str
    """The route or ignore that decides, as written."""
    runner_up: RouteLine | None
    copies: tuple[Copy, ...]
    source: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A path found in a source: its names below the source's root."""

    source: Source
    names: tuple[bytes, ...]
    """Of what has items, the address of one."""
    inner: tuple[bytes, ...] = ()
    """Names inside that item."""


def find_subject(policy: Policy, path: bytes) -> Subject | None:
    """Find the source that a path or `source:item` belongs to."""
    if not path.startswith(b"/"):
        name, colon, item = path.partition(b":")
        source = policy.source(name.decode("utf-8", "replace"))
        if source is None or not colon:
            return None
        names = tuple(part for part in item.split(b"/") if part)
        return Subject(source=source, names=names)
    absolute = AbsolutePath(tuple(part for part in path.split(b"/") if part))
    roots = [(tree_root(source), source) for source in policy.sources]
    trees = [(root, one) for root, one in roots if root is not None and root.contains(absolute)]
    for root, source in sorted(trees, key=lambda item: len(item[0].names), reverse=True):
        if isinstance(source, FilesSource) and not _listed(source, absolute):
            continue
        return Subject(source=source, names=absolute.names[len(root.names) :])
    return _in_subvolume(policy, absolute)


def _in_subvolume(policy: Policy, absolute: AbsolutePath) -> Subject | None:
    """A path in what may be a subvolume: without a look nobody knows whether it is one."""
    roots = [one for one in policy.sources if isinstance(one, BtrfsSource)]
    for source in sorted(roots, key=lambda one: len(one.path.names), reverse=True):
        names = absolute.names[len(source.path.names) :]
        if source.path.contains(absolute) and (not names or is_meant(source, names[0])):
            given = {name.encode(): text.encode() for name, text in source.given_names}
            address = tuple(given.get(names[0], names[0]).split(b"/")) if names else ()
            return Subject(source=source, names=address, inner=names[1:])
    return None


def _listed(source: FilesSource, path: AbsolutePath) -> bool:
    return any(listed.contains(path) for listed in source.paths)


def explain(
    policy: Policy, compilation: Compilation, path: bytes, *, directory: bool
) -> Explanation:
    """Explain a path that may or may not exist (yet)."""
    subject = find_subject(policy, path)
    if subject is None:
        return _nowhere(path, f"no source of this policy holds it{_copy_note(policy, path)}")
    table = compilation.plan.table(subject.source.name)
    if table is None:
        return _taken_whole(policy, compilation, subject, path, directory=directory)
    line = table.line_for(subject.names)
    if line is None:
        return _nowhere(path, "no route covers it")
    live = isinstance(subject.source, TreeSource) and bool(subject.names)
    if live:
        refused = _refused(policy, compilation, subject, line, path, directory=directory)
        if refused is not None:
            return refused
    what = _what(subject, path)
    reason = line.reason or f"the route {line.text!r} sends {what} to {line.leg}"
    return Explanation(
        path=path,
        leg=line.leg,
        reason=reason,
        decided_by=line.origin,
        line=line.text,
        runner_up=table.runner_up(subject.names),
        copies=compilation.chains.of_line(
            subject.source.name, subject.names, line, inner=subject.inner
        ),
        source=subject.source.name,
    )


def _what(subject: Subject, path: bytes) -> str:
    """What a route sends: of a path in a subvolume the whole of that one, if it is one."""
    if not isinstance(subject.source, BtrfsSource) or not path.startswith(b"/"):
        return "it"
    if not subject.names:
        return "the subvolumes in it"
    return f"the subvolume {display(b'/'.join(subject.names))}, if it is one,"


def _nowhere(path: bytes, reason: str) -> Explanation:
    return Explanation(
        path=path,
        leg=None,
        reason=reason,
        decided_by=None,
        line="",
        runner_up=None,
        copies=(),
        source=None,
    )


def _copy_note(policy: Policy, path: bytes) -> str:
    """Tell a copy from a path that nobody speaks of."""
    absolute = AbsolutePath(tuple(part for part in path.split(b"/") if part))
    for destination in policy.destinations:
        if destination.ssh is None and destination.path.contains(absolute):
            return f"; it lies at the destination {destination.name!r}: it is a copy"
    return ""


def _refused(
    policy: Policy,
    compilation: Compilation,
    subject: Subject,
    line: RouteLine,
    path: bytes,
    *,
    directory: bool,
) -> Explanation | None:
    """What beats the route: reserved names, ignores, and places that belong to others."""
    if is_reserved(subject.names, directory=directory):
        return _nowhere(path, "the name is kept for the engine or the file system itself")
    rule = _ignoring(policy, subject, directory=directory)
    if rule is not None:
        return _ignored(path, rule, subject, line)
    feed = _feed(compilation, line.leg, subject.source.name)
    selection = feed.selection if feed else None
    if selection and selection.decide(subject.names, directory=directory) is Verdict.BLOCKED:
        leg = policy.leg(line.leg)
        return Explanation(
            path=path,
            leg=None,
            reason=f"blocked: its place at the destination belongs to "
            f"{_owner(compilation, feed, subject.names)}",
            decided_by=leg.at("to") if leg else line.origin,
            line=f"to: {feed.writes}" if feed else line.text,
            runner_up=None,
            copies=(),
            source=subject.source.name,
        )
    return None


def _owner(compilation: Compilation, feed: Feed | None, names: tuple[bytes, ...]) -> str:
    """The leg whose subtree a place at a destination lies in, or would stand in the way of."""
    if feed is None or feed.writes is None:
        return "another leg"
    place = feed.writes.names + names
    for one in compilation.drafts:
        other = one.feed.writes
        if other is None or other == feed.writes or other.holder != feed.writes.holder:
            continue
        shared = min(len(place), len(other.names))
        if feed.writes.contains(other) and place[:shared] == other.names[:shared]:
            return repr(one.leg.name)
    return "another leg"


def _ignoring(policy: Policy, subject: Subject, *, directory: bool) -> IgnoreRule | None:
    in_force = ignores_for(subject.source.name, policy.ignores)
    rules = [rule for rule in policy.ignores if not rule.only or subject.source.name in rule.only]
    for rule, ignore in zip(rules, in_force, strict=True):
        if ignore_hits(ignore, subject.names, directory=directory):
            return rule
    return None


def _feed(compilation: Compilation, leg: str | None, source: str) -> Feed | None:
    plan = compilation.plan.leg(leg)
    return next((feed for feed in plan.feeds if feed.reads == source), None) if plan else None


def _ignored(
    path: bytes, rule: IgnoreRule, subject: Subject, line: RouteLine | None
) -> Explanation:
    return Explanation(
        path=path,
        leg=None,
        reason=f"ignored by {rule.text!r}: {rule.reason}",
        decided_by=rule.origin,
        line=rule.text,
        runner_up=line,
        copies=(),
        source=subject.source.name,
    )


def _taken_whole(
    policy: Policy,
    compilation: Compilation,
    subject: Subject,
    path: bytes,
    *,
    directory: bool,
) -> Explanation:
    """A source that one or more legs take as a whole by `from`."""
    plans = [
        one
        for one in compilation.plan.legs
        if any(feed.reads == subject.source.name for feed in one.feeds)
        and _holds(one.feeds, subject, directory=directory)
        and _fetches(one.leg, subject)
    ]
    rule = _ignoring(policy, subject, directory=directory) if subject.names else None
    if not plans and rule is not None:
        return _ignored(path, rule, subject, None)
    if not plans:
        return _nowhere(path, f"no leg takes it from {subject.source.name!r}")
    copies = tuple(
        copy for one in plans for copy in compilation.chains.of_leg_path(one.name, subject.names)
    )
    leg = plans[0].leg
    take = "takes" if len(plans) == 1 else "take"
    return Explanation(
        path=path,
        leg=leg.name,
        reason=f"{' and '.join(one.name for one in plans)} {take} {subject.source.name!r} whole",
        decided_by=leg.at("from"),
        line=f"from: {subject.source.name}",
        runner_up=None,
        copies=copies,
        source=subject.source.name,
    )


def _fetches(leg: Leg, subject: Subject) -> bool:
    """Whether a fetch leg makes the file that is asked for; other legs take everything."""
    if not isinstance(leg, FetchLeg) or not subject.names:
        return True
    return any(leg.kept_as(one).encode() == subject.names[0] for one in leg.files)


def _holds(feeds: tuple[Feed, ...], subject: Subject, *, directory: bool) -> bool:
    for feed in feeds:
        if feed.selection is None or not subject.names:
            return True
        verdict = feed.selection.decide(subject.names, directory=directory)
        if verdict in {Verdict.TAKEN, Verdict.ENTERED}:
            return True
    return False
