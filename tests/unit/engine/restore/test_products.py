"""What is said of a source whose copies are dumps, fetched files or snapshots."""

from functools import cache
from pathlib import Path

from engine.compile import compilation_of
from engine.plan.model import Plan
from engine.promises.chains import Copy
from engine.restore.products import no_files_words
from tests.integration.lab import compiled

REFERENCE = Path(__file__).parents[4] / "examples/homelab/backup-policy.yaml"


@cache
def reference_plan() -> Plan:
    return compiled(REFERENCE.read_text())


def copies(plan: Plan, source: str) -> tuple[Copy, ...]:
    chains = compilation_of(plan).chains
    legs = [one.name for one in plan.legs if any(feed.reads == source for feed in one.feeds)]
    return tuple(copy for one in legs for copy in chains.of_leg_path(one, ()))


def said(source: str) -> str:
    plan = reference_plan()
    return no_files_words(plan, source, source.encode() + b":", copies(plan, source))


def test_a_kind_that_is_not_run_is_named_with_the_way_to_its_dumps() -> None:
    assert said("vault") == (
        "no leg copies vault: as files under their own names: vault-snapshot is of kind dump, "
        "which this version does not run: what something else makes lies in "
        "/srv/nfs/vault-backup, and comes back as files: "
        "`policyctl restore /srv/nfs/vault-backup --list`. How to load what lies there: the "
        "runbook of vault, which `policyctl docs DIR` writes"
    )


def test_each_leg_of_a_source_is_named() -> None:
    words = said("firewall")
    assert "firewall-config is of kind fetch, and keeps what it fetches in /mnt/backup/" in words
    assert "firewall-system is of kind fetch" in words
    assert "does not run" not in words


def test_a_snapshot_alone_is_no_copy() -> None:
    plan = reference_plan()
    chains = compilation_of(plan).chains
    table = plan.table("pvcs")
    assert table is not None
    item = (b"apps", b"wiki")
    line = table.line_for(item)
    assert line is not None
    alone = [one for one in chains.of_line("pvcs", item, line) if one.snapshot]
    assert alone
    words = no_files_words(plan, "pvcs", b"pvcs:apps/wiki", alone)
    assert "`policyctl rollback pvcs:ITEM` goes back" in words
