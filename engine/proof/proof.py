"""The proof that a filter file's text takes exactly what a selection says, for all paths.

The selection and the text, parsed back under rsync's own rules, are two functions of a path and
its type. Both become automata over bytes; their product is explored breadth first, so the first
difference is a shortest one. rsync enters a directory only where no directory above it and not
itself is excluded: the walk goes below a directory only where both sides agree to go, and where
they do not, the directory itself is the difference.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from engine.plan.selection import Selection, Verdict
from engine.proof.pattern_set import NEVER, Ranks
from engine.proof.product import NOTHING, Found, Judge, Judgement, Walk
from engine.proof.questions import (
    RULE_CHANNELS,
    Channel,
    Questions,
    component_parts,
    pose,
    takes,
)
from engine.rsync.rules import Rule, RuleText, Side, parse_rules
from engine.rsync.wildmatch import example
from policy.patterns import NAME_MAX, PATH_MAX

_OTHER_FAULT, _DIRECTORY_FAULT = 1, 2
"""What the judges object to: the path as a non-directory, the path as a directory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A path about which the selection and the filter disagree."""

    path: bytes
    """Relative to the tree's root."""
    directory: bool
    expected: Verdict
    filter_takes: bool
    """Whether rsync sends it, or (side `delete`) may delete it at the receiver."""
    rule: Rule | None
    """The rule that decides; None where none matches and rsync includes by default."""
    side: Side


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What an exploration of all paths has shown."""

    states: int
    difference: Difference | None
    complete: bool
    """False: too complex, the limit on states was reached. Never a pass."""
    dropped: tuple[int, ...] = ()
    """Lines that rsync drops because they are too long; the proof holds without them."""

    @property
    def holds(self) -> bool:
        """Whether the two agree on every path."""
        return self.complete and self.difference is None


def prove(selection: Selection, filter_text: bytes, *, limit: int = 1_000_000) -> Proof:
    """Compare a selection with the text of its filter. Raises `RuleError`."""
    rules = parse_rules(filter_text)
    questions = pose(selection, rules)
    found = _walk(questions, _judge_sending, limit=limit)
    side: Side = "send"
    states = found.states
    if found.complete and not found.fault and not rules.two_sided:
        # With two-sided rules only, what is not sent is protected: the same function.
        side = "delete"
        found = _walk(questions, _judge_deletion, limit=limit)
        states += found.states
    difference = _difference(selection, rules, found, side) if found.fault else None
    return Proof(
        states=states, difference=difference, complete=found.complete, dropped=rules.dropped
    )


def _walk(questions: Questions, judge: Judge, *, limit: int) -> Found:
    found = Walk(questions, judge, limit=limit).run()
    if any(len(name) > NAME_MAX for name in found.path.split(b"/")):
        return Walk(questions, judge, limit=limit, measured=True).run()
    return found


def _difference(selection: Selection, rules: RuleText, found: Found, side: Side) -> Difference:
    directory = found.fault == _DIRECTORY_FAULT
    rule = rules.deciding(found.path, directory=directory, side=side)
    names = tuple(found.path.split(b"/"))
    return Difference(
        path=found.path,
        directory=directory,
        expected=selection.decide(names, directory=directory),
        filter_takes=rule is None or rule.takes,
        rule=rule,
        side=side,
    )


# ── Judges ───────────────────────────────────────────────────────────────────────────────────


def _expected(ranks: Ranks) -> tuple[bool, bool]:
    """Whether the selection takes the path as a non-directory, and visits it as a directory.

    What lies below a refused directory is not asked: the walk has ended there.
    """
    line = ranks[Channel.LINE] == 1
    entered = ranks[Channel.ENTERED] != NEVER
    return (
        line and ranks[Channel.REFUSED_OTHER] == NEVER,
        (line or entered) and ranks[Channel.REFUSED_DIRECTORY] == NEVER,
    )


def _judge_sending(ranks: Ranks) -> Judgement:
    if ranks[Channel.NO_NAME] != NEVER:
        return NOTHING
    other, directory = _expected(ranks)
    if takes(ranks[Channel.SEND_OTHER]) != other:
        return Judgement(_OTHER_FAULT, below=False)
    if takes(ranks[Channel.SEND_DIRECTORY]) != directory:
        return Judgement(_DIRECTORY_FAULT, below=False)
    return Judgement(0, below=directory)


def _judge_deletion(ranks: Ranks) -> Judgement:
    """Judge what a receiver may delete, where sending is proven already.

    It scans each directory that was sent, protected or not: a protect rule on a directory alone
    does not keep what is in it. A directory that was not sent it scans only to delete it, and
    that is a fault already.
    """
    if ranks[Channel.NO_NAME] != NEVER:
        return NOTHING
    other, directory = _expected(ranks)
    if takes(ranks[Channel.DELETE_OTHER]) and not other:
        return Judgement(_OTHER_FAULT, below=False)
    if takes(ranks[Channel.DELETE_DIRECTORY]) and not directory:
        return Judgement(_DIRECTORY_FAULT, below=False)
    return Judgement(0, below=directory)


# ── One member of each class ─────────────────────────────────────────────────────────────────


def class_members(
    selection: Selection, filter_text: bytes, *, most: int
) -> tuple[tuple[bytes, bool], ...]:
    """Give a path, and whether as a directory, for each way in which a path can be decided.

    A way is a verdict, the routing line and the filter rule behind it. The paths are those that
    the exploration met and, because it does not tell lines with one answer apart, an example of
    each line's and each rule's pattern, of what lies right below it and of what leads there. Two
    paths that are decided the same way are not both given. Raises `RuleError`.
    """
    rules = parse_rules(filter_text)
    exact = pose(selection, rules, each_rank=True)
    found: dict[tuple[Verdict, int, int], tuple[bytes, bool]] = {}
    for path in _candidates(selection, rules):
        if len(found) >= most:
            break
        ranks = exact.ranks(path)
        names = tuple(path.split(b"/"))
        for directory in (False, True):
            verdict = selection.decide(names, directory=directory)
            rule = ranks[RULE_CHANNELS["send", directory]]
            found.setdefault((verdict, ranks[Channel.LINE], rule), (path, directory))
    return tuple(found.values())[:most]


def _candidates(selection: Selection, rules: RuleText) -> Iterator[bytes]:
    walk = Walk(pose(selection, rules), _judge_sending, limit=100_000)
    walk.run()
    for key in walk.samples.values():
        if _is_path(walk.path(key)):
            yield walk.path(key)
    for line in selection.lines:
        names = (example(component_parts(each)) for each in line.pattern.components)
        yield from _around(b"/".join(names))
    for rule in rules.rules:
        for parts in rule.shape.anywhere:
            yield from _around(example(parts))


def _around(path: bytes) -> Iterator[bytes]:
    """Yield the path, one below it, and those that lead to it."""
    if _is_path(path):
        yield path
        if len(path) < PATH_MAX - 1:
            yield path + b"/x"
    names = path.split(b"/")
    for depth in range(1, len(names)):
        above = b"/".join(names[:depth])
        if _is_path(above):
            yield above


def _is_path(path: bytes) -> bool:
    return len(path) <= PATH_MAX and all(
        0 < len(name) <= NAME_MAX and name not in {b".", b".."} for name in path.split(b"/")
    )
