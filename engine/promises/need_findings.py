"""Findings about needs: what lies only inside what it opens, and circles (law 39)."""

from __future__ import annotations

from collections.abc import Iterator

from engine.plan.model import RoutingTable
from engine.promises.chains import Chains
from engine.promises.needs import Opening, Openings, has_needs, openings
from engine.promises.restore_order import Link, order_of
from policy.diagnostics import Findings, Origin
from policy.model import Policy
from policy.needs import FileNeed, Need, SourceNeed, kept_outside


def check_needs(
    policy: Policy, tables: tuple[RoutingTable, ...], chains: Chains, findings: Findings
) -> None:
    """Report needs that nothing answers, and restores that no order can begin."""
    if not has_needs(policy):
        return
    found = openings(policy, tables, chains)
    for one in found.by_name.values():
        _check_answered(found, one, findings)
    for circle in order_of(found).circles:
        _report_circle(found, circle, findings)


def _check_answered(found: Openings, one: Opening, findings: Findings) -> None:
    for need in one.needs:
        if not found.holders(need) and not kept_outside(need):
            carried = "which no leg carries, and " if isinstance(need, FileNeed) else "and "
            findings.error(
                "need-nowhere",
                f"{one.name!r} needs {str(need)!r}, {carried}nothing says where it is kept",
                need.origin,
                hint="say where it is outside of this policy (`kept`), or the source that it is in",
            )
    for key in one.unsaid:
        if not found.holders(key):
            findings.note(
                "need-unsaid",
                f"{one.name!r} uses the key {str(key)!r}, which no leg carries: should this "
                "machine be lost, nobody knows where it is",
                one.origin,
                hint=f"needs: [{{path: {key}, kept: where else it is}}]",
            )


def _report_circle(found: Openings, circle: tuple[Link, ...], findings: Findings) -> None:
    """A thing among the links lies inside what it opens; without one it is order alone."""
    words = "; ".join(map(_link_words, circle))
    for link in circle:
        if link.need is None or isinstance(link.need, SourceNeed):
            continue
        findings.error(
            "need-inside",
            f"{str(link.need)!r} lies only inside what it opens: {words}",
            link.need.origin,
            hint="keep it in another place as well, and say where: `kept`",
        )
        return
    names = [link.name for link in circle]
    findings.error(
        "need-circle",
        f"each has to be restored before the other, {' → '.join((*names, names[0]))}: {words}",
        next(_origins(found, circle)),
        hint="none of them could ever be the first; say which can be had without the others",
    )


def _link_words(link: Link) -> str:
    if link.need is None:
        return f"the copies of {link.name!r} lie at {link.waits_for!r} alone"
    if isinstance(link.need, SourceNeed):
        return f"{link.name!r} needs {link.waits_for!r}"
    return f"{link.name!r} needs {str(link.need)!r}, which {link.waits_for!r} holds"


def _origins(found: Openings, circle: tuple[Link, ...]) -> Iterator[Origin]:
    needs: list[Need] = [link.need for link in circle if link.need is not None]
    yield from (need.origin for need in needs)
    yield found.by_name[circle[0].name].origin
