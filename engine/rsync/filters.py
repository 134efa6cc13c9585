"""A selection as rsync filter rules: one table in, both blocks of rules out.

Directory rules come first and are closed by `+ */`, so that a rule of the second block is only
ever asked about non-directories (rsync(1), FILTER RULES: the first rule that matches decides).
Every rule is two-sided: what is not taken is neither sent nor deleted at the receiver.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from engine.plan.selection import RECOVERED, RESERVED, Ignore, Line, Selection
from policy.patterns import ANY, STAR, ByteSet, Component, PathPattern, literal_component, members

RULE_MAX = 4000
"""Longest rule in bytes; rsync drops longer ones in silence (its buffer has 4,096)."""


class FilterError(ValueError):
    """A pattern that no rsync rule can hold."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One filter rule: include or exclude, and its pattern text."""

    include: bool
    pattern: bytes

    def text(self) -> bytes:
        """The line of the filter file, without its end."""
        return (b"+ " if self.include else b"- ") + self.pattern


def _include(pattern: bytes) -> Rule:
    return Rule(include=True, pattern=pattern)


def _exclude(pattern: bytes) -> Rule:
    return Rule(include=False, pattern=pattern)


def rules_for(selection: Selection) -> tuple[Rule, ...]:
    """All rules of a selection, in the order in which rsync must ask them."""
    return (*_directory_rules(selection), *_other_rules(selection))


def render_rules(selection: Selection) -> bytes:
    """The filter file's text. Raises `FilterError`."""
    return b"".join(_checked(rule.text()) + b"\n" for rule in rules_for(selection))


def check_writable(selection: Selection) -> None:
    """Raise `FilterError` where a pattern cannot be a rule; much quicker than writing them all."""
    patterns = [
        *(ignore.pattern for ignore in selection.ignores),
        *(line.pattern for line in selection.lines),
    ]
    for pattern in patterns:
        tokens = sum(len(component.tokens) + 1 for component in pattern.components)
        if tokens > RULE_MAX // 2 - 8 or not all(_plain(one) for one in pattern.components):
            _checked(b"+ " + _text(pattern.components, tail=b"/**/"))
    for owner in selection.blocked:
        _checked(b"- " + _literal_text(owner, tail=b"/"))


def protect_rule(names: tuple[bytes, ...]) -> bytes:
    """One line that keeps a path at the receiver, whatever it is, from being deleted.

    It carries no trailing slash: `P /dir/` would not hold against --delete-missing-args.
    """
    return _checked(b"P " + _literal_text(names))


def protect_inside_rule(names: tuple[bytes, ...]) -> bytes:
    """One line that keeps a directory and all below it at the receiver from being deleted."""
    components = tuple(literal_component(name) for name in names)
    return _checked(b"P " + _text(components, tail=b"/***"))


def let_go_rules(names: tuple[bytes, ...], *, directory: bool, other: bool) -> tuple[bytes, ...]:
    """Lines that let a path at the receiver be deleted, before any line that keeps it.

    `directory`, `other`: whether it may go where it is a directory, and where it is something else.
    """
    text = _literal_text(names)
    if directory and not other:
        return (_checked(b"R " + text + b"/"),)
    kept = () if directory else (_checked(b"P " + text + b"/"),)
    return (*kept, _checked(b"R " + text)) if other else ()


def protect_entries_rule(names: tuple[bytes, ...]) -> bytes:
    """One line that keeps the entries of a directory at the receiver, but not what is in them."""
    components = tuple(literal_component(name) for name in names)
    return _checked(b"P " + _text(components, tail=b"/*" if names else b"*"))


def exclude_rule(names: tuple[bytes, ...]) -> bytes:
    """One line that neither sends a path, whatever it is, nor deletes it at the receiver."""
    return _checked(b"- " + _literal_text(names))


def only_rules(names: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """Lines that send a path, whatever it is, with all below it, and nothing else of its tree."""
    return matching_rules(tuple(literal_component(name) for name in names))


def matching_rules(components: tuple[Component, ...]) -> tuple[bytes, ...]:
    """The same for every path that a pattern matches; the last three lines are about these."""
    above = (b"+ " + _text(components[:end], tail=b"/") for end in range(1, len(components)))
    below = (b"+ " + _text(components, tail=b"/***"), b"+ " + _text(components), b"- *")
    return tuple(map(_checked, (*above, *below)))


def among_rules(names: Iterable[bytes]) -> tuple[bytes, ...]:
    """Lines that send some entries of the top, whatever they are, and nothing in or beside them."""
    return (*(_checked(b"+ " + _literal_text((name,))) for name in names), b"- *")


def path_rules(sign: bytes, components: tuple[Component, ...]) -> tuple[bytes, ...]:
    """Two lines about what a pattern matches, whatever it is, and all below it.

    `sign` is rsync's: `+` `-` on both sides, `P` and `R` at the receiver.
    """
    head = sign + b" "
    return (
        _checked(head + _text(components, tail=b"/***")),
        _checked(head + _text(components)),
    )


def enter_rule(names: tuple[bytes, ...]) -> bytes:
    """One line that lets rsync look into a directory."""
    return _checked(b"+ " + _literal_text(names, tail=b"/"))


def take_rule(names: tuple[bytes, ...]) -> bytes:
    """One line that sends a file, or whatever else has that path."""
    return _checked(b"+ " + _literal_text(names))


def sweep_rules(names: tuple[bytes, ...], name: bytes) -> tuple[bytes, ...]:
    """Lines that let all folders of a name go that lie below a path at the receiver."""
    components = tuple(literal_component(one) for one in names)
    return tuple(
        _checked(b"R " + _text(components, tail=between + name + b"/***"))
        for between in (b"/", b"/**/")
    )


def _checked(text: bytes) -> bytes:
    if len(text) > RULE_MAX:
        raise FilterError(
            f"the rule {text[:60]!r}… has {len(text)} bytes; rsync drops rules of over {RULE_MAX}"
        )
    return text


def _directory_rules(selection: Selection) -> Iterator[Rule]:
    yield _exclude(_text((RESERVED,), tail=b"/", anchored=False))
    yield _exclude(_text((RECOVERED,), tail=b"/"))
    for ignore in selection.ignores:
        if ignore.directory:
            yield _exclude(_ignore_text(ignore, tail=b"/"))
    for owner in selection.blocked:
        yield _exclude(_literal_text(owner, tail=b"/"))
    for components in _entered(selection):
        yield _include(_text(components, tail=b"/"))
    yield from _line_rules(selection, tail=b"/")
    yield _include(b"*/")


def _other_rules(selection: Selection) -> Iterator[Rule]:
    yield _exclude(_text((RESERVED,), anchored=False))
    for ignore in selection.ignores:
        if not ignore.directory:
            yield _exclude(_ignore_text(ignore))
    for owner in selection.blocked:
        for depth in range(len(owner), 0, -1):
            yield _exclude(_literal_text(owner[:depth]))
    yield from _line_rules(selection, tail=b"")


def _line_rules(selection: Selection, *, tail: bytes) -> Iterator[Rule]:
    """The routing lines in order; the last rule decides what no line with a name decides."""
    opened = _Opened(selection.lines)
    for line, needed in zip(selection.lines, _needed(selection.lines), strict=True):
        components = line.pattern.components
        if not components:
            yield Rule(line.taken, b"*" + tail)
            return
        if not needed:
            continue
        yield Rule(line.taken, _text(components, tail=tail))
        if line.taken or opened.inside(line.pattern):
            yield Rule(line.taken, _text(components, tail=b"/**" + tail))
    yield _exclude(b"*" + tail)


def _needed(lines: Sequence[Line]) -> list[bool]:
    """Whether each line needs rules: what is left is left without them where nothing takes it.

    A line that is left decides something only against one that comes later and is taken, and that
    meets it. Wildcards count as if they matched anything: a needless rule harms nothing.
    """
    taken: set[tuple[bytes, ...]] = set()
    above: set[tuple[bytes, ...]] = set()
    found = []
    for line in reversed(lines):
        head = _literal_head(line.pattern)
        beginnings = [head[:depth] for depth in range(len(head) + 1)]
        found.append(line.taken or head in above or not taken.isdisjoint(beginnings))
        if line.taken:
            taken.add(head)
            above.update(beginnings)
    return found[::-1]


def _literal_head(pattern: PathPattern) -> tuple[bytes, ...]:
    """The names before the first wildcard."""
    names = []
    for component in pattern.components:
        if component.literal is None:
            break
        names.append(component.literal)
    return tuple(names)


def _entered(selection: Selection) -> Iterator[tuple[Component, ...]]:
    """Directories on the way to something taken, outermost first, each once."""
    seen: set[tuple[Component, ...]] = set()
    for line in selection.lines:
        components = line.pattern.components
        if not line.taken:
            continue
        for depth in range(1, len(components)):
            prefix = components[:depth]
            if prefix not in seen:
                seen.add(prefix)
                yield prefix


class _Opened:
    """Whether directories inside a line that is left are entered for something taken there."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self.exact: set[tuple[Component, ...]] = set()
        self.wildcards = False
        for line in lines:
            components = line.pattern.components
            if line.taken:
                for depth in range(1, len(components)):
                    self.exact.add(components[:depth])
                    self.wildcards |= components[depth - 1].literal is None

    def inside(self, pattern: PathPattern) -> bool:
        """Err towards yes where wildcards are involved: a needless rule harms nothing."""
        return pattern.components in self.exact or (
            bool(self.exact) and (self.wildcards or pattern.literal is None)
        )


# ── Text: quoting happens here and nowhere else ──────────────────────────────────────────────


def _ignore_text(ignore: Ignore, *, tail: bytes = b"") -> bytes:
    return _text(ignore.pattern.components, tail=tail, anchored=ignore.anchored)


def _literal_text(names: tuple[bytes, ...], *, tail: bytes = b"") -> bytes:
    return _text(tuple(literal_component(name) for name in names), tail=tail)


def _text(components: tuple[Component, ...], *, tail: bytes = b"", anchored: bool = True) -> bytes:
    """Write a pattern; a backslash is doubled only in a pattern that holds a wildcard.

    rsync(1), PATTERN MATCHING RULES: a backslash escapes a wildcard character, and is literal
    where the pattern has none.
    """
    wild = b"*" in tail or any(not _plain(component) for component in components)
    body = b"/".join(_component_text(component, wild=wild) for component in components)
    return (b"/" if anchored else b"") + body + tail


_WILD = frozenset(b"*?[")
_LINE_ENDS = frozenset(b"\n\r")


def _plain(component: Component) -> bool:
    """Whether the component can be written without any wildcard character."""
    literal = component.literal
    return literal is not None and not (_WILD | _LINE_ENDS) & set(literal)


def _component_text(component: Component, *, wild: bool) -> bytes:
    literal = component.literal
    if literal is not None and not (_WILD | _LINE_ENDS) & set(literal):
        return literal.replace(b"\\", b"\\\\") if wild else literal
    return b"".join(_token_text(token, wild=wild) for token in component.tokens)


def _token_text(token: ByteSet, *, wild: bool) -> bytes:
    if token == STAR:
        return b"*"
    if token == ANY:
        return b"?"
    values = list(members(token))
    if len(values) > 1 or values[0] in _WILD | _LINE_ENDS:
        return _class_text(token)
    if wild and values[0] == ord("\\"):
        return b"\\\\"
    return bytes(values)


def _class_text(token: ByteSet) -> bytes:
    r"""Write a set of bytes as `[…]`, or as `[!…]` of all others where that can be written.

    A rule is one line, so the bytes 10 and 13 cannot stand in it, only inside a range.
    """
    others = ByteSet(ANY & ~token)
    few = token.bit_count() <= others.bit_count()
    for negated in (False, True) if few else (True, False):
        body = _ranges(others if negated else token)
        if body:
            return b"[!" + body + b"]" if negated else b"[" + body + b"]"
    raise FilterError("a `[…]` that tells line ends apart cannot be written as an rsync rule")


def _ranges(token: ByteSet) -> bytes:
    """The members as ranges; nothing where one would have to begin or end at a line end."""
    values = list(members(token))
    parts = []
    start = 0
    for index in range(1, len(values) + 1):
        if index == len(values) or values[index] != values[index - 1] + 1:
            low, high = values[start], values[index - 1]
            if {low, high} & _LINE_ENDS:
                return b""
            parts.append(_range(low, high))
            start = index
    return b"".join(parts)


def _range(low: int, high: int) -> bytes:
    if high == low:
        return _member(low)
    return _member(low) + (b"-" if high > low + 1 else b"") + _member(high)


def _member(value: int) -> bytes:
    """A byte inside a class; punctuation is escaped, which is always allowed there."""
    char = bytes([value])
    return char if char.isalnum() or value >= 0x80 or value < 0x20 else b"\\" + char
