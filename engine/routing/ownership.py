"""Ownership of destination subtrees: one owner each, no loops, no overlap of live and copy.

Law 1: each destination subtree has one owner, and a leg deletes only inside what it owns.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from engine.plan.selection import Line, Verdict
from engine.routing.feeds import Draft, product_location
from policy.destinations import Destination
from policy.diagnostics import Findings
from policy.legs import SnapshotLeg
from policy.model import Policy
from policy.patterns import PathPattern
from policy.sources import BtrfsSource, FilesSource, Source, TreeSource
from policy.values import AbsolutePath, display


def check_ownership(
    policy: Policy,
    drafts: tuple[Draft, ...],
    findings: Findings,
) -> None:
    """Report every place that two would own, and every copy that would feed itself."""
    _check_destinations_apart(policy, findings)
    _check_sources_apart(policy, findings)
    _check_one_owner(drafts, findings)
    for draft in drafts:
        _check_one_product(draft, drafts, policy, findings)
        _check_live_data(draft, policy, findings)
        _check_into_itself(draft, drafts, policy, findings)
        _note_blocked(draft, policy, drafts, findings)
        _check_blocked_product(draft, policy, drafts, findings)


def _check_destinations_apart(policy: Policy, findings: Findings) -> None:
    for one, other in combinations(policy.destinations, 2):
        shared = one.path.contains(other.path) or other.path.contains(one.path)
        if shared and _machine(one) == _machine(other):
            findings.error(
                "destination-overlap",
                f"{other.name!r} ({other.path}) and {one.name!r} ({one.path}) share directories: "
                "a leg of one would delete what the other's legs wrote",
                other.origin,
                hint="make them one destination, and give its legs different paths in `to`",
            )


def _machine(destination: Destination) -> str:
    """The host of a destination, whatever the account on it."""
    return destination.ssh.account.rpartition("@")[2] if destination.ssh else ""


def _check_sources_apart(policy: Policy, findings: Findings) -> None:
    trees = [source for source in policy.sources if isinstance(source, TreeSource)]
    for one, other in combinations(trees, 2):
        inner, outer = (one, other) if other.path.contains(one.path) else (other, one)
        if outer.path.contains(inner.path):
            findings.error(
                "source-overlap",
                f"{inner.name!r} ({inner.path}) lies inside {outer.name!r} ({outer.path}): its "
                "paths would have two routes",
                inner.origin,
                hint="drop the inner source and route its path inside the outer one",
            )


def _check_one_owner(drafts: tuple[Draft, ...], findings: Findings) -> None:
    first: dict[str, Draft] = {}
    for draft in drafts:
        if draft.feed.writes is None:
            continue
        place = str(draft.feed.writes)
        if place in first and first[place].leg.name != draft.leg.name:
            findings.error(
                "owner-twice",
                f"{place} already belongs to {first[place].leg.name!r}: each of the two legs "
                "would delete what the other wrote",
                draft.leg.at("to"),
                hint="give each leg a directory of its own",
            )
        first.setdefault(place, draft)


def _check_one_product(
    draft: Draft, drafts: tuple[Draft, ...], policy: Policy, findings: Findings
) -> None:
    """A product that lies in several places has no one root to be read from."""
    made = policy.leg(draft.leg.takes)
    places = [one for one in drafts if made is not None and one.leg.name == made.name]
    if made is not None and not isinstance(made, SnapshotLeg) and len(places) > 1:
        findings.error(
            "from-several",
            f"the product of {made.name!r} lies in {len(places)} places",
            draft.leg.at("from"),
            hint="take the destination instead, or let each source have a leg of its own",
        )


def _check_live_data(draft: Draft, policy: Policy, findings: Findings) -> None:
    """Live data inside a leg's place are deleted; a place inside live data feeds itself."""
    target = _local_target(draft, policy)
    if target is None or draft.feed.writes is None:
        return
    if policy.destination(draft.feed.writes.holder) is None:
        return  # a product inside a tree: it is meant to ride on from there
    for source, root in _live_roots(policy):
        if target.contains(root):
            findings.error(
                "source-in-destination",
                f"{root}, live data of {source.name!r}, lies inside {target}, which the leg "
                f"{draft.leg.name!r} owns: it would be deleted as if it were an old copy",
                draft.leg.at("to"),
                hint="choose another path for the copies",
            )
        elif root.contains(target) and _takes_itself(draft, source, target):
            findings.error(
                "copy-loop",
                f"{target} lies inside {root} and would be copied into itself",
                draft.leg.at("to"),
                hint="choose another path for the copies, or add a route "
                f'{str(target)!r}: {{none: "the copies themselves"}}',
            )


def _check_into_itself(
    draft: Draft, drafts: tuple[Draft, ...], policy: Policy, findings: Findings
) -> None:
    """A later hop that writes below what it reads would copy its own copies."""
    owned = [one for one in drafts if one.feed.writes is not None]
    base = product_location(draft.feed.reads, owned, policy)
    place = draft.feed.writes
    if base is not None and place and (base.contains(place) or place.contains(base)):
        findings.error(
            "copy-loop",
            f"{place} lies inside {base}, which {draft.leg.name!r} reads: it would be copied "
            "into itself",
            draft.leg.at("to"),
            hint="a later hop writes to another destination",
        )


def _live_roots(policy: Policy) -> Iterator[tuple[Source, AbsolutePath]]:
    for source in policy.sources:
        if isinstance(source, TreeSource | BtrfsSource):
            yield source, source.path
        elif isinstance(source, FilesSource):
            yield from ((source, path) for path in source.paths)


def _takes_itself(
    draft: Draft,
    source: Source,
    target: AbsolutePath,
) -> bool:
    """Whether the leg that writes there also takes that place."""
    if draft.feed.reads != source.name or draft.feed.selection is None:
        return False
    base = source.path.names if isinstance(source, TreeSource) else ()
    names = target.names[len(base) :]
    return draft.feed.selection.decide(names, directory=True) is Verdict.TAKEN


def writes_into(draft: Draft, reader: Draft, policy: Policy) -> bool:
    """Whether a leg's place lies in live data that another leg takes."""
    target = _local_target(draft, policy)
    source = policy.source(reader.feed.reads)
    if target is None or not isinstance(source, TreeSource) or reader.feed.selection is None:
        return False
    if not source.path.contains(target) or source.path == target:
        return False
    names = target.names[len(source.path.names) :]
    return reader.feed.selection.decide(names, directory=True) is Verdict.TAKEN


def _check_blocked_product(
    draft: Draft, policy: Policy, drafts: tuple[Draft, ...], findings: Findings
) -> None:
    """A later hop whose place is partly another's would leave whole copies behind in silence."""
    feed = draft.feed
    owned = [one for one in drafts if one.feed.writes is not None]
    base = product_location(feed.reads, owned, policy)
    if base is None or feed.selection is None or policy.source(feed.reads) is not None:
        return
    for one in owned:
        place = one.feed.writes
        if place is None or one.leg.name == draft.leg.name or not base.contains(place):
            continue
        names = place.names[len(base.names) :]
        for blocked in feed.selection.blocked:
            if names and names[: len(blocked)] == blocked:
                findings.error(
                    "product-blocked",
                    f"{draft.leg.name!r} would leave out {place}, the copies of "
                    f"{one.leg.name!r}: their place at {feed.writes} belongs to another leg",
                    draft.leg.at("to"),
                    hint="give one of the two another path",
                )


def _local_target(draft: Draft, policy: Policy) -> AbsolutePath | None:
    writes = draft.feed.writes
    if writes is None:
        return None
    destination = policy.destination(writes.holder)
    if destination is not None:
        return None if destination.ssh else destination.path.joined(writes.names)
    source = policy.source(writes.holder)
    return source.path.joined(writes.names) if isinstance(source, TreeSource) else None


def _note_blocked(
    draft: Draft, policy: Policy, drafts: tuple[Draft, ...], findings: Findings
) -> None:
    """Name the live paths whose place at the destination is another owner's."""
    feed = draft.feed
    source = policy.source(feed.reads)
    if not isinstance(source, TreeSource) or feed.selection is None or feed.writes is None:
        return
    for names in feed.selection.blocked:
        line = feed.selection.deciding_line(names)
        if line is None or not line.taken:
            continue
        owner = next(
            one.leg.name
            for one in drafts
            if one.feed.writes is not None
            and one.feed.writes.holder == feed.writes.holder
            and one.feed.writes.names == feed.writes.names + names
        )
        live = display(source.path.joined(names).text)
        message = (
            f"anything at {live} is blocked: its place at the destination belongs to {owner!r}"
        )
        if any(_named_inside(one, names) for one in feed.selection.lines if one.taken):
            findings.error(
                "route-blocked",
                message,
                draft.leg.at("to"),
                hint="rename it, or give a leg another `to`",
            )
        else:
            findings.note("place-blocked", message, draft.leg.at("to"))


def _named_inside(line: Line, names: tuple[bytes, ...]) -> bool:
    """Whether a routing line names that place, or something in it."""
    head = PathPattern(line.pattern.components[: len(names)])
    return head.literal == names
