"""An rsync filter file as rsync itself reads it, and which rule decides a path.

rsync(1), "FILTER RULES" and "PATTERN MATCHING RULES", for the text that `--filter='merge FILE'`
reads: include, exclude, hide, show, protect and risk rules without modifiers. Whatever else rsync
would accept is refused here, so that no proof rests on a rule that was not understood.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from engine.rsync.wildmatch import CROSS, Parts, merge_parts, parse_wild, parts_regex
from policy.patterns import PATH_MAX

Side = Literal["send", "delete"]

_LONGEST_LINE = 5119
"""rsync's line buffer; a longer line is dropped unread, even where it is no rule at all."""
_RULE = re.compile(
    rb"(?P<kind>[-+PRHS]|exclude|include|protect|risk|hide|show)[ _](?P<pattern>.*)", re.DOTALL
)
_TAKES = {b"+", b"R", b"S", b"include", b"risk", b"show"}
_SEND_ONLY = {b"H", b"S", b"hide", b"show"}
_DELETE_ONLY = {b"P", b"R", b"protect", b"risk"}


class RuleError(ValueError):
    """A line is no rule that policyctl understands."""

    def __init__(self, line: int, text: bytes, why: str) -> None:
        shown = text[:80].decode("utf-8", "backslashreplace")
        super().__init__(f"line {line}: {why}: {shown}")
        self.line = line


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What a pattern means, its spelling forgotten."""

    name_only: bool
    """Whether it is compared with the last component alone."""
    anywhere: tuple[Parts, ...]
    """The alternatives, each against the whole path (or name)."""
    for_directories: tuple[Parts, ...] = ()
    """Further alternatives that hold for directories alone (`/***` matches the directory too)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One line that rsync obeys."""

    line: int
    text: bytes
    takes: bool
    """Include, show or risk; else exclude, hide or protect."""
    sends: bool
    """Whether the sender applies it."""
    deletes: bool
    """Whether the receiver applies it when it deletes."""
    directory: bool
    """Whether it is about directories alone (the pattern ends in a slash)."""
    shape: Shape

    def applies(self, side: Side, *, directory: bool) -> bool:
        """Whether it is consulted at all for such an entry on that side."""
        return (directory or not self.directory) and (
            self.sends if side == "send" else self.deletes
        )

    def matches(self, path: bytes, *, directory: bool) -> bool:
        """Whether its pattern matches a path, relative to the root of the transfer."""
        if self.directory and not directory:
            return False
        subject = path.rpartition(b"/")[2] if self.shape.name_only else path
        return _regex(self.shape, directory).fullmatch(subject) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleText:
    """A whole filter file."""

    rules: tuple[Rule, ...]
    dropped: tuple[int, ...]
    """Lines that rsync throws away because they are too long; it still ends with 0."""

    @property
    def two_sided(self) -> bool:
        """Whether each rule acts on both sides, so that what is not sent is not deleted."""
        return all(rule.sends and rule.deletes for rule in self.rules)

    def deciding(self, path: bytes, *, directory: bool, side: Side) -> Rule | None:
        """Give the first rule that matches the entry itself; None: included by default."""
        return next(
            (
                rule
                for rule in self.rules
                if rule.applies(side, directory=directory)
                and rule.matches(path, directory=directory)
            ),
            None,
        )

    def takes(self, path: bytes, *, directory: bool) -> bool:
        """Whether the sender reaches the path and sends it: no directory above is excluded."""
        parts = path.split(b"/")
        above = (b"/".join(parts[:end]) for end in range(1, len(parts)))
        return all(self._shows(each, directory=True) for each in above) and self._shows(
            path, directory=directory
        )

    def _shows(self, path: bytes, *, directory: bool) -> bool:
        rule = self.deciding(path, directory=directory, side="send")
        return rule is None or rule.takes


def parse_rules(text: bytes) -> RuleText:
    """Read the text of a merge file. Raises `RuleError`."""
    rules: list[Rule] = []
    dropped: list[int] = []
    for number, line in _lines(text):
        if len(line) > _LONGEST_LINE:
            dropped.append(number)
            continue
        match = _RULE.fullmatch(line)
        if match is None or not match["pattern"]:
            raise RuleError(number, line, "not a plain include, exclude, hide or protect rule")
        if b"\0" in line:
            raise RuleError(number, line, "rsync stops reading a line at a NUL byte")
        if len(match["pattern"]) > PATH_MAX:
            dropped.append(number)
        else:
            rules.append(_rule(number, line, match["kind"], match["pattern"]))
    return RuleText(rules=tuple(rules), dropped=tuple(dropped))


def _lines(text: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the lines that are neither empty nor a comment, numbered as an editor shows them."""
    for number, row in enumerate(text.split(b"\n"), 1):
        # A carriage return ends a rule as well, so a name that holds one needs a class.
        for line in row.split(b"\r"):
            if line and line[0] not in b"#;":
                yield number, line


def _rule(number: int, line: bytes, kind: bytes, pattern: bytes) -> Rule:
    directory = len(pattern) > 1 and pattern.endswith(b"/")
    return Rule(
        line=number,
        text=line,
        takes=kind in _TAKES,
        sends=kind not in _DELETE_ONLY,
        deletes=kind not in _SEND_ONLY,
        directory=directory,
        shape=_shape(pattern[:-1] if directory else pattern),
    )


@lru_cache(maxsize=32768)
def _shape(pattern: bytes) -> Shape:
    """Apply the rules on slashes and `**`, each of which rsync reads off the raw text."""
    crosses = b"**" in pattern
    slashes = pattern.count(b"/")
    anchored = pattern.startswith(b"/")
    body = pattern[1:] if anchored else pattern
    if not slashes and not crosses:
        return Shape(name_only=True, anywhere=_alternatives(body))
    found = _alternatives(body)
    if anchored:
        anywhere = found
    elif pattern.startswith(b"**"):
        anywhere = _from_the_root(found)
    elif not crosses and any(_slashes(parts) != slashes for parts in found):
        # It is held against one more component than the text has slashes. A slash inside a class
        # counts and yet matches none, so nothing fits.
        anywhere = ()
    else:
        anywhere = (*found, *(merge_parts((CROSS, b"/", *parts)) for parts in found))
    trailing = _without_slash(anywhere) if crosses and pattern.endswith(b"***") else ()
    return Shape(name_only=False, anywhere=anywhere, for_directories=trailing)


def _alternatives(body: bytes) -> tuple[Parts, ...]:
    """One alternative, or none where nothing can match; a backslash escapes beside wildcards."""
    if not re.search(rb"[*?\[]", body):
        return ((body,),) if body else ()
    parts = parse_wild(body)
    return () if parts is None else (parts,)


def _slashes(parts: Parts) -> int:
    return sum(part.count(b"/") for part in parts if isinstance(part, bytes))


def _from_the_root(alternatives: tuple[Parts, ...]) -> tuple[Parts, ...]:
    """A leading `**` sees a slash before the path, so `**/a` matches `a` at the root."""
    rooted = []
    for parts in alternatives:
        following = parts[1] if len(parts) > 1 else b""
        if isinstance(following, bytes) and following.startswith(b"/"):
            rooted.append(merge_parts((following[1:], *parts[2:])))
    return (*alternatives, *rooted)


def _without_slash(alternatives: tuple[Parts, ...]) -> tuple[Parts, ...]:
    """A trailing `***` sees a slash after a directory, so `a/***` matches the directory `a`."""
    found = []
    for parts in alternatives:
        before = parts[-2] if len(parts) > 1 else b""
        if isinstance(before, bytes) and before.endswith(b"/"):
            found.append(merge_parts((*parts[:-2], before[:-1])))
    return tuple(found)


@lru_cache(maxsize=4096)
def _regex(shape: Shape, directory: bool) -> re.Pattern[bytes]:  # noqa: FBT001 - a cache key
    alternatives = (*shape.anywhere, *(shape.for_directories if directory else ()))
    # Without an alternative the look-ahead fails everywhere.
    text = b"|".join(parts_regex(parts) for parts in alternatives) if alternatives else b"(?!)"
    return re.compile(text, re.DOTALL)
