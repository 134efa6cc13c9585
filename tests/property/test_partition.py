"""The heart: for every file exactly one leg's real rsync takes it, the one that `explain` names."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from engine.compile import Compilation, compile_with
from engine.explain import explain
from engine.plan.selection import Verdict
from engine.proof.proof import prove
from engine.rsync.filters import render_rules
from policy.diagnostics import Findings
from policy.model import Policy
from policy.parse import load
from tests.strategies import ODD_NAMES, Manifest, manifest, text_of

NAMES = (
    b"a",
    b"b",
    b"ab",
    b"a.b",
    b"A",
    b".a",
    b"owned",
    b"lost+found",
    b".policyctl-x",
    *ODD_NAMES,
)
WILDCARDS = ("*", "?", "a*", "*b", "*a*", "[ab]", "[!a]", "[a-c]?", ".*", "[[]*", "*[*]*", "?*")
LEGS = ("one", "two", "three")

Tree = dict[bytes, "Tree | bytes | None"]
"""A directory: names to directories, files (None) and symlinks (their targets)."""


def literal_key(name: bytes) -> str:
    """A name as a pattern that matches just it."""
    text = name.decode()
    return "".join(f"[{char}]" if char in "*?[" else char for char in text)


def is_text(name: bytes) -> bool:
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True


KEY_NAMES = tuple(literal_key(name) for name in NAMES if is_text(name) and b"\t" not in name)


@st.composite
def keys(draw) -> str:
    """A route's key below the source's root, literal and wild components mixed."""
    component = st.one_of(st.sampled_from(KEY_NAMES), st.sampled_from(WILDCARDS))
    return "/".join(draw(st.lists(component, min_size=1, max_size=3)))


@st.composite
def manifests(draw) -> Manifest:
    """Two trees, three legs, nested routes, ignores of all four forms, owners inside owners."""
    target = st.one_of(
        st.sampled_from(LEGS),
        st.just({"none": "why not"}),
    )
    routes = {"/srv/data": draw(target), "/srv/more": draw(st.sampled_from(LEGS))}
    for _ in range(draw(st.integers(0, 7))):
        routes[f"/srv/data/{draw(keys())}"] = draw(target)
    ignores = {}
    for _ in range(draw(st.integers(0, 3))):
        name = draw(st.one_of(st.sampled_from(KEY_NAMES), st.sampled_from(WILDCARDS)))
        form = draw(st.sampled_from(["{}", "{}/", "/{}", "/{}/", "a/{}", "b/{}/"]))
        ignores[form.format(name)] = "litter"
    legs: dict[str, Any] = {
        name: {"kind": "mirror", "to": f"disk:/{name}/{{source}}"}
        for name in LEGS
        if name in routes.values()
    }
    if draw(st.booleans()) and "one" in legs:
        place = draw(st.sampled_from(["owned", "a/owned", "a", "b/a/owned"]))
        legs["device"] = {
            "kind": "fetch", "from": "box", "to": f"disk:/one/data/{place}",
            "files": {"f": ["true"]}, "keep": {"last": 1},
        }  # fmt: skip
    sources = {
        "data": {"kind": "tree", "path": "/srv/data"},
        "more": {"kind": "tree", "path": "/srv/more"},
    }
    if "device" in legs:
        sources["box"] = {"kind": "device", "ssh": "u@box.example.net"}
    return manifest(sources=sources, legs=legs, routes=routes, ignore=ignores)


@st.composite
def trees(draw, depth: int = 3) -> Tree:
    """Names from the same stock as the routes, so that they meet."""
    tree: Tree = {}
    for name in draw(st.lists(st.sampled_from(NAMES), max_size=6, unique=True)):
        kind = draw(st.sampled_from("dddffls" if depth else "ffls"))
        match kind:
            case "d":
                tree[name] = draw(trees(depth - 1))
            case "l":
                tree[name] = draw(st.sampled_from([b".", b"..", b"a", b"nowhere"]))
            case _:
                tree[name] = None
    return tree


def build(top: bytes, tree: Tree) -> dict[bytes, bool]:
    """Make the tree; gives every path below it and whether it is a directory."""
    made: dict[bytes, bool] = {}
    first: Path | None = None
    pending = [(b"", tree)]
    while pending:
        prefix, level = pending.pop()
        for name, content in level.items():
            path = prefix + name
            made[path] = isinstance(content, dict)
            whole = Path(os.fsdecode(top + b"/" + path))
            if isinstance(content, dict):
                whole.mkdir()
                pending.append((path + b"/", content))
            elif isinstance(content, bytes):
                whole.symlink_to(os.fsdecode(content))
            elif first is not None and len(made) % 3 == 0:
                whole.hardlink_to(first)
            else:
                whole.write_bytes(path)
                first = first or whole
    return made


def arrived(top: bytes) -> set[bytes]:
    found: set[bytes] = set()
    for folder, directories, files in os.walk(top):
        prefix = (folder[len(top) :] + b"/")[1:]
        found |= {prefix + name for name in (*directories, *files)}
    return found


def compile_or_skip(content: Manifest) -> tuple[Policy, Compilation]:
    _, policy = load(text_of(content), "test.yaml")
    findings = Findings()
    compilation = compile_with(policy, findings)
    assume(compilation is not None and not findings.failed())
    assert compilation is not None
    return policy, compilation


def run_rsync(compilation: Compilation, source: bytes, base: Path) -> dict[str, set[bytes]]:
    """Let the real rsync run each mirror leg's filter over the tree of `data`."""
    taken: dict[str, set[bytes]] = {}
    for leg in compilation.plan.legs:
        for feed in leg.feeds:
            if feed.reads != "data" or feed.selection is None:
                continue
            rules, target = base / f"{leg.name}.rules", base / leg.name
            rules.write_bytes(render_rules(feed.selection))
            target.mkdir()
            command = [b"rsync", b"-rl", b"--filter=merge " + os.fsencode(rules), source + b"/",
                       os.fsencode(target) + b"/"]  # fmt: skip
            subprocess.run(command, check=True, capture_output=True)
            taken[leg.name] = arrived(os.fsencode(target))
    return taken


@pytest.mark.tool("rsync")
class TestPartition:
    """Complete and exclusive by construction, then proven."""

    @given(content=manifests(), tree=trees())
    def test_each_file_rides_the_one_leg_that_explain_names(self, content, tree):
        policy, compilation = compile_or_skip(content)
        with tempfile.TemporaryDirectory() as folder:
            base = Path(folder)
            source = os.fsencode(base) + b"/source"
            (base / "source").mkdir()
            made = build(source, tree)
            taken = run_rsync(compilation, source, base)
        for path, directory in made.items():
            answer = explain(policy, compilation, b"/srv/data/" + path, directory=directory)
            takers = {leg for leg, paths in taken.items() if path in paths}
            if not directory:
                assert takers == ({answer.leg} if answer.leg else set()), (path, answer)
            elif answer.leg is not None:
                assert answer.leg in takers, (path, answer)
            if answer.leg is None:
                assert answer.reason, path
            for other in takers - {answer.leg}:
                assert directory
                assert self.enters(compilation, other, path), (other, path)

    @staticmethod
    def enters(compilation: Compilation, leg: str, path: bytes) -> bool:
        plan = compilation.plan.leg(leg)
        assert plan is not None
        selection = next(feed.selection for feed in plan.feeds if feed.reads == "data")
        assert selection is not None
        return selection.decide(tuple(path.split(b"/")), directory=True) is Verdict.ENTERED

    @given(content=manifests())
    def test_the_proof_holds_for_every_feed(self, content):
        _, compilation = compile_or_skip(content)
        for draft in compilation.drafts:
            if draft.feed.selection is not None:
                proof = prove(draft.feed.selection, render_rules(draft.feed.selection))
                assert proof.holds, (draft.leg.name, proof.difference)

    @given(content=manifests(), data=st.data())
    def test_one_routing_line_touches_the_two_legs_involved_only(self, content, data):
        _, before = compile_or_skip(content)
        key = data.draw(st.sampled_from(sorted(content["routes"])))
        old, new = content["routes"][key], data.draw(st.sampled_from(LEGS))
        assume(new in content["legs"] and new != old)
        edited = {**content, "routes": {**content["routes"], key: new}}
        _, after = compile_or_skip(edited)
        involved = {new, old if isinstance(old, str) else None}
        for one in before.plan.legs:
            if one.name not in involved:
                edited_leg = after.plan.leg(one.name)
                assert edited_leg is not None
                assert decisions(one.feeds) == decisions(edited_leg.feeds)


def decisions(feeds) -> list[object]:
    """What a leg's feeds take, as rules: the same text, the same paths."""
    return [(feed.reads, feed.selection and render_rules(feed.selection)) for feed in feeds]
