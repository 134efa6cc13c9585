"""The protection matrix: forms of copies, promises, and gaps with their reasons."""

from __future__ import annotations

from engine.overview.protection import Form, Gap, GapKind, Protection, protection_of
from tests.strategies import compiled, manifest
from tests.unit.engine.overview.reference import compilation, reference
from tests.unit.engine.overview.test_graph import DESTINATIONS, ROUTES

HOUR = 3600
LEGS = {
    "nightly": {"kind": "mirror", "to": "disk:/", "schedule": "02:00", "timeout": "1h"},
    "offsite": {
        "kind": "mirror",
        "from": "disk",
        "to": "nas:/copies",
        "schedule": "06:00",
        "timeout": "1h",
    },
}
OBJECTIVES = {
    "default": {"copies": 3, "offsite": 1, "rpo": "40h"},
    "/srv/data/slow": {"rpo": "9d", "because": "changes once a year"},
}


def rows() -> dict[str, Protection]:
    found, _ = compiled(
        manifest(
            destinations=DESTINATIONS,
            legs=LEGS,
            objectives=OBJECTIVES,
            routes={
                **ROUTES,
                "/srv/data/films": {
                    "leg": "nightly",
                    "because": "bought again",
                    "stop": {"after": "nightly", "reason": "too large"},
                },
            },
            sources={"data": {"kind": "tree", "path": "/srv/data", "media": "ssd", "site": "home"}},
        )
    )
    return {one.label: one for one in protection_of(found.plan, found.chains)}


def test_there_is_a_row_for_each_route_and_objective() -> None:
    labels = ["/srv/data", "/srv/data/films", "/srv/data/loose", "/srv/data/slow", "/srv/data/temp"]
    assert list(rows()) == labels


def test_a_row_says_what_its_copies_promise() -> None:
    row = rows()["/srv/data"]
    assert row.leg == "nightly"
    near, far = row.of(Form.FILES, offsite=False), row.of(Form.FILES, offsite=True)
    assert [str(one.copy.location) for one in near] == ["disk:/"]
    assert [str(one.copy.location) for one in far] == ["nas:/copies"]
    assert (row.rpo, row.offsite_rpo) == (25 * HOUR, 29 * HOUR)
    assert row.media == ("hdd", "nas")
    assert row.wanted.rpo is not None
    assert row.wanted.rpo.seconds == 40 * HOUR
    assert row.gaps == ()


def test_gaps_have_their_reasons() -> None:
    found = rows()
    assert [(one.kind, one.because) for one in found["/srv/data/films"].gaps] == [
        (GapKind.ACCEPTED, "bought again"),
        (GapKind.STOPS, "too large"),
    ]
    assert found["/srv/data/films"].gaps[0].what == "2 of 3 copies within 40h (disk up to 25 h)"
    assert found["/srv/data/loose"].gaps == (
        Gap(kind=GapKind.ACCEPTED, what="may fall short", because="bought again"),
    )
    assert found["/srv/data/slow"].gaps == (
        Gap(
            kind=GapKind.WEAKER,
            what="objective /srv/data/slow",
            because="changes once a year",
        ),
    )
    none = found["/srv/data/temp"]
    assert (none.leg, none.copies, none.rpo) == (None, (), None)
    assert none.gaps == (Gap(kind=GapKind.NOT_KEPT, what="no copy", because="scratch"),)


def test_the_reference_lab() -> None:
    found = {one.label: one for one in reference().protection}
    volumes = found["pvcs:"]
    (snapshot,) = volumes.of(Form.SNAPSHOT, offsite=False)
    assert snapshot.kept == "generations: within 7d"
    assert [str(one.copy.location) for one in volumes.of(Form.FILES, offsite=False)] == [
        "sda:/pvc-data"
    ]
    assert len(volumes.of(Form.DATABASES, offsite=True)) == 1
    assert [one.kept for one in volumes.of(Form.FILES, offsite=True)] == ["generations: weekly 4"]
    assert volumes.media == ("hdd", "nas"), "a snapshot's own pool is no medium more"
    assert volumes.history >= 14 * 24 * HOUR
    dump = found["postgresql:"]
    assert [one.copy.place for one in dump.of(Form.DUMP, offsite=False)][:2] == ["nfs", "sda"]
    assert dump.of(Form.FILES, offsite=False) == ()
    assert found["etcd:"].wanted.because == "weekly; the cluster is rebuilt from code"
    assert found["/srv/nfs/immich"].of(Form.FILES, offsite=False) == ()
    assert found["/srv/nfs/immich"].gaps[0].kind is GapKind.ACCEPTED
    assert found["firewall:full.tar.gz"].leg == "firewall-system"
    assert len(reference().protection) == len({(o.source, o.label) for o in reference().protection})


def test_rows_are_the_same_for_a_plan_that_was_stored() -> None:
    from engine.plan.stored import plan_from_json, plan_to_json
    from engine.promises.plan_chains import chains_of

    stored = plan_from_json(plan_to_json(compilation().plan))
    assert protection_of(stored, chains_of(stored)) == reference().protection
