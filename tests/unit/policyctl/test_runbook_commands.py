"""Each command of policyctl that a runbook prints is one that it understands."""

from __future__ import annotations

import re
import shlex
import warnings
from collections.abc import Iterator

import click
import pytest
import typer.main

from engine.compile import compile_policy
from policy.parse import load
from renderers.docs import render_docs
from tests.runbooks import sections
from tests.strategies import ROOT, compiled, manifest

with warnings.catch_warnings():
    # Typer imports names that newer versions of click call deprecated.
    warnings.simplefilter("ignore", DeprecationWarning)
    from policyctl.main import app

EXAMPLES = sorted(
    path for path in (ROOT / "examples").rglob("*.yaml") if path.name != "as-found.yaml"
)
WHATEVER = manifest(
    sources={
        "subvolumes": {"kind": "btrfs", "path": "/srv/sub", "subvolumes": "*"},
        "data": {"kind": "tree", "path": "/srv/data"},
    },
    legs={
        "snaps": {"kind": "snapshot", "schedule": "hourly", "keep": {"last": 3}, "timeout": "5m"},
        "files": {"kind": "versions", "from": "snaps", "to": "disk:/f", "keep": {"last": 3}},
        "mirror": {"kind": "mirror", "to": "disk:/m"},
    },
    routes={"subvolumes:": "snaps", "/srv/data": "mirror", "/srv/data/[ab]*": "mirror"},
)


def commands() -> Iterator[tuple[str, str]]:
    for path in EXAMPLES:
        _, policy = load(path.read_bytes(), str(path))
        yield from _commands(path.parent.name, compile_policy(policy))
    yield from _commands("whatever", compiled(WHATEVER)[0].plan)


def _commands(name: str, plan) -> Iterator[tuple[str, str]]:
    for page in render_docs(plan):
        for typed in sections(page.content.decode()).values():
            yield from ((f"{name}/{page.path}", one.text) for one in typed if not one.blank)


def test_policyctl_understands_each_command() -> None:
    program = typer.main.get_command(app)
    assert isinstance(program, click.Group)
    seen = set()
    for page, text in dict.fromkeys(commands()):
        words = shlex.split(re.sub(r"\$\{?[A-Z]+[^}\"]*\}?", "filled-in", text))
        if words[0] != "policyctl":
            known = {"mkdir", "find", "rmdir", "rsync", "mv", "btrfs"}
            known |= {"kubectl", "printf", "tar"}  # into a claim
            loading = {"cd", "zstdcat", "cat", "redis-check-rdb", "ETCDCTL_API=3", "{"}
            assert words[0] in known | loading or words[0].startswith("VAULT_ADDR="), (page, text)
            continue
        command = program.commands[words[1]]
        seen.add(words[1])
        try:
            command.make_context(words[1], words[2:], resilient_parsing=False).close()
        except click.UsageError as error:
            pytest.fail(f"{page}: {text}: {error.format_message()}")
    assert {"restore", "rollback", "pause", "resume", "run", "apply", "adopt"} <= seen
