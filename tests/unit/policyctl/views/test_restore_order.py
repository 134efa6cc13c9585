"""The restore order as people and programs read it."""

from __future__ import annotations

from engine.compile import compile_policy
from engine.promises.restore_order import restore_order
from policy.parse import load
from policyctl.views.restore_order import order_json, order_lines
from tests.strategies import GOLDEN, REFERENCE

ORDER = GOLDEN / "homelab" / "restore-order.txt"


def reference() -> bytes:
    return REFERENCE.read_bytes()


def test_the_reference_as_people_read_it(update_golden: bool) -> None:
    order = restore_order(compile_policy(load(reference(), "m.yaml")[1]))
    text = "".join(f"{line}\n" for line in order_lines(order))
    if update_golden:
        ORDER.write_text(text)
    assert text == ORDER.read_text()


def test_as_programs_read_it() -> None:
    order = restore_order(compile_policy(load(reference(), "m.yaml")[1]))
    shown = order_json(order)
    assert shown["circles"] == []
    turns = shown["order"]
    assert isinstance(turns, list)
    by_name = {one["name"]: one for one in turns}
    assert by_name["sda"] == {
        "name": "sda",
        "is": "destination",
        "restore_from": [],
        "parts_from": [],
        "waits_for": [],
    }
    assert by_name["pvcs"]["waits_for"] == [
        {
            "path": "/etc/pve/priv/volumes.key",
            "kept": "on paper, in the safe at the office",
            "out_of": "host",
            "by_itself": False,
        },
        {"source": "etcd", "out_of": "etcd", "by_itself": False},
    ]
