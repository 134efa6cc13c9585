"""A stored plan answers as the policy did."""

from engine.compile import compile_with
from engine.plan.stored import plan_from_json, plan_to_json
from engine.promises.plan_chains import chains_of
from policy.diagnostics import Findings
from policy.parse import load
from tests.strategies import REFERENCE


def test_the_chains_of_a_stored_plan_are_those_of_its_policy() -> None:
    _, policy = load(REFERENCE.read_bytes(), "reference.yaml")
    compilation = compile_with(policy, Findings())
    assert compilation is not None
    stored = chains_of(plan_from_json(plan_to_json(compilation.plan)))
    looked_at = 0
    for table in compilation.plan.tables:
        for line in table.lines:
            names = tuple(one.example() for one in line.pattern.components)
            copies = compilation.chains.of_line(table.source, names, line)
            assert stored.of_line(table.source, names, line) == copies
            looked_at += len(copies)
    for leg in compilation.plan.legs:
        assert stored.of_leg(leg.name) == compilation.chains.of_leg(leg.name)
    assert looked_at > 5
