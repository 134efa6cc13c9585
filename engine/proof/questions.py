"""Selection and filter rules as marked patterns: what the proof asks about every path.

Each channel is one question. Patterns that look at one name wherever it stands go into one set,
whose automaton starts anew after each slash; patterns that look at the whole path into another.
Both sides share the sets, because they speak of the same names; they are never mixed, because
each has channels of its own.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from engine.plan.selection import RECOVERED, RESERVED, Line, Selection
from engine.proof.automata import Automaton, Scale
from engine.proof.pattern_set import NEVER, PatternSet, Ranks
from engine.rsync.rules import Rule, RuleText, Side
from engine.rsync.wildmatch import CROSS, Part, Parts, merge_parts
from policy.patterns import STAR, Component, PathPattern


class Channel(enum.IntEnum):
    """What is asked; the lowest rank that matches is the answer."""

    LINE = 0
    """The routing line that decides, by its position."""
    ENTERED = 1
    """A directory on the way to a taken line."""
    REFUSED_DIRECTORY = 2
    """Ignored, blocked or reserved, as a directory."""
    REFUSED_OTHER = 3
    NO_NAME = 4
    """The empty name, `.` and `..`: nothing can be called that."""
    SEND_DIRECTORY = 5
    """The filter rule that decides for the sender about a directory, by its position."""
    SEND_OTHER = 6
    DELETE_DIRECTORY = 7
    """The same for the receiver."""
    DELETE_OTHER = 8


RULE_CHANNELS: dict[tuple[Side, bool], Channel] = {
    ("send", True): Channel.SEND_DIRECTORY,
    ("send", False): Channel.SEND_OTHER,
    ("delete", True): Channel.DELETE_DIRECTORY,
    ("delete", False): Channel.DELETE_OTHER,
}
"""By side and by whether the entry is a directory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """Both automata, ready to be walked side by side."""

    paths: Automaton
    names: Automaton

    def ranks(self, path: bytes) -> Ranks:
        """Answer all channels for one path."""
        by_path = self.paths.ranks(path)
        by_name = self.names.ranks(path.rpartition(b"/")[2])
        return tuple(map(min, by_path, by_name))


def pose(selection: Selection, rules: RuleText, *, each_rank: bool = False) -> Questions:
    """Build the automata of a selection and of filter rules.

    By default answers are as coarse as a verdict needs: a line is taken or not, a rule takes or
    not. With `each_rank` they name the line and the rule; too many states to explore, but right
    for walking single paths.
    """
    paths, names = PatternSet(len(Channel)), PatternSet(len(Channel))
    scales = [Scale(answers=(0,)) for _ in Channel]
    _place_refusals(selection, paths, names)
    scales[Channel.LINE] = _place_lines(selection.lines, paths, each_rank=each_rank)
    for (side, directory), channel in RULE_CHANNELS.items():
        if side == "send" or not rules.two_sided:
            consulted = _consulted(rules.rules, side, directory=directory)
            runs = _runs([rule.takes for _, rule in consulted])
            for run, (position, rule) in zip(runs, consulted, strict=True):
                rank = position if each_rank else run
                _place_rule(rule, paths, names, channel=channel, rank=rank)
            answers = range(len(rules.rules)) if each_rank else _bands(runs, consulted)
            scales[channel] = Scale(answers=answers)
    return Questions(paths=Automaton(paths, scales), names=Automaton(names, scales))


def _runs(does: Sequence[bool]) -> list[int]:
    """Number the runs of neighbours that do the same: which of them matches first is all one."""
    found: list[int] = []
    for index, one in enumerate(does):
        same = index > 0 and does[index - 1] == one
        found.append(found[-1] + (not same) if found else 0)
    return found


def takes(answer: int) -> bool:
    """Whether the answer of a rule channel is to take; without any rule rsync does."""
    return answer == NEVER or bool(answer & 1)


# ── The selection ────────────────────────────────────────────────────────────────────────────


def _place_refusals(selection: Selection, paths: PatternSet, names: PatternSet) -> None:
    for nothing in ((), (b".",), (b"..",)):
        names.mark(names.place(nothing), Channel.NO_NAME, 0)
    reserved = names.place(_unbounded(component_parts(RESERVED)))
    names.mark(reserved, Channel.REFUSED_DIRECTORY, 0)
    names.mark(reserved, Channel.REFUSED_OTHER, 0)
    recovered = paths.place(component_parts(RECOVERED))
    paths.mark(recovered, Channel.REFUSED_DIRECTORY, 0)
    for ignore in selection.ignores:
        node = (
            paths.place(pattern_parts(ignore.pattern))
            if ignore.anchored
            else names.place(_unbounded(pattern_parts(ignore.pattern)))
        )
        refused = Channel.REFUSED_DIRECTORY if ignore.directory else Channel.REFUSED_OTHER
        (paths if ignore.anchored else names).mark(node, refused, 0)
    for owner in selection.blocked:
        _place_owner(owner, paths)


def _place_lines(lines: Sequence[Line], paths: PatternSet, *, each_rank: bool) -> Scale:
    ranks = range(len(lines)) if each_rank else _runs([line.taken for line in lines])
    for rank, line in zip(ranks, lines, strict=True):
        _place_line(line, rank, paths)
    if each_rank:
        return Scale(answers=ranks)
    taken = {rank: line.taken for rank, line in zip(ranks, lines, strict=True)}
    return Scale(answers=[int(one) for one in taken.values()])


def _place_owner(owner: tuple[bytes, ...], paths: PatternSet) -> None:
    for depth in range(1, len(owner) + 1):
        node = paths.place((b"/".join(owner[:depth]),))
        paths.mark(node, Channel.REFUSED_OTHER, 0)
    paths.mark(node, Channel.REFUSED_DIRECTORY, 0)


def _place_line(line: Line, rank: int, paths: PatternSet) -> None:
    node = 0
    for component in line.pattern.components:
        if node:
            if line.taken:
                paths.mark(node, Channel.ENTERED, 0)
            node = paths.place((b"/",), node)
        node = paths.place(component_parts(component), node)
    if node:
        paths.mark(node, Channel.LINE, rank)
        node = paths.place((b"/",), node)
    paths.mark(paths.place((CROSS,), node), Channel.LINE, rank)


def component_parts(component: Component) -> Parts:
    """Turn a pattern for one name into parts."""
    literal = component.literal
    return (literal,) if literal is not None else merge_parts(component.tokens)


def pattern_parts(pattern: PathPattern) -> Parts:
    """Turn a pattern for a path into parts."""
    parts: list[Part] = []
    for component in pattern.components:
        if parts:
            parts.append(b"/")
        parts.extend(component_parts(component))
    return merge_parts(parts)


def _unbounded(parts: Parts) -> Parts:
    """Write `*` as `**`: no name holds a slash, and what ends in `**` holds from there on."""
    return tuple(CROSS if part == STAR else part for part in parts)


# ── The rules ────────────────────────────────────────────────────────────────────────────────


def _consulted(rules: Sequence[Rule], side: Side, *, directory: bool) -> list[tuple[int, Rule]]:
    """The rules asked about such an entry, by position, up to one that matches all names."""
    found = []
    for position, rule in enumerate(rules):
        if rule.applies(side, directory=directory):
            found.append((position, rule))
            if rule.shape.name_only and (STAR,) in rule.shape.anywhere:
                break
    return found


def _place_rule(
    rule: Rule, paths: PatternSet, names: PatternSet, *, channel: Channel, rank: int
) -> None:
    if rule.shape.name_only:
        for parts in rule.shape.anywhere:
            names.mark(names.place(_unbounded(parts)), channel, rank)
        return
    directories = channel in {Channel.SEND_DIRECTORY, Channel.DELETE_DIRECTORY}
    for parts in rule.shape.anywhere + (rule.shape.for_directories if directories else ()):
        paths.mark(paths.place(parts), channel, rank)


def _bands(runs: Sequence[int], consulted: Sequence[tuple[int, Rule]]) -> list[int]:
    """Give each run the number of its band, doubled, plus one where it takes.

    A run matters as far as it beats another. Runs of one band all do the same, or all live in one
    automaton, which orders them itself; so between the two automata the band is enough.
    """
    homes: dict[int, set[bool]] = {}
    does: dict[int, bool] = {}
    for run, (_, rule) in zip(runs, consulted, strict=True):
        homes.setdefault(run, set()).add(rule.shape.name_only)
        does[run] = rule.takes
    answers = []
    band = 0
    home: set[bool] = set()
    for run, its_home in homes.items():
        # Neighbouring runs differ in what they do.
        apart = bool(home) and len(home | its_home) > 1
        band += apart
        home = its_home if apart else home | its_home
        answers.append(band * 2 + does[run])
    return answers
