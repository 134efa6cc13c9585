"""Rules and their tests as promtool judges them, and a plan's files laid out for it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import yaml

from engine.plan.layout import ALERT_TESTS_FILE
from engine.plan.model import Plan
from policy.values import AbsolutePath
from renderers import alert_rules, alert_tests

Rule = dict[str, Any]


def rules_of(plan: Plan) -> list[Rule]:
    """The rules of a plan, read back."""
    (file,) = alert_rules.render(plan)
    (group,) = yaml.safe_load(file.content)["groups"]
    rules: list[Rule] = group["rules"]
    return rules


def lay_out(plan: Plan, root: Path, *, rules_by: Plan | None = None) -> Path:
    """Write the rules and their tests below a root; the tests' path.

    With `rules_by` the rules are those of another plan.
    """
    assert plan.monitoring.rules is not None
    (rules,) = alert_rules.render(rules_by or plan)
    (tests,) = alert_tests.render(plan)
    place(root, plan.monitoring.rules).write_bytes(rules.content)
    path = place(root, ALERT_TESTS_FILE)
    path.write_bytes(tests.content)
    return path


def place(root: Path, path: AbsolutePath) -> Path:
    """A path of the final system below a root; its folder is there."""
    found = root / os.fsdecode(path.text[1:])
    found.parent.mkdir(parents=True, exist_ok=True)
    return found


def promtool(*arguments: str | Path) -> tuple[bool, str]:
    """Whether it is content, and what it says."""
    # Tests share the cores already, and nothing it holds is worth being collected often.
    environment = {**os.environ, "GOMAXPROCS": "1", "GOGC": "400"}
    command = ["promtool", *arguments]
    done = subprocess.run(command, capture_output=True, check=False, env=environment)
    return done.returncode == 0, (done.stdout + done.stderr).decode("utf-8", "replace")


def judge(tests: Path) -> tuple[bool, str]:
    """What `promtool test rules` makes of a file of tests."""
    return promtool("test", "rules", tests)
