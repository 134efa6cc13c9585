"""Telling systemd how a service stands: sd_notify(3), a datagram to $NOTIFY_SOCKET."""

from __future__ import annotations

import os
import socket
from contextlib import suppress


def notify(*states: str) -> None:
    """Send states such as `READY=1`; nothing happens where no systemd asked for it."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    target = "\0" + address[1:] if address.startswith("@") else address
    with (
        suppress(OSError),
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out,
    ):
        out.sendto("\n".join(states).encode(), target)


def watchdog_seconds() -> float | None:
    """How often systemd must hear of the service: half of what it waits; None: not at all."""
    text = os.environ.get("WATCHDOG_USEC", "")
    asked = os.environ.get("WATCHDOG_PID", "")
    if not text.isdecimal() or (asked and asked != str(os.getpid())):
        return None
    return int(text) / 2_000_000 or None  # 0: systemd waits for nothing
