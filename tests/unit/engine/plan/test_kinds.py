"""Names of kinds."""

from __future__ import annotations

from typing import get_args

from engine.plan.kinds import SOURCE_KIND_NAMES
from policy.sources import Source


def test_every_kind_of_source_has_a_name() -> None:
    assert set(SOURCE_KIND_NAMES) == set(get_args(Source))
    assert len(set(SOURCE_KIND_NAMES.values())) == len(SOURCE_KIND_NAMES)
