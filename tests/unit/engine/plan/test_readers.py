"""Who reads which tree by the journal."""

import pytest

from engine.plan.model import Plan
from engine.plan.readers import read_place, reader_of, readers_of, writers_of
from engine.records.journal import Consumer
from tests.integration.lab import compiled

BASE = """\
version: 1
host: h
timezone: UTC
destinations:
  disk: {path: /mnt/disk, media: hdd, site: home}
  nas: {ssh: backup@nas.example.net, path: /volume1/lab, media: nas, site: office}
sources:
  data: {kind: tree, path: /srv/data, track: true}
  plain: {kind: tree, path: /srv/plain}
  exported: {kind: tree, path: /srv/exported, export: "192.0.2.1:/srv/exported"}
legs:
  nightly: {kind: mirror, to: "disk:/copies", schedule: "01:00", timeout: 5m, full_every: 30d}
  plainly: {kind: mirror, from: plain, to: "disk:/plain", schedule: "02:00", timeout: 5m,
            full_every: 30d}
  offsite: {kind: mirror, from: nightly, to: "nas:/copies", schedule: "03:00", timeout: 5m,
            full_every: 30d}
  everything: {kind: mirror, from: disk, to: "nas:/disk", schedule: "04:00", timeout: 5m,
               full_every: 30d}
  whole: {kind: mirror, from: disk, to: "nas:/whole", schedule: "05:00", timeout: 5m}
routes:
  /srv/data: nightly
ELSEWHERE"""

RUNNER = """\
  in-cluster: {kind: mirror, from: exported, to: "disk:/PLACE", schedule: "06:00",
               timeout: 5m, runner: {kubernetes: {namespace: backups}}}
routes:
"""


def plan(**change: str) -> Plan:
    text = BASE.replace("ELSEWHERE", "")
    if "runner" in change:
        text = text.replace("routes:\n", RUNNER.replace("PLACE", change["runner"]))
    else:
        text = text.replace(
            '  exported: {kind: tree, path: /srv/exported, export: "192.0.2.1:/srv/exported"}\n', ""
        )
    return compiled(text)


def reader(of: Plan, name: str) -> Consumer | None:
    leg = of.leg(name)
    assert leg is not None
    (feed,) = leg.feeds
    return reader_of(of, leg, feed)


NIGHTLY = Consumer(leg="nightly", reads="data", tree="data")
OFFSITE = Consumer(leg="offsite", reads="nightly", tree="disk", names=(b"copies",))
EVERYTHING = Consumer(leg="everything", reads="disk", tree="disk")


def test_tracked_sources_products_and_whole_destinations_are_read_by_the_journal() -> None:
    assert readers_of(plan()) == (EVERYTHING, NIGHTLY, OFFSITE)


@pytest.mark.parametrize(
    ("leg", "why"),
    [("plainly", "nobody follows its source"), ("whole", "each of its passes is a full one")],
)
def test_others_are_not(leg: str, why: str) -> None:
    assert reader(plan(), leg) is None, why


def test_a_leg_of_another_machine_is_no_reader_and_spoils_what_it_writes_into() -> None:
    of = plan(runner="cluster")
    assert reader(of, "in-cluster") is None
    assert reader(of, "everything") is None, "nobody notes here what the cluster writes there"
    assert reader(of, "offsite") == OFFSITE, "it writes elsewhere on that disk"


@pytest.mark.parametrize(
    ("reads", "names"), [("disk", ()), ("nightly", (b"copies",)), ("data", None), ("nobody", None)]
)
def test_where_what_is_read_lies(reads: str, names: tuple[bytes, ...] | None) -> None:
    place = read_place(plan(), reads)
    assert (place.names if place else None) == names
    assert place is None or place.holder == "disk"


@pytest.mark.parametrize(
    ("reads", "legs"),
    [
        ("nightly", ["nightly"]),
        ("disk", ["nightly", "plainly"]),
        ("nas", ["everything", "offsite", "whole"]),
        ("data", []),
    ],
)
def test_who_writes_what_is_read(reads: str, legs: list[str]) -> None:
    assert [leg.name for leg, _ in writers_of(plan(), reads)] == legs
