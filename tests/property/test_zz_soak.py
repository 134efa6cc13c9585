"""The heart: for every file exactly one leg's real rsync run takes it, the one that `explain`
names, or none does and `explain` gives the reason.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from engine.compile import Compilation, compile_quietly
from engine.explain import explain
from engine.filters import render_rules
from engine.plan import Feed
from engine.proof import prove
from engine.selection import Verdict
from policy.diagnostics import Severity
from policy.model import Policy
from tests.strategies import ODD_NAMES, Manifest, checked, manifest, policy_of

COMMON = (b"a", b"b", b"ab", b"c", b"a.b", b".a", b"abc")
SPECIAL = (b"x.swp", b"@eaDir", b"my-travel-journal", b"great-wal", b".policyctl-old", b"lost+found")
NAMES = (*COMMON * 3, *ODD_NAMES, *SPECIAL)
WRITABLE = tuple(name.decode() for name in (*COMMON * 3, *ODD_NAMES) if name.isascii() or name == "café".encode())
WILD = ("*", "?", "a*", "*b", "[ab]*", "[!a]*", "*.*", "?b", "*a*", "[!\x01-\t\x0b-\x7f]*", "x*x")
IGNORES = (
    "x.swp", "*.swp", "*-wal", "@eaDir/", "a/", "ab", "*b/", "/a/b", "/a/", "/ab/c/", "/a", "*c",
    "[*]", "[[]*/", "\\", "\\*/", "*\n*", "# x", "#hash", ";semi", " lead", "trail ", "-dash/",
)


def escaped(name: str) -> str:
    """A literal name as a key writes it."""
    return "".join(f"[{char}]" if char in "*?[" else char for char in name)


components = st.sampled_from([*map(escaped, WRITABLE), *WILD])
keys = st.lists(components, min_size=1, max_size=3).map("/".join)


class Case(NamedTuple):
    content: Manifest
    trees: dict[str, list[tuple[tuple[bytes, ...], str]]]


@st.composite
def cases(draw: Callable[..., Any]) -> Case:
    names = ["one", "two"][: draw(st.integers(1, 2))]
    count = draw(st.integers(2, 3))
    where = "/{source}" if len(names) == 2 else ""
    inner = draw(st.sampled_from(["/a", "/a/b", "/ab", "/zz", "/[/x"]))
    places = draw(
        st.sampled_from(
            [
                [f"disk:/leg0{where}", f"disk:/leg1{where}", f"disk:/leg2{where}"],
                [f"disk:{where or '/'}", f"disk:/one{inner}{where}", f"disk:/leg2{where}"],
                [f"disk:{where or '/'}", f"disk:{inner}{where}", f"disk:{inner}/b/{'{source}'}"],
            ]
        )
    )
    legs = {f"leg{n}": {"kind": "mirror", "to": places[n]} for n in range(count)}
    targets = st.sampled_from([*sorted(legs), *sorted(legs), {"none": "not wanted"}])
    routes = {}
    for name in names:
        routes[f"{name}:"] = draw(targets)
        for key in draw(st.lists(keys, max_size=5)):
            routes[f"{name}:{key}"] = draw(targets)
    for leg in legs:
        routes.setdefault(f"{draw(st.sampled_from(names))}:only-{leg}", leg)
    ignores = {
        text: draw(st.sampled_from(["litter", {"only": [names[0]], "reason": "litter"}]))
        for text in draw(st.lists(st.sampled_from(IGNORES), max_size=3))
    }
    paths = st.lists(st.sampled_from(NAMES), min_size=1, max_size=4).map(tuple)
    entry = st.tuples(paths, st.sampled_from(["file", "file", "dir", "link", "hard"]))
    content = manifest(
        sources={name: {"kind": "tree", "path": f"/src/{name}"} for name in names},
        legs=legs,
        routes=routes,
        ignore=ignores or None,
    )
    return Case(content, {name: draw(st.lists(entry, min_size=4, max_size=20)) for name in names})


def grow(root: Path, entries: list[tuple[tuple[bytes, ...], str]]) -> None:
    """Make a tree; what cannot stand where something else stands is left out."""
    base = os.fsencode(root)
    os.makedirs(base, exist_ok=True)
    elsewhere = os.path.join(os.path.dirname(base), b"elsewhere")
    os.makedirs(elsewhere, exist_ok=True)
    with open(os.path.join(elsewhere, b"inside"), "wb"):
        pass
    with open(os.path.join(base, b"first"), "wb") as file:
        file.write(b"x")
    for names, kind in entries:
        path = os.path.join(base, *names)
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            if kind == "dir":
                os.makedirs(path, exist_ok=True)
            elif kind == "link":
                os.symlink(elsewhere, path)
            elif kind == "hard":
                os.link(os.path.join(base, b"first"), path)
            elif not os.path.lexists(path):
                with open(path, "wb") as file:
                    file.write(b"y")
        except (FileExistsError, NotADirectoryError):
            continue


def entries_of(root: Path) -> dict[tuple[bytes, ...], bool]:
    """Everything below a root: names, and whether it is a directory (not a link to one)."""
    base = os.fsencode(root)
    found = {}
    for folder, folders, files in os.walk(base):
        above = os.path.relpath(folder, base)
        names = () if above == b"." else tuple(above.split(b"/"))
        for one in folders:
            found[*names, one] = not os.path.islink(os.path.join(folder, one))
        found.update({(*names, one): False for one in files})
    return found


def transfer(feed: Feed, source: Path, target: Path) -> dict[tuple[bytes, ...], bool]:
    """What the real rsync takes with this feed's filter."""
    assert feed.selection is not None
    rules = target.with_suffix(".rules")
    rules.write_bytes(render_rules(feed.selection))
    command = ["rsync", "-rl", f"--filter=merge {rules}", f"{source}/", f"{target}/"]
    done = subprocess.run(command, check=False, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b""), done
    return entries_of(target)


def feeds_of(compilation: Compilation) -> Iterator[tuple[str, Feed]]:
    for plan in compilation.plan.legs:
        for feed in plan.feeds:
            yield plan.name, feed


def compiled_or_skipped(content: Manifest) -> tuple[Policy, Compilation]:
    """Random routes may fight, random ignores may swallow them: that is another test's matter."""
    report = checked(content)
    found = {one.code for one in report.findings if one.severity is Severity.ERROR}
    assert not any(code.startswith("proof") for code in found), report.findings
    assume(found <= {"route-blocked", "ignore-swallows-route"})
    policy = policy_of(content)
    compilation = compile_quietly(policy)
    assert compilation is not None
    return policy, compilation


@pytest.mark.tool("rsync")
class TestPartition:
    """"For every file exactly one leg's real rsync run takes it, the one that `explain` names"."""

    @settings(max_examples=700)
    @given(cases())
    def test_each_file_rides_one_leg(self, case: Case) -> None:
        policy, compilation = compiled_or_skipped(case.content)
        for _, feed in feeds_of(compilation):
            assert feed.selection is not None
            assert prove(feed.selection, render_rules(feed.selection)).holds
        with tempfile.TemporaryDirectory() as folder:
            for name, entries in case.trees.items():
                source = Path(folder, "src", name)
                grow(source, entries)
                taken = {
                    leg: transfer(feed, source, Path(folder, f"{leg}-{name}"))
                    for leg, feed in feeds_of(compilation)
                    if feed.reads == name
                }
                judge(policy, compilation, name, entries_of(source), taken)


def judge(
    policy: Policy,
    compilation: Compilation,
    source: str,
    entries: dict[tuple[bytes, ...], bool],
    taken: dict[str, dict[tuple[bytes, ...], bool]],
) -> None:
    feeds = {leg: feed for leg, feed in feeds_of(compilation) if feed.reads == source}
    for leg, arrived in taken.items():
        assert arrived.items() <= entries.items(), leg
    for names, directory in entries.items():
        path = b"/src/" + source.encode() + b"/" + b"/".join(names)
        takers = [leg for leg, arrived in taken.items() if names in arrived]
        verdicts = {
            leg: feed.selection.decide(names, directory=directory)
            for leg, feed in feeds.items()
            if feed.selection is not None
        }
        told = explain(policy, compilation, path, directory=directory)
        assert told.reason
        if directory:
            visited = {Verdict.TAKEN, Verdict.ENTERED}
            assert takers == [leg for leg, one in verdicts.items() if one in visited], names
            carriers = [leg for leg, one in verdicts.items() if one is Verdict.TAKEN]
        else:
            assert takers == [leg for leg, one in verdicts.items() if one is Verdict.TAKEN], names
            carriers = takers
        assert len(carriers) <= 1, (names, carriers)
        assert ([told.leg] if told.leg else []) == carriers, (names, told)


class TestOneLine:
    """"A routing change is one changed line in the manifest, and nothing else anywhere"."""

    @settings(max_examples=700)
    @given(cases(), st.data())
    def test_changing_one_route_changes_only_the_two_legs_involved(
        self, case: Case, data: st.DataObject
    ) -> None:
        _, before = compiled_or_skipped(case.content)
        key = data.draw(st.sampled_from(sorted(case.content["routes"])))
        old = case.content["routes"][key]
        new = data.draw(st.sampled_from([*sorted(case.content["legs"]), {"none": "x"}]))
        changed = {**case.content, "routes": {**case.content["routes"], key: new}}
        after = compile_quietly(policy_of(changed))
        assume(after is not None)
        assert after is not None
        involved = {one for one in (old, new) if isinstance(one, str)}
        assert {
            leg for leg, _ in differing(dict(rendered(before)), dict(rendered(after)))
        } <= involved


def rendered(compilation: Compilation) -> Iterator[tuple[tuple[str, str], bytes]]:
    for leg, feed in feeds_of(compilation):
        assert feed.selection is not None
        yield (leg, feed.reads), render_rules(feed.selection)


def differing(
    one: dict[tuple[str, str], bytes], other: dict[tuple[str, str], bytes]
) -> set[tuple[str, str]]:
    return {key for key in {*one, *other} if one.get(key) != other.get(key)}
