"""Two plans cut the data into pieces, each of which has one way before and one after."""

from __future__ import annotations

from engine.moves.held import cut, joint_plan, new_blocks
from tests.unit.engine.moves.test_data_changes import IMMICH, TEXT, plan_of

SWITCH = (
    (
        "  firewall:    {",
        "  switch: {kind: device, ssh: a@b, site: home, secret: true}\n  firewall:    {",
    ),
    (
        "  firewall-config:\n",
        '  switch-config: {kind: fetch, from: switch, to: "sda:/switch", files: {c: [cat, c]}, '
        'schedule: "01:00", keep: {weekly: 4}, timeout: 10m}\n  firewall-config:\n',
    ),
)


def test_the_joint_table_has_the_lines_of_both_most_specific_first() -> None:
    deeper = plan_of((IMMICH, "  /srv/nfs/immich/library: sda-mirror\n"))
    table = joint_plan(plan_of(), deeper).table("nfs")
    assert table is not None
    texts = [line.text for line in table.lines]
    assert texts.index("/srv/nfs/immich/library") < texts.index("/srv/nfs/immich")
    assert texts[-1] == "/srv/nfs"
    pieces = {one.text: one for one in cut(plan_of(), deeper).pieces if one.source == "nfs"}
    assert [copy.leg for copy in pieces["/srv/nfs/immich"].gained] == ["sda-mirror", "offsite"]
    moved = pieces["/srv/nfs/immich/library"]
    assert [copy.leg for copy in moved.left] == ["synology-direct"]


def test_a_wildcard_is_shown_as_it_is_written() -> None:
    edited = plan_of((IMMICH, IMMICH + '  "/srv/nfs/*/cache": {none: "made anew"}\n'))
    (piece,) = (one for one in cut(plan_of(), edited).pieces if one.text == "/srv/nfs/*/cache")
    assert [piece.shown(copy.location) for copy in piece.left] == [
        "sda:/*/cache",
        "synology:/pve-backup/*/cache",
    ]


def test_partial_copies_and_snapshots_are_no_copies() -> None:
    (piece,) = (one for one in cut(plan_of(), plan_of()).pieces if one.text == "pvcs:")
    assert piece.after is not None
    assert {one.leg for one in piece.after.every} > {"lvm-snapshots", "sqlite-copies"}
    assert {one.leg for one in piece.after.whole} == {"pvc-files", "offsite"}
    assert (piece.gained, piece.left) == ((), ())


def test_law_01_a_leg_that_takes_a_place_below_a_mirror_blocks_it_for_live_data() -> None:
    (block,) = new_blocks(plan_of(), plan_of(*SWITCH))
    assert (block.source, block.leg, block.line.text) == ("nfs", "sda-mirror", "/srv/nfs/switch")
    assert str(block.place) == "sda:/switch"
    assert new_blocks(plan_of(*SWITCH), plan_of()) == ()
    assert new_blocks(None, plan_of(*SWITCH)) == ()


def test_the_reference_can_be_edited_here() -> None:
    assert all(TEXT.count(old) == 1 for old, _ in SWITCH)
