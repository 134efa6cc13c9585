"""The clients of servers: run with nobody's settings, and what they say."""

from __future__ import annotations

import pwd
import subprocess
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, build_opener

from tests.servers.programs import SEARCH, program

PATIENCE = 60.0
"""Seconds that any one thing may take: other tests may keep the cores busy."""


DIRECT = build_opener(ProxyHandler({}))
"""Opens what is on loopback, whatever proxy the environment names."""


class Refused(Exception):
    """What a client said when it got no answer, or one that it did not want."""


def environment() -> dict[str, str]:
    """What servers and clients see of the world."""
    return {"PATH": SEARCH, "LC_ALL": "C.UTF-8", "HOME": "/nonexistent", "GOMAXPROCS": "1"}


def run_as(account: str | None) -> dict[str, Any]:
    """How `subprocess` starts a process of somebody else."""
    if account is None:
        return {}
    return {"user": account, "group": pwd.getpwnam(account).pw_gid, "extra_groups": []}


def ask(*command: str | Path, stdin: str = "", account: str | None = None, **variables: str) -> str:
    """Run a client; what it printed, without the end of the last line."""
    done = subprocess.run(
        [program(str(command[0])), *map(str, command[1:])],
        input=stdin,
        capture_output=True,
        encoding="utf-8",
        errors="surrogateescape",
        check=False,
        timeout=PATIENCE,
        cwd="/",
        env=environment() | variables,
        **run_as(account),
    )
    if done.returncode != 0:
        raise Refused((done.stderr + done.stdout).strip())
    return done.stdout.removesuffix("\n")
