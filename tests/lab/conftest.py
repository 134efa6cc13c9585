"""The lab's fixtures: `lab` is a machine just booted, `homelab` the reference lab on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.container import DidNotBoot
from tests.lab.homelab import Homelab
from tests.lab.image import CannotBuild, cache, image
from tests.lab.machine import Machine, booted

DISKS = (64, 64)
WHERE = cache()  # looked up before each test's environment is swept


@pytest.fixture(scope="session")
def lab_image() -> Path:
    """The root directory that machines boot from."""
    try:
        return image(WHERE)
    except CannotBuild as reason:
        pytest.skip(f"no lab: {reason}")


@pytest.fixture
def lab(lab_image: Path, tmp_path: Path) -> Iterator[Machine]:
    """A machine with two empty disks."""
    try:
        with booted(lab_image, tmp_path, disks=DISKS) as machine:
            yield machine
    except DidNotBoot as reason:
        pytest.skip(f"no lab: a machine did not boot: {reason}")


@pytest.fixture
def homelab(lab: Machine) -> Homelab:
    """The reference lab, nothing applied yet."""
    found = Homelab(lab)
    found.prepare()
    return found
