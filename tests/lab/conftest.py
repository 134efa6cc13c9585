"""The lab's fixtures: `lab` and `vm` are machines just booted, `homelab` the reference lab."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.lab.computer import DidNotBoot
from tests.lab.debian import CannotBuild, cache
from tests.lab.homelab import Homelab
from tests.lab.image import image
from tests.lab.machine import Boot, Machine, booted
from tests.lab.vm import restored
from tests.lab.vm_image import vm_image

DISKS = (64, 64)
WHERE = cache()  # looked up before each test's environment is swept


@pytest.fixture(scope="session")
def lab_image() -> Path:
    """The root directory that containers boot from."""
    try:
        return image(WHERE)
    except CannotBuild as reason:
        pytest.skip(f"no lab: {reason}")


@pytest.fixture(scope="session")
def lab_vm_image() -> Path:
    """What virtual machines are restored from."""
    try:
        return vm_image(WHERE)
    except (CannotBuild, DidNotBoot) as reason:
        pytest.skip(f"no virtual machine: {reason}")


@pytest.fixture
def boot(lab_image: Path, tmp_path: Path) -> Boot:
    """What boots a machine in a container, with disks of these sizes and with some more."""

    @contextmanager
    def booting(name: str, disks: Sequence[int], *more: Path) -> Iterator[Machine]:
        folder = tmp_path / name
        folder.mkdir()
        try:
            with booted(lab_image, folder, disks=disks, more=more) as machine:
                yield machine
        except DidNotBoot as reason:
            pytest.skip(f"no lab: a machine did not boot: {reason}")

    return booting


@pytest.fixture
def lab(boot: Boot) -> Iterator[Machine]:
    """A machine in a container, with two empty disks."""
    with boot("machine", DISKS) as machine:
        yield machine


@pytest.fixture
def vm(lab_vm_image: Path) -> Iterator[Machine]:
    """A machine with a kernel of its own, with LVM's `tests.lab.volumes` and two empty disks."""
    with restored(lab_vm_image) as machine:
        yield machine


@pytest.fixture
def homelab(lab: Machine) -> Homelab:
    """The reference lab, nothing applied yet."""
    found = Homelab(lab)
    found.prepare()
    return found
