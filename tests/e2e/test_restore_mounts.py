"""`policyctl restore --to` where a mount gives live data or copies another name."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.test_cli import Machine
from tests.e2e.test_restore import HOUSE
from tests.integration.mounts import MountNamespace, mount_namespace

pytestmark = [pytest.mark.root, pytest.mark.tool("rsync", "unshare", "nsenter", "mount")]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    found = Machine(tmp_path, HOUSE)
    assert found("apply").code == 0
    assert found("run", "nightly").code == 0
    return found


@pytest.fixture
def there(machine: Machine) -> Iterator[MountNamespace]:
    """Where the folder `live` is the source, `part` a directory of it, `disk` the copies."""
    shown = {"live": "srv/data", "part": "srv/data/big", "disk": "mnt/disk"}
    with mount_namespace() as found:
        for name, path in shown.items():
            (machine.folder / name).mkdir()
            found("mount", "--bind", machine.root / path, machine.folder / name)
        yield found


@pytest.mark.parametrize(
    ("to", "said"),
    [
        ("live", "/live/a is /srv/data/a by another mount, which lies in the source 'data'"),
        ("live/new", "is /srv/data/new/a by another mount, which lies in the source 'data'"),
        ("part/new/deep", "is /srv/data/big/new/deep/a by another mount, which lies in"),
        ("disk/new", "is /mnt/disk/new by another mount, which lies among the copies of 'disk'"),
        ("disk/data/a", "by another mount, which lies among the copies of 'disk'"),
    ],
)
def test_law_01_by_whatever_name_it_is_what_it_is(
    machine: Machine, there: MountNamespace, to: str, said: str
) -> None:
    before = sorted(machine.root.rglob("*"))
    words = ("restore", "--root", machine.root, "/srv/data/a", "--to", machine.folder / to)
    code, _, err = there.policyctl(*words)
    assert code == 5, err
    assert said in err
    assert sorted(machine.root.rglob("*")) == before
    if to.endswith("/new"):
        code, _, err = there.policyctl(*words, "--anywhere")
        assert code == 0, err


def test_from_the_copies_alone_too(machine: Machine, there: MountNamespace) -> None:
    at = machine.root / "mnt/disk"
    to = machine.folder / "disk/new"
    code, _, err = there.policyctl("restore", "--at", at, "/srv/data/a", "--to", to)
    assert code == 5
    assert "lies among the copies" in err


def test_what_is_beside_them_is_no_matter(machine: Machine, there: MountNamespace) -> None:
    to = machine.folder / "fine"
    code, _, err = there.policyctl("restore", "--root", machine.root, "/srv/data/a", "--to", to)
    assert code == 0, err
    assert os.listdir(to) == ["a"]  # noqa: PTH208 - names
