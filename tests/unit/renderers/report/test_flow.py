"""The picture of the routing: everything leads to the right, and nothing lies on anything else."""

from __future__ import annotations

import re
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from engine.overview.graph import NOWHERE, Edge, Graph, Node, NodeKind, Ride
from renderers.report.flow import BOX_WIDTH, COLUMN_GAP, flow
from renderers.report.flow_section import flow_view
from tests.report_facts import homelab_facts

COLUMN = BOX_WIDTH + COLUMN_GAP


def ranked(edges: set[tuple[str, str]], names: dict[str, NodeKind]) -> Graph:
    """A graph of these edges, its ranks the longest ways from the left."""
    ranks = dict.fromkeys(names, 0)
    for _ in names:
        for origin, target in edges:
            ranks[target] = max(ranks[target], ranks[origin] + 1)
    return Graph(
        nodes=tuple(
            Node(name=name, kind=kind, what="x", media=None, site=None, rank=ranks[name])
            for name, kind in names.items()
        ),
        edges=tuple(
            Edge(
                origin=origin,
                target=target,
                places=(),
                rides=tuple(Ride(source=origin, label=f"/{at}") for at in range(len(origin))),
            )
            for origin, target in sorted(edges)
        ),
    )


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Sources and legs in a row, each of which may lead to any later one; ends at destinations."""
    count = draw(st.integers(2, 14))
    kinds = [
        draw(st.sampled_from((NodeKind.SOURCE, NodeKind.LEG, NodeKind.DESTINATION)))
        for _ in range(count)
    ]
    names = {f"n{'x' * (at % 7)}{at}": kind for at, kind in enumerate(kinds)}
    pairs = st.tuples(st.integers(0, count - 1), st.integers(0, count - 1))
    listed = list(names)
    edges = {
        (listed[min(pair)], listed[max(pair)])
        for pair in draw(st.lists(pairs, max_size=30))
        if pair[0] != pair[1]
    }
    if draw(st.booleans()):
        names[NOWHERE] = NodeKind.NOWHERE
        edges |= {(one, NOWHERE) for one in draw(st.sets(st.sampled_from(listed), min_size=1))}
    return ranked(edges, names)


@given(graphs())
def test_each_edge_leads_to_the_right_and_no_box_lies_on_another(graph: Graph) -> None:
    drawn = flow(graph)
    at = {box.node.name: box for box in drawn.boxes}
    linked = {name for edge in graph.edges for name in (edge.origin, edge.target)}
    assert set(at) == linked
    for ribbon in drawn.ribbons:
        begin, end = at[ribbon.edge.origin], at[ribbon.edge.target]
        assert begin.x + BOX_WIDTH < end.x
        numbers = [float(one) for one in re.findall(r"-?[0-9.]+", ribbon.path)]
        assert (numbers[0], numbers[-2]) == (begin.x + BOX_WIDTH, end.x)
        assert begin.y - 0.2 <= numbers[1] <= begin.y + begin.height + 0.2
        assert end.y - 0.2 <= numbers[-1] <= end.y + end.height + 0.2
    for one, other in combinations(drawn.boxes, 2):
        apart = one.y + one.height <= other.y or other.y + other.height <= one.y
        assert one.x != other.x or apart
    for box in drawn.boxes:
        assert box.x % COLUMN == 0
        assert box.y >= 0
        assert box.x + BOX_WIDTH <= drawn.width
        assert box.y + box.height <= drawn.height + 0.2
    assert len(drawn.ribbons) == len(graph.edges)
    assert flow(graph) == drawn


def test_nothing_is_an_empty_picture() -> None:
    drawn = flow(Graph(nodes=(), edges=()))
    assert (drawn.width, drawn.height, drawn.boxes) == (0, 0, ())


def test_sources_stand_near_their_legs_and_dumps_before_their_tree() -> None:
    column = {box.node.name: box.x / COLUMN for box in flow(homelab_facts().overview.graph).boxes}
    assert column["postgresql"] == 0
    assert column["nfs"] == column["host"] == column["firewall"] == column["nfs-ssd"] == 2
    assert column["sda-mirror"] == column["synology-direct"] == column["host-config"] == 3
    assert [column[one] for one in ("pvcs", "lvm-snapshots", "pvc-files")] == [1, 2, 3]
    assert [column[one] for one in ("sda", "offsite", "synology")] == [4, 5, 6]


def test_ribbons_say_what_rides_on_them_and_boxes_how_they_stand() -> None:
    view = flow_view(homelab_facts())
    words = [one.words for one in view.ribbons]
    assert "nfs → no copy: /srv/nfs/frigate (14-day camera ring buffer); " in "".join(words)
    kinds = {one.words.partition(":")[0]: one.kind for one in view.ribbons}
    assert kinds["nfs → synology-direct"] == "accepted"
    assert kinds["nfs → sda-mirror"] == "carried"
    assert kinds["nfs → no copy"] == "none"
    failed = next(one for one in view.boxes if one.name == "pvc-files")
    assert failed.sign is not None
    assert failed.sign.word == "failing"
