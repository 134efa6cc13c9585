"""The routing as a graph: each route is on every edge that its data ride, and on no other."""

from __future__ import annotations

from engine.overview.graph import NOWHERE, Edge, Graph, NodeKind, routing_graph
from tests.strategies import compiled, manifest
from tests.unit.engine.overview.reference import compilation, reference

DESTINATIONS = {
    "disk": {"path": "/mnt/disk", "media": "hdd", "site": "home"},
    "nas": {"ssh": "backup@nas", "path": "/copies", "media": "nas", "site": "away"},
}
LEGS = {
    "nightly": {"kind": "mirror", "to": "disk:/"},
    "offsite": {"kind": "mirror", "from": "disk", "to": "nas:/copies"},
}
ROUTES = {
    "/srv/data": "nightly",
    "/srv/data/temp": {"none": "scratch"},
    "/srv/data/films": {"leg": "nightly", "stop": {"after": "nightly", "reason": "too large"}},
    "/srv/data/loose": {"leg": "nightly", "because": "bought again"},
}


def drawn(**sections) -> Graph:
    found, _ = compiled(manifest(destinations=DESTINATIONS, legs=LEGS, routes=ROUTES, **sections))
    return routing_graph(found.plan, found.chains)


def edges(graph: Graph) -> dict[tuple[str, str], Edge]:
    return {(one.origin, one.target): one for one in graph.edges}


def test_routes_ride_from_hop_to_hop_until_they_stop() -> None:
    found = edges(drawn())
    assert {ends: [ride.label for ride in one.rides] for ends, one in found.items()} == {
        ("data", "nightly"): ["/srv/data", "/srv/data/films", "/srv/data/loose"],
        ("nightly", "disk"): ["/srv/data", "/srv/data/films", "/srv/data/loose"],
        ("disk", "offsite"): ["/srv/data", "/srv/data/loose"],
        ("offsite", "nas"): ["/srv/data", "/srv/data/loose"],
        ("data", NOWHERE): ["/srv/data/temp"],
    }
    assert [(one.label, one.stops) for one in found["nightly", "disk"].rides] == [
        ("/srv/data", ""),
        ("/srv/data/films", "too large"),
        ("/srv/data/loose", ""),
    ]
    assert found["offsite", "nas"].rides[1].because == "bought again"
    assert found["data", NOWHERE].rides[0].reason == "scratch"
    assert found["nightly", "disk"].places == ("disk:/",)
    assert found["offsite", "nas"].places == ("nas:/copies",)
    assert found["data", "nightly"].places == ()


def test_each_edge_leads_to_a_later_column() -> None:
    for graph in (drawn(), reference().graph):
        for edge in graph.edges:
            assert graph.node(edge.origin).rank < graph.node(edge.target).rank, edge


def test_the_reference_lab_is_whole() -> None:
    graph = reference().graph
    found = compilation()
    kinds = {kind: {one.name for one in graph.nodes if one.kind is kind} for kind in NodeKind}
    assert kinds[NodeKind.SOURCE] == {one.name for one in found.plan.sources}
    assert kinds[NodeKind.LEG] == {one.name for one in found.plan.legs}
    assert kinds[NodeKind.DESTINATION] == {"sda", "synology"}
    assert [one.name for one in graph.nodes] == list(dict.fromkeys(one.name for one in graph.nodes))
    found_edges = edges(graph)
    assert [one.label for one in found_edges["postgresql-full", "nfs"].rides] == ["postgresql:"]
    ridden = {one.label for one in found_edges["sda", "offsite"].rides}
    assert {"/srv/nfs", "pvcs:", "postgresql:", "host:", "firewall:config.xml"} <= ridden
    assert "/srv/nfs/immich" not in ridden
    assert ("lvm-snapshots", "pvc-files") in found_edges, "a product is read from its leg"
    assert graph.node("postgresql").what == "postgresql"
    assert graph.node("synology").what == "backup@nas.example.net:/volume1/Backup/lab"
    assert graph.node("synology").site == "offsite"


def test_a_plan_of_which_nothing_is_left_out_has_no_such_node() -> None:
    found, _ = compiled(manifest())
    graph = routing_graph(found.plan, found.chains)
    assert {one.name for one in graph.nodes} == {"data", "mirror", "disk"}
