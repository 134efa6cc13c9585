"""Where on other machines a run has left the plan, as the state database holds it.

It is all by which one can tell there that the disk is mounted which was there at the last success.
"""

from __future__ import annotations

import sqlite3

from policy.destinations import Destination


class LeftPlans:
    """The table `left_plan`, one row for each root of an account."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def expects(self, destination: Destination) -> bool:
        """Whether it has been left there, and lies there unless another disk does."""
        found = self._connection.execute(
            "SELECT 1 FROM left_plan WHERE place = ?", (_place(destination),)
        )
        return found.fetchone() is not None

    def note(self, destination: Destination) -> None:
        """Note that it lies there."""
        with self._connection as db:
            db.execute("INSERT OR IGNORE INTO left_plan VALUES (?)", (_place(destination),))

    def forget(self, destination: Destination) -> None:
        """Expect it no more: somebody says that the disk was replaced."""
        with self._connection as db:
            db.execute("DELETE FROM left_plan WHERE place = ?", (_place(destination),))


def _place(destination: Destination) -> str:
    account = destination.ssh.account if destination.ssh else ""
    return f"{account}:{destination.path}"
