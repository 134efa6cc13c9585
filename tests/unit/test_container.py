"""The recipe of the image for jobs in a cluster: what jobs call is in it."""

from __future__ import annotations

import re
from pathlib import Path

from engine.system.dumps.client import _PACKAGES

RECIPE = (Path(__file__).parents[2] / "examples/container/Containerfile").read_text()
FINAL = RECIPE[RECIPE.rindex("\nFROM ") :]


def test_it_has_the_client_of_each_server_that_is_dumped() -> None:
    assert {*_PACKAGES.values(), "rsync", "ca-certificates", "python3"} <= set(FINAL.split())


def test_it_runs_as_nobody() -> None:
    assert re.findall(r"^USER (.+)$", FINAL, re.M) == ["65534:65534"]


def test_its_base_is_named_with_a_registry() -> None:
    (base,) = re.findall(r"^ARG BASE=(\S+)$", RECIPE, re.M)
    assert "." in base.split("/")[0]


def test_it_installs_what_is_locked_and_nothing_by_name() -> None:
    assert "tools/setup" in RECIPE
    assert "pip install" not in RECIPE
