"""What is dropped of very many names is what is dropped of each."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.plan.selection import Ignore, ignore_hits, is_reserved
from engine.routing.dropped import dropping, ignores_digest
from policy.patterns import parse_path_pattern
from policy.routes import IgnoreRule
from tests.plans import plan, tree

NAMES = st.sampled_from(
    [b"a", b"b", b"ab", b"a.tmp", b".policyctl-x", b"lost+found", b"x\ny", b"\xff", b"*"]
)
PATTERNS = st.sampled_from([b"a", b"b", b"*.tmp", b"?", b"[!a]*", b"lost+found", b"[*]"])


@st.composite
def ignores(draw: st.DrawFn) -> Ignore:
    anchored = draw(st.booleans())
    parts = draw(st.lists(PATTERNS, min_size=1, max_size=3 if anchored else 1))
    return Ignore(
        pattern=parse_path_pattern(b"/".join(parts)),
        anchored=anchored,
        directory=draw(st.booleans()),
    )


@given(
    rules=st.lists(ignores(), max_size=4),
    names=st.lists(NAMES, min_size=1, max_size=4).map(tuple),
    directory=st.booleans(),
)
def test_it_agrees_with_the_verdict_on_each_path(
    rules: list[Ignore], names: tuple[bytes, ...], directory: bool
) -> None:
    drops = dropping(tuple(rules))
    found = False
    for end in range(1, len(names) + 1):
        is_directory = directory or end < len(names)
        inside = drops.inside(names[: end - 1])
        if names[end - 1] in (inside.directories if is_directory else inside.files):
            found = True
            break
    expected = is_reserved(names, directory=directory) or any(
        ignore_hits(one, names, directory=directory) for one in rules
    )
    assert found == expected


def rule(text: str, *only: str) -> IgnoreRule:
    return IgnoreRule(
        text=text,
        pattern=parse_path_pattern(text.encode()),
        anchored=False,
        directory=False,
        reason="",
        only=only,
    )


def test_a_measurement_stands_on_its_ignores_and_its_path_and_nothing_else() -> None:
    source = tree()
    before = ignores_digest(plan(ignores=(rule("*.tmp"), rule("*.bak"))), source)
    assert ignores_digest(plan(ignores=(rule("*.bak"), rule("*.tmp"))), source) == before
    elsewhere = (rule("*.tmp"), rule("*.bak"), rule("*.old", "another"))
    assert ignores_digest(plan(ignores=elsewhere), source) == before
    assert ignores_digest(plan(ignores=elsewhere), tree(name="another")) != before
    assert ignores_digest(plan(ignores=(rule("*.tmp"),)), source) != before
    moved = tree(path="/srv/moved")
    assert ignores_digest(plan(ignores=(rule("*.tmp"), rule("*.bak"))), moved) != before
