"""Small values that a manifest is made of, each with its one parser.

A parser takes the text as written and raises `ValueError` with a sentence; whoever calls it adds
the position. No value knows where it stands.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from policy.patterns import PathPattern, PatternError, parse_path_pattern

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_LONGEST_DURATION = 100 * 366 * 86400


@dataclass(frozen=True, slots=True, order=True)
class Duration:
    """A length of time in whole seconds; a day is 24 hours."""

    seconds: int

    def __str__(self) -> str:
        for unit, least in (("d", 3 * 86400), ("h", 3600), ("m", 60)):
            size = _SECONDS[unit]
            if self.seconds >= least and self.seconds % size == 0:
                return f"{self.seconds // size}{unit}"
        return f"{self.seconds}s"


def parse_duration(text: str) -> Duration:
    """Read `90s 15m 26h 7d 4w`."""
    found = re.fullmatch(r"([0-9]{1,12})([smhdw])", text)
    if not found:
        raise ValueError(f"{text!r} is no duration: write a number and one of s, m, h, d, w")
    seconds = int(found[1]) * _SECONDS[found[2]]
    if not 0 < seconds <= _LONGEST_DURATION:
        raise ValueError(f"the duration {text} is outside 1s to 100 years")
    return Duration(seconds)


_UNITS = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4, "P": 5}


@dataclass(frozen=True, slots=True, order=True)
class ByteSize:
    """A number of bytes."""

    bytes: int

    def __str__(self) -> str:
        for unit, power in reversed(_UNITS.items()):
            if power and self.bytes and self.bytes % 1024**power == 0:
                return f"{self.bytes // 1024**power}{unit}"
        return str(self.bytes)


def parse_size(text: str) -> ByteSize:
    """Read `500G` or `1.5T`; units are IEC (K is 1024)."""
    found = re.fullmatch(r"([0-9]{1,15}(?:\.[0-9]{1,9})?)([KMGTP]?)", text)
    if not found:
        raise ValueError(f"{text!r} is no size: write a number and one of K, M, G, T, P")
    size = int(Fraction(found[1]) * 1024 ** _UNITS[found[2]])
    if size <= 0:
        raise ValueError(f"the size {text} must be more than 0")
    return ByteSize(size)


@dataclass(frozen=True, slots=True, order=True)
class Percentage:
    """A share in thousandths of a percent, so that it stays exact."""

    millis: int

    @property
    def fraction(self) -> float:
        """The share, 0 to 1."""
        return self.millis / 100_000

    def __str__(self) -> str:
        whole, rest = divmod(self.millis, 1000)
        return f"{whole}.{rest:03}".rstrip("0").rstrip(".") + "%"


def parse_percentage(text: str) -> Percentage:
    """Read `85%`."""
    found = re.fullmatch(r"([0-9]{1,3}(?:\.[0-9]{1,3})?)%", text)
    if not found or Fraction(found[1]) > 100:
        raise ValueError(f"{text!r} is no percentage from 0% to 100%")
    return Percentage(int(Fraction(found[1]) * 1000))


@dataclass(frozen=True, slots=True)
class AbsolutePath:
    """A path from the root, as names; the empty tuple is `/` itself."""

    names: tuple[bytes, ...]

    @property
    def text(self) -> bytes:
        """The path as bytes."""
        return b"/" + b"/".join(self.names)

    def contains(self, other: AbsolutePath) -> bool:
        """Whether the other path is this one or lies below it."""
        return other.names[: len(self.names)] == self.names

    def joined(self, names: tuple[bytes, ...]) -> AbsolutePath:
        """The path with more names below it."""
        return AbsolutePath(self.names + names)

    def __str__(self) -> str:
        return display(self.text)


def display(path: bytes) -> str:
    """Show a path on one line: what is no printable UTF-8 becomes an escape."""
    text = path.decode("utf-8", "backslashreplace")
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def parse_absolute_path(text: str) -> AbsolutePath:
    """Read a literal absolute path; wildcard characters in it are just characters."""
    data = text.encode()
    if not data.startswith(b"/"):
        raise ValueError(f"{text!r} is not absolute: it must begin with /")
    names = () if data == b"/" else tuple(data[1:].split(b"/"))
    if b"" in names:
        raise ValueError(f"{text!r} holds `//` or ends in a slash")
    if b"." in names or b".." in names:
        raise ValueError(f"{text!r} holds `.` or `..`")
    if b"\0" in data:
        raise ValueError("a path cannot hold a NUL byte")
    if len(data) > 4095 or any(len(name) > 255 for name in names):
        raise ValueError("a path has at most 4095 bytes, a name 255")
    return AbsolutePath(names)


@dataclass(frozen=True, slots=True)
class Place:
    """`name:/path` as written in `to`: below a destination, or inside a source."""

    name: str
    path: str
    """Below the root, with its leading slash; may hold `{source}`."""

    def __str__(self) -> str:
        return f"{self.name}:{self.path}"


def parse_place(text: str) -> Place:
    """Read `sda:/pvc-data`."""
    name, colon, path = text.partition(":")
    if not colon:
        raise ValueError(f"{text!r} names no place: write destination:/path")
    parse_absolute_path(path.replace("{source}", "source"))
    if "{" in path.replace("{source}", "") or "}" in path.replace("{source}", ""):
        raise ValueError(f"{text!r}: the only variable is {{source}}")
    return Place(name, path)


@dataclass(frozen=True, slots=True)
class ItemKey:
    """A key of `routes` or `objectives`: what it names, before sources are known.

    `source` is empty for an absolute path, whose pattern then counts from `/`.
    """

    source: str
    pattern: PathPattern


def parse_item_key(text: str) -> ItemKey:
    """Read `/srv/nfs/immich` or `pvcs:namespace/claim`."""
    if text.startswith("/"):
        return ItemKey("", _pattern(text[1:].encode(), text))
    source, colon, item = text.partition(":")
    if not colon:
        raise ValueError(f"{text!r} is neither an absolute path nor source:item")
    return ItemKey(source, _pattern(item.encode(), text))


def _pattern(data: bytes, text: str) -> PathPattern:
    try:
        return parse_path_pattern(data)
    except PatternError as error:
        raise ValueError(f"{text!r}: {error}") from None


@dataclass(frozen=True, slots=True)
class Chmod:
    """An rsync --chmod value (rsync(1), --chmod), with what it does to the bits of others."""

    text: str
    clauses: tuple[tuple[str, str, str, str], ...]
    """(D, F or nothing; who; operator; octal or letters)."""

    def apply(self, mode: int, *, directory: bool) -> int:
        """The mode that a file or directory of this mode arrives with."""
        for kind, who, operator, bits in self.clauses:
            if kind == ("F" if directory else "D"):
                continue
            mode = _apply_clause(mode, who, operator, bits, directory=directory)
        return mode

    @property
    def widens(self) -> bool:
        """Whether something that only its owner may read arrives readable for others."""
        return bool((self.apply(0o700, directory=True) | self.apply(0o600, directory=False)) & 0o77)

    @property
    def tightens(self) -> bool:
        """Whether everything arrives closed to group and others."""
        return not ((self.apply(0o777, directory=True) | self.apply(0o777, directory=False)) & 0o77)


_CLAUSE = re.compile(r"([DF]?)(?:([ugoa]*)([-+=])([rwxXst]*)|([0-7]{3,4}))")


def parse_chmod(text: str) -> Chmod:
    """Read a comma-separated chmod value."""
    clauses = []
    for part in text.split(","):
        found = _CLAUSE.fullmatch(part)
        if not found:
            raise ValueError(f"{part!r} is no chmod clause: write such as D700 or Fgo-rwx")
        if found[5]:
            clauses.append((found[1], "", "octal", found[5]))
        else:
            clauses.append((found[1], found[2] or "a", found[3], found[4]))
    return Chmod(text, tuple(clauses))


def _apply_clause(mode: int, who: str, operator: str, bits: str, *, directory: bool) -> int:
    if operator == "octal":
        return int(bits, 8)
    wanted = 0
    executable = directory or bool(mode & 0o111)
    for letter in bits:
        if letter == "X":
            wanted |= 1 if executable else 0
        else:
            wanted |= {"r": 4, "w": 2, "x": 1}.get(letter, 0)
    for one, shift in (("u", 6), ("g", 3), ("o", 0)):
        if one in who or "a" in who:
            if operator == "=":
                mode &= ~(7 << shift)
            mode = mode & ~(wanted << shift) if operator == "-" else mode | wanted << shift
    return mode
