"""Directories that are written to, as rsync and as people name them."""

import pytest

from engine.reach.targets import Target
from policy.parts import SshTarget

HERE = Target(holder="disk", root=b"/mnt/disk", names=(b"photos", b"2026"))
AWAY = Target(holder="nas", root=b"/", names=(), ssh=SshTarget(account="u@nas"))


def test_targets_are_written_as_rsync_wants_them() -> None:
    assert HERE.argument == b"/mnt/disk/photos/2026/"
    assert AWAY.argument == b"u@nas:/"
    assert AWAY.path == b"/"


@pytest.mark.parametrize(
    ("account", "expected"),
    [
        ("u@nas.example.net", b"u@nas.example.net:/v/"),
        ("u@2001:db8::7", b"u@[2001:db8::7]:/v/"),
        ("u@[2001:db8::7]", b"u@[2001:db8::7]:/v/"),
    ],
)
def test_the_colons_of_an_address_begin_no_path(account: str, expected: bytes) -> None:
    target = Target(holder="nas", root=b"/v/", names=(), ssh=SshTarget(account=account))
    assert target.argument == expected


def test_targets_are_named_as_adopt_takes_them() -> None:
    assert HERE.place == "disk:/photos/2026"
    assert AWAY.place == "nas:/"
    odd = Target(holder="disk", root=b"/mnt/disk", names=(b"a\nb",))
    assert str(odd) == "/mnt/disk/a\\nb/"
