"""Order, comments and spelling of the manifest change nothing in what is rendered."""

from __future__ import annotations

import json
import random
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.compile import compile_policy
from engine.plan.stored import plan_from_json, plan_to_json
from policy.parse import load
from renderers import render
from tests.strategies import REFERENCE


def plan_of(text: str, file: str = "a.yaml"):
    return compile_policy(load(text.encode(), file)[1])


def shuffled(value: Any, chance: random.Random) -> Any:
    """The same mapping with its keys in another order; lists keep theirs."""
    if isinstance(value, dict):
        items = [(key, shuffled(inner, chance)) for key, inner in value.items()]
        chance.shuffle(items)
        return dict(items)
    return value


def plain(text: str) -> Any:
    """The manifest as plain data, every scalar as YAML 1.2 reads it."""
    from policy.document import read
    from policy.nodes import plain as plain_node

    return plain_node(read(text.encode(), "a.yaml").root)


TEXT = REFERENCE.read_text("utf-8")
PLAN = plan_of(TEXT)
FILES = render(PLAN)


@settings(max_examples=settings().max_examples // 2)
@given(seed=st.integers(0, 2**32))
def test_key_order_changes_nothing(seed):
    text = json.dumps(shuffled(plain(TEXT), random.Random(seed)))
    plan = plan_of(text, "elsewhere/other-name.yaml")
    assert plan == PLAN
    assert plan_to_json(plan) == plan_to_json(PLAN)
    assert render(plan) == FILES


@settings(max_examples=settings().max_examples // 2)
@given(data=st.data())
def test_comments_and_blank_lines_change_nothing(data):
    lines = []
    for line in TEXT.split("\n"):
        if data.draw(st.integers(0, 9)) == 0:
            lines += ["", "# a remark: {not: yaml"]
        lines.append(line + ("   # said aside" if line.endswith(":") else ""))
    plan = plan_of("\n".join(lines))
    assert plan_to_json(plan) == plan_to_json(PLAN)
    assert render(plan) == FILES


def test_spelling_changes_nothing():
    block = yaml.safe_dump(plain(TEXT), default_flow_style=False, allow_unicode=True, width=60)
    assert plan_to_json(plan_of(block)) == plan_to_json(PLAN)


def test_the_stored_plan_comes_back_equal():
    assert plan_from_json(plan_to_json(PLAN)) == PLAN


def test_no_position_and_no_file_name_is_rendered():
    for file in FILES:
        assert b"backup-policy" not in file.content.replace(b"backup-policy.yml", b"")
