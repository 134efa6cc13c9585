"""etcd: its snapshot, and who may do what where it asks for a password."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.servers.clients import Refused
from tests.servers.etcd import Etcd


def test_a_snapshot_is_what_it_starts_from(etcd: Etcd, tmp_path: Path) -> None:
    etcd.command("put", "key", "of the snapshot")
    etcd.command("snapshot", "save", str(tmp_path / "snapshot"))
    etcd.command("put", "key", "later")
    etcd.stop()
    shutil.rmtree(etcd.data)
    etcd.restore(tmp_path / "snapshot")
    etcd.start()
    assert etcd.command("get", "key", "--print-value-only") == "of the snapshot"


def test_where_it_asks_nobody_reads_without_a_password(etcd_that_asks: Etcd) -> None:
    asking = etcd_that_asks
    asking.command("put", "key", "value")
    asking.command("user", "add", "reader:x")
    asking.command("role", "add", "read")
    asking.command("role", "grant-permission", "read", "read", "key")
    asking.command("user", "grant-role", "reader", "read")
    reader = {"user": "reader", "password": "x"}
    assert asking.command("get", "key", "--print-value-only", **reader) == "value"
    with pytest.raises(Refused, match="permission denied"):
        asking.command("put", "key", "other", **reader)
    asking.asks = False
    with pytest.raises(Refused, match="user name is empty"):
        asking.command("get", "key")
