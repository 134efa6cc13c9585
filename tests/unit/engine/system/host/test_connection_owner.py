"""Whose process is at the other end, by the kernel's own lists."""

import os
import socket
import sys
from pathlib import Path

import pytest

from engine.system.host.connection_owner import owner_of


def test_the_owner_of_a_real_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        with socket.create_connection(server.getsockname()) as client:
            ends = {"client": client.getsockname(), "server": server.getsockname()}
            assert owner_of(**ends) == os.getuid()
        assert owner_of(client=("127.0.0.1", 1), server=server.getsockname()) is None


def test_a_socket_of_the_newer_protocol_stands_in_the_other_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "byteorder", "little")
    head = "  sl  local_address rem_address st tx_queue rx_queue tr tm->when retrnsmt uid\n"
    rest = "01 00000000:00000000 00:00000000 00000000  1000        0 97281 1\n"
    (tmp_path / "tcp").write_text(head + f"  0: 0100007F:9B94 0100007F:0050 {rest}" + "broken\n")
    mapped = "0000000000000000FFFF0000"
    (tmp_path / "tcp6").write_text(
        head + f"  0: {mapped}0100007F:9B95 {mapped}0100007F:0050 {rest}"
    )
    tables = (tmp_path / "missing", tmp_path / "tcp", tmp_path / "tcp6")
    server = ("127.0.0.1", 80)
    assert owner_of(client=("127.0.0.1", 0x9B94), server=server, tables=tables) == 1000
    assert owner_of(client=("127.0.0.1", 0x9B95), server=server, tables=tables) == 1000
    assert owner_of(client=("127.0.0.1", 0x9B96), server=server, tables=tables) is None
