"""Names of kinds, and who runs what."""

from __future__ import annotations

from typing import get_args

from engine.compile import compile_policy
from engine.plan.kinds import SOURCE_KIND_NAMES, is_runnable
from policy.parse import load
from policy.sources import Source
from tests.strategies import REFERENCE


def test_every_kind_of_source_has_a_name() -> None:
    assert set(SOURCE_KIND_NAMES) == set(get_args(Source))
    assert len(set(SOURCE_KIND_NAMES.values())) == len(SOURCE_KIND_NAMES)


def test_what_of_the_reference_this_version_runs() -> None:
    plan = compile_policy(load(REFERENCE.read_bytes(), "r")[1])
    kinds = {(leg.kind, is_runnable(leg)) for leg in plan.legs}
    assert kinds == {
        ("mirror", True),
        ("snapshot", True),
        ("sqlite", True),
        ("versions", True),
        ("dump", False),
        ("fetch", True),
    }
