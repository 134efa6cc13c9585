"""Frozen dataclasses as JSON and back, driven by their type hints alone.

Owns the general form: a dataclass is an object with a key for each field that takes part in
equality, an enum is its value, a tuple an array, bytes are text where they are UTF-8. Values that
have a text of their own are registered in a `Registry`. Reading is strict: whatever could not have
been written is refused with a sentence that says where.
"""

from __future__ import annotations

import base64
import binascii
import enum
import json
import re
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass
from typing import TypeVar, Union, cast, get_args, get_origin, get_type_hints

# Of a field whose metadata say so, plans were stored before it came: missing, its default stands.
LATER = "later"
Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
T = TypeVar("T")

_JSON_NAMES: dict[type, str] = {
    type(None): "null",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    list: "a list",
    dict: "an object",
}
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class Unreadable(ValueError):
    """JSON that is not the stored form of the type; the message says where and why."""

    def __init__(self, problem: str, where: str = "") -> None:
        self.problem = problem
        self.where = where
        super().__init__(f"{where.removeprefix('.') or 'the document'}: {problem}")

    def inside(self, step: str) -> Unreadable:
        """The same problem seen from one level further out."""
        return Unreadable(self.problem, step + self.where)


@dataclass(frozen=True, slots=True)
class Codec:
    """How one type is written and read."""

    encode: Callable[[object], Json]
    decode: Callable[[object], object]
    forms: frozenset[type]
    """Python types of the JSON that `encode` gives."""


@dataclass(frozen=True, slots=True)
class TextForm:
    """A value's own text. What does not survive the way there and back is written by fields."""

    write: Callable[[object], str]
    read: Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Registry:
    """Codecs of one stored form, each built once."""

    texts: Mapping[type, TextForm] = field(default_factory=dict)
    kinds: Mapping[type, str] = field(default_factory=dict)
    """Classes that carry a `kind` key, so that a union of them can be read."""
    special: Mapping[object, Codec] = field(default_factory=dict)
    """Ready codecs for types that the general form does not cover."""
    _built: dict[object, Codec] = field(default_factory=dict)

    def dumps(self, hint: type[T], value: T) -> str:
        """Write a value of the type: sorted keys, two spaces, a line end."""
        document = self.codec(hint).encode(value)
        text = json.dumps(document, ensure_ascii=False, indent=2, sort_keys=True) + "\n"
        # A lone surrogate can only stand inside a string, where this escape means the same.
        return _LONE_SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)

    def loads(self, hint: type[T], text: str) -> T:
        """Read a value of the type. Raises `Unreadable`."""
        return cast(T, self.codec(hint).decode(parse_json(text)))

    def codec(self, hint: object) -> Codec:
        """The codec of a type hint."""
        found = self.special.get(hint) or _SCALARS.get(hint) or self._built.get(hint)
        if found is None:
            found = self._built[hint] = self._build(hint)
        return found

    def _build(self, hint: object) -> Codec:
        origin = get_origin(hint)
        if origin in {Union, types.UnionType}:
            return _union(tuple((one, self.codec(one)) for one in get_args(hint)), self.kinds)
        if origin is tuple:
            return self._tuple(get_args(hint))
        if isinstance(hint, type) and issubclass(hint, enum.Enum):
            return _enum(hint)
        if isinstance(hint, type) and is_dataclass(hint):
            text = self.texts.get(hint)
            structure = self._dataclass(hint)
            return structure if text is None else _textual(hint, text, structure)
        raise TypeError(f"{hint!r} has no stored form")

    def _tuple(self, items: tuple[object, ...]) -> Codec:
        if len(items) == 2 and items[1] is ...:
            return _sequence(self.codec(items[0]))
        return _fixed(tuple(self.codec(item) for item in items))

    def _dataclass(self, cls: type) -> Codec:
        hints = get_type_hints(cls)
        kept = [one for one in fields(cls) if one.compare]
        unsaved = [one.name for one in fields(cls) if not one.compare and _required(one)]
        if unsaved:
            return _unwritable(cls, unsaved)
        members = {one.name.rstrip("_"): (one.name, self.codec(hints[one.name])) for one in kept}
        later = frozenset(one.name.rstrip("_") for one in kept if one.metadata.get(LATER))
        return _structure(cls, members, self.kinds.get(cls), later)


def parse_json(text: str) -> object:
    """Read JSON text in which no key comes twice. Raises `Unreadable`."""
    try:
        return cast(object, json.loads(text, object_pairs_hook=_object))
    except Unreadable:
        raise
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"it is no JSON ({error})") from None


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Unreadable("an object holds a key twice")
    return found


def _wrong(value: object, wanted: str) -> Unreadable:
    return Unreadable(f"{_JSON_NAMES[type(value)]} stands where {wanted} should")


def _required(one: Field[object]) -> bool:
    return one.default is MISSING and one.default_factory is MISSING


# ── Scalars ──────────────────────────────────────────────────────────────────────────────────


def _scalar(cls: type) -> Codec:
    def decode(value: object) -> object:
        if type(value) is not cls:  # bool is an int, and must not pass for one
            raise _wrong(value, _JSON_NAMES[cls])
        return value

    return Codec(lambda value: cast(Json, value), decode, frozenset({cls}))


def _encode_bytes(value: object) -> Json:
    data = cast(bytes, value)
    try:
        return data.decode()
    except UnicodeDecodeError:
        return {"b64": base64.b64encode(data).decode()}


def _decode_bytes(value: object) -> object:
    try:
        if type(value) is str:
            return value.encode()
        if isinstance(value, dict) and value.keys() == {"b64"} and type(value["b64"]) is str:
            return base64.b64decode(value["b64"], validate=True)
    except (UnicodeEncodeError, binascii.Error, ValueError) as error:
        raise Unreadable(f"these are no bytes ({error})") from None
    raise _wrong(value, 'text or {"b64": …}')


_SCALARS: dict[object, Codec] = {
    str: _scalar(str),
    int: _scalar(int),
    bool: _scalar(bool),
    type(None): _scalar(type(None)),
    bytes: Codec(_encode_bytes, _decode_bytes, frozenset({str, dict})),
}


def _enum(cls: type[enum.Enum]) -> Codec:
    members = {cast(str, member.value): member for member in cls}

    def decode(value: object) -> object:
        if type(value) is not str or value not in members:
            raise Unreadable(f"{value!r} is none of {', '.join(sorted(members))}")
        return members[value]

    return Codec(lambda value: cast(enum.Enum, value).value, decode, frozenset({str}))


# ── Compositions ─────────────────────────────────────────────────────────────────────────────


def _items(value: object) -> list[object]:
    if not isinstance(value, list):
        raise _wrong(value, "a list")
    return value


def _sequence(item: Codec) -> Codec:
    one, read = item.encode, item.decode

    def decode(value: object) -> object:
        found: list[object] = []
        entries = _items(value)
        try:
            found.extend(map(read, entries))
        except Unreadable as error:
            raise error.inside(f"[{len(found)}]") from None
        return tuple(found)

    def encode(value: object) -> Json:
        return [one(entry) for entry in cast(tuple[object, ...], value)]

    return Codec(encode, decode, frozenset({list}))


def _fixed(items: tuple[Codec, ...]) -> Codec:
    def encode(value: object) -> Json:
        pairs = zip(items, cast(tuple[object, ...], value), strict=True)
        return [item.encode(entry) for item, entry in pairs]

    def decode(value: object) -> object:
        entries = _items(value)
        if len(entries) != len(items):
            raise Unreadable(f"the list has {len(entries)} entries, not {len(items)}")
        return tuple(item.decode(entry) for item, entry in zip(items, entries, strict=True))

    return Codec(encode, decode, frozenset({list}))


def _structure(
    cls: type,
    members: Mapping[str, tuple[str, Codec]],
    kind: str | None,
    later: frozenset[str],
) -> Codec:
    writers = [(key, name, codec.encode) for key, (name, codec) in members.items()]
    readers = [(key, name, codec.decode) for key, (name, codec) in members.items()]
    keys = {*members} if kind is None else {*members, "kind"}
    if kind is not None and "kind" in members:
        raise TypeError(f"{cls.__name__} has a field of the name that tells kinds apart")

    def encode(value: object) -> Json:
        found = {key: write(getattr(value, name)) for key, name, write in writers}
        return found if kind is None else {"kind": kind, **found}

    def decode(value: object) -> object:
        if not isinstance(value, dict):
            raise _wrong(value, "an object")
        if not keys - later <= value.keys() <= keys or (kind is not None and value["kind"] != kind):
            raise _other_keys(value, keys, later, kind)
        found = {}
        key = ""
        try:
            for key, name, read in readers if value.keys() == keys else _present(readers, value):
                found[name] = read(value[key])
        except Unreadable as error:
            raise error.inside(f".{key}") from None
        return cls(**found)

    return Codec(encode, decode, frozenset({dict}))


_Reader = tuple[str, str, Callable[[object], object]]


def _present(readers: list[_Reader], value: dict[str, object]) -> list[_Reader]:
    return [one for one in readers if one[0] in value]


def _other_keys(
    value: dict[str, object], keys: set[str], later: frozenset[str], kind: str | None
) -> Unreadable:
    missing = keys - later - value.keys()
    for problem, names in (("unknown", value.keys() - keys), ("missing", missing)):
        if names:
            return Unreadable(f"the key {min(names)!r} is {problem}")
    return Unreadable(f"its kind is {value['kind']!r}, not {kind!r}")


def _unwritable(cls: type, unsaved: list[str]) -> Codec:
    """Only the text form can stand for a class whose fields do not say everything."""

    def encode(value: object) -> Json:
        raise ValueError(f"{value!r} cannot be stored: {', '.join(unsaved)} would be lost")

    def decode(value: object) -> object:
        raise _wrong(value, f"the text of a {cls.__name__}")

    return Codec(encode, decode, frozenset())


def _textual(cls: type, text: TextForm, structure: Codec) -> Codec:
    write, read = text.write, text.read

    def encode(value: object) -> Json:
        try:
            written = write(value)
            if read(written) == value:
                return written
        except ValueError:
            pass
        return structure.encode(value)

    def decode(value: object) -> object:
        if type(value) is not str:
            return structure.decode(value)
        try:
            return read(value)
        except ValueError as error:
            raise Unreadable(f"{value!r} is no {cls.__name__} ({error})") from None

    return Codec(encode, decode, structure.forms | {str})


def _union(members: tuple[tuple[object, Codec], ...], kinds: Mapping[type, str]) -> Codec:
    """One of several types: told apart by kind where both are objects, else by JSON type."""
    tagged = {kinds[cls]: codec for cls, codec in members if isinstance(cls, type) and cls in kinds}
    by_form: dict[type, Codec] = {dict: _tagged(tagged)} if tagged else {}
    for cls, codec in members:
        if cls not in kinds:
            if by_form.keys() & codec.forms:
                raise TypeError(f"{cls!r} cannot be told from the others of its union")
            by_form |= dict.fromkeys(codec.forms, codec)
    encoders = {get_origin(cls) or cls: codec.encode for cls, codec in members}
    wanted = " or ".join(_JSON_NAMES[form] for form in by_form)

    def encode(value: object) -> Json:
        return encoders[type(value)](value)

    def decode(value: object) -> object:
        codec = by_form.get(type(value))
        if codec is None:
            raise _wrong(value, wanted)
        return codec.decode(value)

    return Codec(encode, decode, frozenset(by_form))


def _tagged(by_kind: Mapping[str, Codec]) -> Codec:
    """Objects that name their kind."""

    def decode(value: object) -> object:
        kind = value.get("kind") if isinstance(value, dict) else None
        if not isinstance(kind, str) or kind not in by_kind:
            raise Unreadable(f"its kind is {kind!r}, none of {', '.join(sorted(by_kind))}")
        return by_kind[kind].decode(value)

    return Codec(lambda value: cast(Json, value), decode, frozenset({dict}))
