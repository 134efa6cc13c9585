"""Problems with a manifest: what, where, what it means, and what to type instead.

Owns the position types and the text form of a finding. It judges nothing.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable
from dataclasses import dataclass, field


class Severity(enum.Enum):
    """How much a finding weighs; a manifest is clean without errors and warnings."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """A stretch of one line of a manifest. Lines and columns count from 1, in characters."""

    file: str
    line: int
    column: int
    width: int = 1
    pointer: str = ""
    """JSON pointer (RFC 6901) of the value, empty for the whole document."""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One finding. `code` is stable and documented in docs/reference/diagnostics.md."""

    code: str
    message: str
    origin: Origin
    severity: Severity = Severity.ERROR
    hint: str = ""

    @property
    def sort_key(self) -> tuple[int, int, str, str]:
        """File order, then code and message, so that output never depends on hashing."""
        return (self.origin.line, self.origin.column, self.code, self.message)


@dataclass(slots=True)
class Findings:
    """An ordered collection that the reading and checking stages add to."""

    items: list[Diagnostic] = field(default_factory=list)

    def error(self, code: str, message: str, origin: Origin, *, hint: str = "") -> None:
        """Add an error: the manifest cannot be compiled as it stands."""
        self.items.append(Diagnostic(code=code, message=message, origin=origin, hint=hint))

    def warning(self, code: str, message: str, origin: Origin, *, hint: str = "") -> None:
        """Add a warning: it compiles, and something in it is likely not meant so."""
        self.items.append(
            Diagnostic(
                code=code, message=message, origin=origin, hint=hint, severity=Severity.WARNING
            )
        )

    def note(self, code: str, message: str, origin: Origin, *, hint: str = "") -> None:
        """Add a note: true, worth knowing, nothing to mend."""
        self.items.append(
            Diagnostic(code=code, message=message, origin=origin, hint=hint, severity=Severity.NOTE)
        )

    def failed(self) -> bool:
        """Whether an error is among them."""
        return any(item.severity is Severity.ERROR for item in self.items)

    def sorted(self) -> tuple[Diagnostic, ...]:
        """All findings in file order, each once."""
        return tuple(sorted(dict.fromkeys(self.items), key=lambda item: item.sort_key))


class PolicyInvalid(Exception):
    """The manifest does not give a policy; carries every problem found."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__("; ".join(item.message for item in self.diagnostics))


_LINE_SHOWN = 160
_USER_INFO = re.compile(r"(?<=://)[^/?#\s\"']*(?=@)")
"""What stands before the machine in a URL (RFC 3986, 3.2.1): a password, it may be."""
_QUESTION = re.compile(r"(?<=://)([^?#\s\"']*[?#])([^\s\"']*)")
"""What stands behind its place: a token, it may be, under whatever name."""

_AGE_KEY = re.compile(r"(?i)age-secret-key-[a-z0-9]*")
"""A secret key of age, whatever it stands behind."""
_SECRET_VALUE = re.compile(
    r"""(?ix)
    (?<![\w-]) (["']?) (?!(?:key|secret|key_file)\b)
    ([\w-]*(?:authorization|cookie|token|secret|key|password)[\w-]*) \1 \s* : \s*
    (?P<value> "(?:[^"\\]|\\.)*"? | '[^']*'? | [^\s{/\[,}"'][^,}]* )
    """
)
"""A value behind a key whose name says that it is secret, and that is no key of a manifest."""


def format_diagnostic(item: Diagnostic, source_lines: tuple[str, ...]) -> str:
    """Render one finding with its source line, a caret below the value, and the hint."""
    head = f"{item.origin}: {item.severity.value} {item.code}: {item.message}"
    parts = [head]
    if 1 <= item.origin.line <= len(source_lines):
        parts.extend(_snippet(source_lines[item.origin.line - 1], item.origin))
    if item.hint:
        parts.append(f"  hint: {item.hint}")
    return "\n".join(parts)


def _masked(found: re.Match[str]) -> str:
    start = found.start("value") - found.start()
    return found[0][:start] + "*" * (len(found[0]) - start)


def _snippet(line: str, origin: Origin) -> list[str]:
    """Show a window of the line around the value: a manifest may hold very long lines.

    Whatever the finding is about, no password of a URL or of a header is shown (law 22).
    """
    line = _USER_INFO.sub(lambda found: "*" * len(found[0]), line)
    line = _QUESTION.sub(lambda found: found[1] + "*" * len(found[2]), line)
    line = _SECRET_VALUE.sub(_masked, line)
    line = _AGE_KEY.sub(lambda found: "*" * len(found[0]), line)
    first = max(0, origin.column - 1 - _LINE_SHOWN // 2) if len(line) > _LINE_SHOWN else 0
    window = line[first : first + _LINE_SHOWN].expandtabs(1)
    shown = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in window)
    offset = origin.column - 1 - first
    width = max(1, min(origin.width, len(shown) - offset))
    gutter = f"{origin.line:>5} | "
    return [gutter + shown, " " * 5 + " | " + " " * offset + "^" + "~" * (width - 1)]
