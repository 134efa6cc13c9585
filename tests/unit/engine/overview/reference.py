"""The overview of the reference manifest, worked out once for all tests of this room."""

from __future__ import annotations

from functools import cache

from engine.compile import Compilation, compile_with
from engine.overview.overview import Overview, overview_of
from policy.diagnostics import Findings
from policy.parse import load
from tests.strategies import REFERENCE


@cache
def compilation() -> Compilation:
    """The reference manifest, compiled."""
    _, policy = load(REFERENCE.read_bytes(), "reference.yaml")
    found = compile_with(policy, Findings())
    assert found is not None
    return found


@cache
def reference() -> Overview:
    """Its overview."""
    return overview_of(compilation().plan, compilation().chains)
