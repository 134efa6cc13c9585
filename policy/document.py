"""Strict YAML: text to a tree of nodes that know where they stand.

YAML 1.2 scalars only: `02:00`, `on` and `0755` stay strings. Duplicate keys, aliases, tags and
several documents are errors. The tree is built from the event stream without recursion, so that
no nesting can exhaust the stack. Nothing here knows what a policy is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import yaml

from policy.diagnostics import Diagnostic, Findings, Origin, PolicyInvalid
from policy.nodes import Document, Mapping, Node, Plain, Scalar, Sequence

MAX_BYTES = 4 * 1024 * 1024
MAX_DEPTH = 32
MAX_NODES = 400_000

_LOADER: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)\Z")
_FLOAT = re.compile(r"[-+]?[0-9]+\.[0-9]+\Z")
_CONSTANTS: dict[str, bool | None] = {"true": True, "false": False, "null": None, "~": None}
_LONGEST_INTEGER = 18
_LINE_END = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
"""Where libyaml ends a line; every position counts these."""


def split_lines(text: str) -> tuple[str, ...]:
    """Give the lines of a text as positions count them."""
    return tuple(_LINE_END.split(text))


def read(data: bytes, file: str) -> Document:
    """Parse a manifest. Raises `PolicyInvalid` with positions for anything that is not one."""
    start = Origin(file=file, line=1, column=1)
    if len(data) > MAX_BYTES:
        raise _invalid(
            "yaml-too-large",
            f"the file has {len(data):,} bytes; a manifest may have {MAX_BYTES:,}",
            start,
            hint="is this really the manifest?",
        )
    text = _decode(data, file)
    if not text.strip("\ufeff \t\r\n"):
        raise _empty(start)
    findings = Findings()
    root = _Builder(file, findings).build(text)
    if findings.failed():
        raise PolicyInvalid(findings.sorted())
    if root is None:
        # Comments alone, or a bare document end.
        raise _empty(start)
    return Document(file=file, root=root, lines=split_lines(text))


def _empty(start: Origin) -> PolicyInvalid:
    return _invalid("yaml-empty", "the manifest is empty", start, hint="see examples/minimal")


def _invalid(code: str, message: str, origin: Origin, *, hint: str = "") -> PolicyInvalid:
    return PolicyInvalid([Diagnostic(code=code, message=message, origin=origin, hint=hint)])


def _decode(data: bytes, file: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line, column = _position_after(data[: error.start].decode("utf-8-sig", "replace"))
        raise _invalid(
            "yaml-encoding",
            f"byte 0x{data[error.start]:02x} is not UTF-8",
            Origin(file=file, line=line, column=column),
            hint="save the file as UTF-8; a name that is not UTF-8 is matched by a `?` a byte",
        ) from None


def _position_after(before: str) -> tuple[int, int]:
    """Line and column of what follows this beginning of the text."""
    lines = split_lines(before)
    return len(lines), len(lines[-1]) + 1


def _scalar_value(text: str) -> Plain:
    """Resolve a plain scalar by the YAML 1.2 core schema, less its octal and hex forms."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if text == "":
        return None
    if _INTEGER.match(text) and len(text) <= _LONGEST_INTEGER:
        return int(text)
    if _FLOAT.match(text):
        return float(text)
    return text


@dataclass(slots=True)
class _Open:
    """A collection whose end has not been read; a mapping waits for the value of `key`."""

    node: Mapping | Sequence
    key: str | None = None
    skip_value: bool = False


class _Builder:
    """Turns the event stream into nodes with an explicit stack."""

    def __init__(self, file: str, findings: Findings) -> None:
        self.file = file
        self.findings = findings
        self.stack: list[_Open] = []
        self.root: Node | None = None
        self.nodes = 0
        self.documents = 0

    def build(self, text: str) -> Node | None:
        try:
            for event in self._events(text):
                self._take(event)
        except yaml.MarkedYAMLError as error:
            self._syntax(text, error)
        except yaml.reader.ReaderError as error:
            self._unreadable(text, error)
        return self.root

    def _events(self, text: str) -> Iterator[yaml.Event]:
        loader = _LOADER(text)
        try:
            while loader.check_event():
                yield loader.get_event()
        finally:
            loader.dispose()

    def _origin(self, event: yaml.Event, pointer: str) -> Origin:
        start, end = event.start_mark, event.end_mark
        assert start is not None, "events that come from text have positions"
        assert end is not None
        width = end.column - start.column if end.line == start.line else 1
        return Origin(
            file=self.file,
            line=start.line + 1,
            column=start.column + 1,
            width=max(1, width),
            pointer=pointer,
        )

    def _pointer(self) -> str:
        parts = []
        for item in self.stack:
            step = str(len(item.node.items)) if isinstance(item.node, Sequence) else item.key
            if step is not None:
                parts.append("/" + step.replace("~", "~0").replace("/", "~1"))
        return "".join(parts)

    def _take(self, event: yaml.Event) -> None:
        origin = self._origin(event, self._pointer())
        self._guard(event, origin)
        match event:
            case yaml.DocumentStartEvent():
                self.documents += 1
                if self.documents > 1:
                    raise _invalid("yaml-documents", "a manifest is one YAML document", origin)
            case yaml.ScalarEvent():
                self._take_scalar(event, origin)
            case yaml.MappingStartEvent():
                self._open(Mapping(origin=origin))
            case yaml.SequenceStartEvent():
                self._open(Sequence(origin=origin))
            case yaml.CollectionEndEvent():
                self._place(self.stack.pop().node)
            case _:
                pass  # begin and end of the stream and of the document say nothing more

    def _guard(self, event: yaml.Event, origin: Origin) -> None:
        """Stop at constructs that a manifest never needs and that can be abused."""
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _invalid(
                "yaml-alias",
                "anchors and aliases are not part of the manifest language",
                origin,
                hint="write the value out; text that begins with `*` or `&`: put it in quotes",
            )
        tag = getattr(event, "tag", None)
        if tag and tag != "!":
            hint = "text that begins with `!`: put it in quotes"
            raise _invalid("yaml-tag", f"the tag {tag!r} is not allowed", origin, hint=hint)
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise _invalid("yaml-too-large", f"more than {MAX_NODES:,} values", origin)

    def _take_scalar(self, event: yaml.ScalarEvent, origin: Origin) -> None:
        quoted = event.style in {"'", '"', "|", ">"}
        value = event.value if quoted else _scalar_value(event.value)
        top = self.stack[-1] if self.stack else None
        if top is not None and isinstance(top.node, Mapping) and top.key is None:
            self._take_key(top, event, origin)
        else:
            self._place(Scalar(value=value, text=event.value, origin=origin))

    def _take_key(self, top: _Open, event: yaml.ScalarEvent, origin: Origin) -> None:
        assert isinstance(top.node, Mapping)
        key: str = event.value
        pointer = origin.pointer + "/" + key.replace("~", "~0").replace("/", "~1")
        here = Origin(
            file=origin.file,
            line=origin.line,
            column=origin.column,
            width=origin.width,
            pointer=pointer,
        )
        if key in top.node.items:
            first = top.node.keys[key]
            self.findings.error(
                "yaml-duplicate-key",
                f"the key {key!r} stands twice; first in line {first.line}",
                here,
                hint="keep one of the two; YAML readers silently drop the first",
            )
            top.skip_value = True
        else:
            top.node.keys[key] = here
        top.key = key

    def _open(self, node: Mapping | Sequence) -> None:
        top = self.stack[-1] if self.stack else None
        if top is not None and isinstance(top.node, Mapping) and top.key is None:
            raise _invalid("yaml-key", "a key must be a plain name, not a collection", node.origin)
        if len(self.stack) >= MAX_DEPTH:
            raise _invalid("yaml-depth", f"nested deeper than {MAX_DEPTH} levels", node.origin)
        self.stack.append(_Open(node=node))

    def _place(self, node: Node) -> None:
        if not self.stack:
            self.root = node
            return
        top = self.stack[-1]
        if isinstance(top.node, Sequence):
            top.node.items.append(node)
            return
        assert top.key is not None
        if not top.skip_value:
            top.node.items[top.key] = node
        top.key, top.skip_value = None, False

    def _syntax(self, text: str, error: yaml.MarkedYAMLError) -> None:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        problem = error.problem or str(error)
        if error.context:
            problem = f"{problem} ({error.context})"
        lines = split_lines(text)
        if line > len(lines):
            # libyaml lets the end stand in a line of its own, which the file need not have.
            line, column = len(lines), len(lines[-1]) + 1
        hint = _syntax_hint(problem, lines[line - 1], column)
        self.findings.error(
            "yaml-syntax", problem, Origin(file=self.file, line=line, column=column), hint=hint
        )

    def _unreadable(self, text: str, error: yaml.reader.ReaderError) -> None:
        position = error.position if isinstance(error.position, int) else 0
        character = getattr(error, "character", 0)
        code = character if isinstance(character, int) else ord(character[:1] or "\0")
        position = _character_position(text, position, code)
        line, column = _position_after(text[:position])
        self.findings.error(
            "yaml-character",
            f"the character U+{code:04X} is not allowed in YAML",
            Origin(file=self.file, line=line, column=column),
            hint='write it as an escape inside double quotes, such as "\\x07"',
        )


def _syntax_hint(problem: str, line: str, column: int) -> str:
    """What to type, for the usual mistakes: text that YAML takes for something else."""
    # libyaml does not say which character it is that cannot start a token.
    character = line[column - 1 : column]
    if character == "\t":
        return "YAML indents with spaces, never with tabs"
    if "alias" in problem or "anchor" in problem:
        return "text that begins with `*` or `&`: put it in quotes"
    if "cannot start any token" in problem:
        return f"text that begins with this character ({character}): put it in quotes"
    if "mapping values are not allowed" in problem:
        return "text that holds `: `: put it in quotes; otherwise look at the indentation"
    if "did not find expected" in problem and "{" in line:
        return "text that holds `{`: put it in quotes"
    return ""


def _character_position(text: str, reported: int, code: int) -> int:
    """Find the offending character: libyaml counts bytes, the Python reader characters."""
    found = text.find(chr(code))
    return found if found >= 0 else min(reported, len(text))
