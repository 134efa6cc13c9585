"""Ownership of destination subtrees: one owner each, no loops, no overlap of live and copy.

Law 1: each destination subtree has one owner, and a leg deletes only inside what it owns.
"""

from __future__ import annotations

from itertools import combinations

from engine.feeds import Draft
from engine.plan import tree_root
from engine.selection import Verdict
from policy.destinations import Destination
from policy.diagnostics import Findings
from policy.model import Policy
from policy.sources import TreeSource
from policy.values import AbsolutePath, display


def check_ownership(policy: Policy, drafts: tuple[Draft, ...], findings: Findings) -> None:
    """Report every place that two would own, and every copy that would feed itself."""
    _check_destinations_apart(policy, findings)
    _check_sources_apart(policy, findings)
    _check_one_owner(drafts, findings)
    for draft in drafts:
        _check_loop(draft, policy, findings)
        _note_blocked(draft, policy, drafts, findings)


def _check_destinations_apart(policy: Policy, findings: Findings) -> None:
    for one, other in combinations(policy.destinations, 2):
        same_machine = (one.ssh and one.ssh.account) == (other.ssh and other.ssh.account)
        if same_machine and (one.path.contains(other.path) or other.path.contains(one.path)):
            findings.error(
                "destination-overlap",
                f"{other.name!r} ({other.path}) and {one.name!r} ({one.path}) share directories: "
                "a leg of one would delete what the other's legs wrote",
                other.origin,
                hint="make them one destination, and give its legs different paths in `to`",
            )


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


def _check_loop(draft: Draft, policy: Policy, findings: Findings) -> None:
    """A copy inside the live tree that feeds it grows for ever; live data inside one is deleted."""
    target = _local_target(draft, policy)
    read_root = _local_source(draft, policy)
    if target is None or read_root is None:
        return
    if target.contains(read_root):
        findings.error(
            "source-in-destination",
            f"{read_root} lies inside {target}, which the leg {draft.leg.name!r} owns: live data "
            "would be deleted as if they were old copies",
            draft.leg.at("to"),
        )
        return
    if read_root.contains(target) and draft.feed.selection is not None:
        names = target.names[len(read_root.names) :]
        if draft.feed.selection.decide(names, directory=True) is Verdict.TAKEN:
            findings.error(
                "copy-loop",
                f"{target} lies inside {read_root} and would be copied into itself",
                draft.leg.at("to"),
                hint=f'add a route {str(target)!r}: {{none: "the copies themselves"}}',
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


def _local_source(draft: Draft, policy: Policy) -> AbsolutePath | None:
    source = policy.source(draft.feed.reads)
    if isinstance(source, TreeSource):
        return tree_root(source)
    destination: Destination | None = policy.destination(draft.feed.reads)
    return None if destination is None or destination.ssh else destination.path


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
        if line.pattern.literal == names:
            findings.error(
                "route-blocked",
                message,
                draft.leg.at("to"),
                hint="rename it, or give a leg another `to`",
            )
        else:
            findings.note("place-blocked", message, draft.leg.at("to"))
