"""The real rsync judges the reading of rules, and every difference that the proof finds."""

import os
import re
import subprocess
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from engine.plan.selection import Ignore, Line, Selection, Verdict
from engine.proof.proof import Difference, class_members, prove
from engine.proof.questions import RULE_CHANNELS, pose
from engine.rsync.filters import render_rules
from engine.rsync.rules import RuleText, parse_rules
from policy.patterns import parse_path_pattern

pytestmark = pytest.mark.tool("rsync")

Entry = tuple[bytes, bool]
"""A path below the root, and whether it is a directory."""

CLEAN = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}


class Trees:
    """A source and a destination for one question to rsync."""

    def __init__(self, place: Path) -> None:
        self.source = os.fsencode(place / "source")
        self.target = os.fsencode(place / "target")
        self.rules = place / "rules"

    def sync(self, text: bytes, *options: str) -> None:
        self.rules.write_bytes(text)
        command = ["rsync", "-rl", *options, f"--filter=merge {self.rules}"]
        subprocess.run(
            [*map(os.fsencode, command), self.source + b"/", self.target + b"/"],
            check=True,
            env=CLEAN,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


def grow(root: bytes, entries: Iterable[Entry]) -> None:
    """Make a tree; where a path is needed as both types, the directory wins."""
    top = Path(os.fsdecode(root))
    top.mkdir(exist_ok=True)
    for path, directory in sorted(entries, key=lambda entry: not entry[1]):
        whole = top / os.fsdecode(path)
        (whole if directory else whole.parent).mkdir(parents=True, exist_ok=True)
        if not directory and not whole.is_dir():
            whole.touch()


def listed(root: bytes) -> set[Entry]:
    """All entries of a tree, as bytes."""
    found: set[Entry] = set()
    for folder, directories, files in os.walk(root):
        inner = folder[len(root) + 1 :] + b"/" if folder != root else b""
        found |= {(inner + name, True) for name in directories}
        found |= {(inner + name, False) for name in files}
    return found


def sent(entries: Iterable[Entry], text: bytes) -> tuple[set[Entry], set[Entry]]:
    """What a tree of these entries holds, and what rsync sends of it."""
    with TemporaryDirectory() as place:
        trees = Trees(Path(place))
        grow(trees.source, entries)
        trees.sync(text)
        return listed(trees.source), listed(trees.target)


def above(path: bytes) -> list[bytes]:
    names = path.split(b"/")
    return [b"/".join(names[:depth]) for depth in range(1, len(names))]


# ── (a) The reading of rules ─────────────────────────────────────────────────────────────────

NAMES = [
    *(b"a", b"b", b"ab", b"A", b"aa", b"a b", b"- x", b"#x", b";x", b".a", b"a]", b"-", b"1"),
    *(
        b"*",
        b"**",
        b"a*",
        b"[",
        b"a[1]",
        b"\\",
        b"a\\b",
        b"\n",
        b"\r",
        b"x\ny",
        b"\xff",
        b"\xc3\xa9",
    ),
]
ATOMS = [
    *(b"a", b"b", b"ab", b"A", b"\xff", b"-", b"/", b"/", b"*", b"*", b"**", b"***", b"?"),
    *(b"\\", b"\\*", b"\\[", b"\\\\", b"[", b"]", b"[a", b"[ab]", b"[!a]", b"[^ab]", b"[a-]"),
    *(b"[]a]", b"[!]]", b"[\\]]", b"[a/b]", b"[*]", b"[**]", b"[b-a]", b"[-a]", b"[0-9-a]"),
    *(b"[[:alpha:]]", b"[![:upper:]]", b"[[:none:]]", b"[[:]", b"[[:a]", b"[!\x01-\x09\x0b-\xff]"),
]

patterns = st.builds(
    lambda head, atoms, tail: head + b"".join(atoms) + tail,
    st.sampled_from([b"", b"", b"/"]),
    st.lists(st.sampled_from(ATOMS), min_size=1, max_size=5),
    st.sampled_from([b"", b"", b"/", b"/***", b"/**"]),
)


def texts(kinds: list[bytes]) -> st.SearchStrategy[bytes]:
    rules = st.builds(lambda kind, pattern: kind + pattern, st.sampled_from(kinds), patterns)
    return st.lists(rules, min_size=1, max_size=5).map(lambda lines: b"\n".join(lines) + b"\n")


def entries_of_all_kinds() -> Iterator[Entry]:
    """A name of each kind at the top, and a different handful below each."""
    for index, name in enumerate(NAMES):
        yield name, index % 2 > 0
        if index % 2 > 0:
            for step in range(5):
                inner = NAMES[(index * 7 + step * 5) % len(NAMES)]
                yield name + b"/" + inner, step % 2 == 0
                if step % 2 == 0:
                    yield name + b"/" + inner + b"/" + NAMES[(index + step) % len(NAMES)], step > 2


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, frozenset[Entry]]:
    """A tree for many questions, and what it holds."""
    place = tmp_path_factory.mktemp("wide")
    trees = Trees(place)
    grow(trees.source, entries_of_all_kinds())
    return place, frozenset(listed(trees.source))


class TestRulesAreReadAsRsyncReadsThem:
    """rsync(1), FILTER RULES: the first rule that matches decides, on each side by itself."""

    @given(st.lists(texts([b"- ", b"+ "]), min_size=2, max_size=2))
    def test_what_is_sent(self, wide: tuple[Path, frozenset[Entry]], some: list[bytes]) -> None:
        place, entries = wide
        for text in some:
            with TemporaryDirectory(dir=place) as target:
                trees = Trees(place)
                trees.target = os.fsencode(target)
                trees.sync(text)
                real = listed(trees.target)
            rules = parse_rules(text)
            read = {entry for entry in entries if rules.takes(entry[0], directory=entry[1])}
            assert read == real, text

    @given(texts([b"- ", b"+ ", b"H ", b"S ", b"P ", b"R "]))
    def test_both_readers_find_the_same_rule(
        self, wide: tuple[Path, frozenset[Entry]], text: bytes
    ) -> None:
        rules = parse_rules(text)
        questions = pose(Selection(lines=()), rules, each_rank=True)
        for path, directory in wide[1]:
            ranks = questions.ranks(path)
            for (side, for_directories), channel in RULE_CHANNELS.items():
                if for_directories == directory and (side == "send" or not rules.two_sided):
                    rule = rules.deciding(path, directory=directory, side=side)
                    found = dict(enumerate(rules.rules)).get(ranks[channel])
                    assert found == rule, (path, side)

    @given(texts([b"- ", b"+ ", b"H ", b"S ", b"P ", b"R "]), st.data())
    def test_what_is_deleted(self, text: bytes, data: st.DataObject) -> None:
        names = [b"a", b"b", b"ab", b"*"]
        every = [
            *((name, True) for name in names),
            *(
                (first + b"/" + second, second in {b"a", b"*"})
                for first in names
                for second in names
            ),
            *((b"a/a/" + name, False) for name in names),
        ]
        left_out = data.draw(st.sets(st.sampled_from([path for path, _ in every])))
        gone = [e for e in every if left_out & {e[0], *above(e[0])}]
        with TemporaryDirectory() as place:
            trees = Trees(Path(place))
            grow(trees.target, every)
            grow(trees.source, set(every) - set(gone))
            here = listed(trees.source)
            trees.sync(text, "--delete", "--force")
            assert listed(trees.target) == kept(set(every), here, parse_rules(text)), text


def kept(target: set[Entry], source: set[Entry], rules: RuleText) -> set[Entry]:
    """What a target holds after a run with --delete, told from the rules as read."""

    def deleted(path: bytes, directory: bool) -> bool:
        """Whether it goes, given that its directory is scanned."""
        rule = rules.deciding(path, directory=directory, side="delete")
        return rule is None or rule.takes

    def scanned(path: bytes) -> bool:
        folder = path.rpartition(b"/")[0]
        if not folder or ((folder, True) in source and rules.takes(folder, directory=True)):
            return True
        return scanned(folder) and deleted(folder, True)

    stays = {
        entry
        for entry in target
        if (entry in source and rules.takes(entry[0], directory=entry[1]))
        or not scanned(entry[0])
        or not deleted(*entry)
    }
    # A directory that still holds something cannot be removed.
    return stays | {(folder, True) for path, _ in stays for folder in above(path)}


# ── (b) The proof ────────────────────────────────────────────────────────────────────────────

LITERALS = [b"a", b"b", b"ab", b"a*b", b"[x]", b"a\\b", b"n\nl", b"#c", b"\xff"]
KEYS = [name.replace(b"[", b"[[]").replace(b"*", b"[*]") for name in LITERALS]
WILD = [b"*", b"a*", b"?", b"[ab]", b"*b", b"[!a]*"]
IGNORES = [b"*.t", b"a*", b"[ab]", b"b", b"@d", b"*[x]*", b"n\nl"]

keys = st.lists(
    st.one_of(st.sampled_from(KEYS), st.sampled_from(KEYS), st.sampled_from(WILD)),
    min_size=1,
    max_size=3,
).map(b"/".join)

lines = st.builds(
    lambda key, taken: Line(pattern=parse_path_pattern(key), taken=taken), keys, st.booleans()
)
ignores = st.one_of(
    st.builds(
        lambda name, directory: Ignore(
            pattern=parse_path_pattern(name), anchored=False, directory=directory
        ),
        st.sampled_from(IGNORES),
        st.booleans(),
    ),
    st.builds(
        lambda key, directory: Ignore(
            pattern=parse_path_pattern(key), anchored=True, directory=directory
        ),
        keys,
        st.booleans(),
    ),
)


def selection_of(
    some: list[Line], root: bool, left_out: list[Ignore], blocked: list[list[bytes]]
) -> Selection:
    """The longer key first; which line wins elsewhere is all one to the proof."""
    ordered = sorted(some, key=lambda each: -len(each.pattern.components))
    return Selection(
        lines=(*ordered, Line(pattern=parse_path_pattern(b""), taken=root)),
        ignores=tuple(left_out),
        blocked=tuple(tuple(names) for names in blocked),
    )


selections = st.builds(
    selection_of,
    st.lists(lines, max_size=5),
    st.booleans(),
    st.lists(ignores, max_size=2),
    st.lists(st.lists(st.sampled_from(LITERALS), min_size=1, max_size=2), max_size=1),
)

Break = Callable[[list[bytes], int, int], list[bytes]]


def replaced(change: Callable[[bytes], bytes]) -> Break:
    """Break one rule's text."""
    return lambda rules, at, _: [*rules[:at], change(rules[at]), *rules[at + 1 :]]


def swapped(rules: list[bytes], at: int, other: int) -> list[bytes]:
    changed = list(rules)
    changed[at], changed[other] = rules[other], rules[at]
    return changed


def too_long(rule: bytes) -> bytes:
    """The same meaning, in a rule that rsync drops."""
    return rule[:2] + b"[" + rule[2:3] * 4100 + b"]" + rule[3:]


BREAKS: dict[str, Break] = {
    "drop a rule": lambda rules, at, _: rules[:at] + rules[at + 1 :],
    "swap two": swapped,
    "repeat one early": lambda rules, at, _: [rules[at], *rules],
    "repeat one late": lambda rules, at, _: [*rules, rules[at]],
    "un-anchor": replaced(lambda rule: rule[:2] + rule[2:].lstrip(b"/")),
    "anchor": replaced(lambda rule: rule[:2] + b"/" + rule[2:].lstrip(b"/")),
    "mis-quote a bracket": replaced(lambda rule: rule.replace(b"[\\[]", b"[")),
    "mis-quote a star": replaced(lambda rule: rule.replace(b"[\\*]", b"*")),
    "double a backslash": replaced(lambda rule: rule.replace(b"\\", b"\\\\")),
    "halve a backslash": replaced(lambda rule: rule.replace(b"\\\\", b"\\")),
    "widen": replaced(lambda rule: rule.rstrip(b"/") + b"*" + rule[len(rule.rstrip(b"/")) :]),
    "cross slashes": replaced(lambda rule: rule.replace(b"*", b"**", 1)),
    "do not cross them": replaced(lambda rule: rule.replace(b"**", b"*", 1)),
    "upper case": replaced(lambda rule: rule[:2] + rule[2:].upper()),
    "the other way": replaced(lambda rule: (b"+" if rule[:1] == b"-" else b"-") + rule[1:]),
    "one level up": replaced(lambda rule: rule.rstrip(b"/").rpartition(b"/")[0] + b"/"),
    "one level down": replaced(lambda rule: rule.rstrip(b"/") + b"/a" + b"/" * rule.endswith(b"/")),
    "lose the slash": replaced(lambda rule: rule.rstrip(b"/")),
    "gain a slash": replaced(lambda rule: rule + b"/"),
    "too long": replaced(too_long),
    "a stray exclude": lambda rules, at, _: [*rules[:at], b"- *b", *rules[at:]],
    "a stray include": lambda rules, at, _: [*rules[:at], b"+ a/b", *rules[at:]],
    "only hidden": replaced(lambda rule: rule.replace(b"- ", b"H ", 1)),
    "only protected": replaced(lambda rule: rule.replace(b"- ", b"P ", 1)),
    "only shown": replaced(lambda rule: rule.replace(b"+ ", b"S ", 1)),
    "put at risk": replaced(lambda rule: rule.replace(b"+ ", b"R ", 1)),
    "protect more": lambda rules, at, _: [b"P" + rules[at][1:], *rules],
}


def broken(selection: Selection, accident: str, other: int) -> list[bytes]:
    """The rendered text after one accident, at each place where it changes anything."""
    rules = render_rules(selection).rstrip(b"\n").split(b"\n")
    each = [BREAKS[accident](rules, at, other % len(rules)) for at in range(len(rules))]
    # Nothing but a prefix is no rule, and an error of its own.
    changed = [[rule for rule in some if len(rule) > 2] for some in each]
    return [b"\n".join(some) + b"\n" for some in changed if some != rules]


def confirm(found: Difference, text: bytes) -> None:
    """Show the path of a difference to rsync."""
    entry = (found.path, found.directory)
    with TemporaryDirectory() as place:
        trees = Trees(Path(place))
        grow(trees.source, [(folder, True) for folder in above(found.path)])
        if found.side == "send":
            grow(trees.source, [entry])
            trees.sync(text)
            assert (entry in listed(trees.target)) == found.filter_takes
        else:
            # It is only at the receiver, so rsync would delete it if it may.
            grow(trees.target, [entry])
            trees.sync(text, "--delete")
            assert (entry not in listed(trees.target)) == found.filter_takes


def check_difference(selection: Selection, found: Difference, text: bytes) -> None:
    """What a difference says is what both sides say when asked about that one path."""
    names = tuple(found.path.split(b"/"))
    assert found.expected is selection.decide(names, directory=found.directory)
    assert found.filter_takes != expected(selection, (found.path, found.directory))
    assert found.rule == parse_rules(text).deciding(
        found.path, directory=found.directory, side=found.side
    )


def expected(selection: Selection, entry: Entry) -> bool:
    path, directory = entry
    verdict = selection.decide(tuple(path.split(b"/")), directory=directory)
    return verdict is Verdict.TAKEN or (verdict is Verdict.ENTERED and directory)


def check_members(selection: Selection, text: bytes, also: bytes) -> None:
    """Build trees with a member of each class, and let rsync take what it takes of them."""
    members = {entry for each in (text, also) for entry in class_members(selection, each, most=150)}
    needed = {folder for path, _ in members for folder in above(path)}
    others = {path for path, directory in members if not directory}
    # A path can be of one type only, so there is a tree in which directories win and, where that
    # leaves something out, one in which the others do.
    trees = [{e for e in members if e[1] or not ({(e[0], True)} & members or e[0] in needed)}]
    if trees[0] != members:
        free = {e for e in members if not others.intersection(above(e[0]))}
        trees.append({e for e in free if not e[1] or e[0] not in others})
    for tree in trees:
        source, target = sent(tree, text)
        assert target == {entry for entry in source if expected(selection, entry)}


class TestTheProof:
    """It holds exactly where rsync takes, of every path, what the selection says."""

    @given(selections)
    def test_the_rendered_text_is_proven_and_rsync_agrees(self, selection: Selection) -> None:
        text = render_rules(selection)
        proof = prove(selection, text)
        assert proof.holds, proof.difference
        check_members(selection, text, text)

    @pytest.mark.parametrize("accident", BREAKS)
    @settings(max_examples=max(1, settings().max_examples // 6))
    @given(selections, st.integers(0, 100), st.randoms())
    def test_an_accident_is_found_or_harmless(
        self, accident: str, selection: Selection, other: int, chance: Random
    ) -> None:
        found, harmless = [], []
        for text in broken(selection, accident, other):
            proof = prove(selection, text)
            assert proof.complete
            if proof.difference is None:
                harmless.append(text)
            else:
                check_difference(selection, proof.difference, text)
                found.append((proof.difference, text))
        event(f"{len(found)} found", len(found))
        # rsync is slow to ask, so it judges one of each.
        if found:
            confirm(*chance.choice(found))
        if harmless:
            check_members(selection, chance.choice(harmless), render_rules(selection))


HARMLESS = {"repeat one late", "protect more", "only shown"}
"""Accidents that at most keep at the receiver what might have gone."""


@pytest.mark.parametrize("accident", sorted(BREAKS))
def test_each_accident_is_found_somewhere(accident: str) -> None:
    table = [
        (b"a/[[]x[*]", True),
        (b"a", False),
        (b"b\\*/*/c", True),
        (b"b\\d", True),
        (b"", False),
    ]
    selection = Selection(
        lines=tuple(Line(pattern=parse_path_pattern(key), taken=taken) for key, taken in table),
        ignores=(Ignore(pattern=parse_path_pattern(b"*.t"), anchored=False, directory=False),),
        blocked=((b"b\\d", b"own"),),
    )
    proofs = [prove(selection, text) for text in broken(selection, accident, 1)]
    assert proofs
    assert all(proof.complete for proof in proofs)
    assert any(proof.difference for proof in proofs) == (accident not in HARMLESS)


def test_an_awkward_name_reaches_the_other_side() -> None:
    names = [(name, False) for name in NAMES]
    assert sent(names, b"+ *\n")[1] == set(names)


def test_the_rsync_that_judges_is_one_that_is_supported() -> None:
    told = subprocess.run(["rsync", "--version"], check=True, capture_output=True, env=CLEAN)
    found = re.search(rb"version (\d+)\.(\d+)", told.stdout)
    assert found is not None
    assert (int(found[1]), int(found[2])) >= (3, 2)
