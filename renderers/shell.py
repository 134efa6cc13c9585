"""Words of a command as a shell reads them back: quoted so that bash gets these very bytes."""

from __future__ import annotations

_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./-_")


def word(data: bytes) -> str:
    """One word; what is no plain text is written as bash reads it within `$'…'`."""
    if data and set(data) <= _PLAIN:
        return data.decode("ascii")
    try:
        shown = data.decode("utf-8")
    except UnicodeDecodeError:
        return _escaped(data)
    if not all(char.isprintable() for char in shown):
        return _escaped(data)
    return "'" + shown.replace("'", "'\\''") + "'"


def variable(name: str, *, after: str = "") -> str:
    """What a person has filled in; of it only what follows the last of some characters."""
    if not after:
        return f'"${name}"'
    return f'"${{{name}##*{after if len(after) == 1 else f"[{after}]"}}}"'


def _escaped(data: bytes) -> str:
    return "$'" + "".join(map(_byte, data)) + "'"


def _byte(value: int) -> str:
    if value in b"'\\":
        return "\\" + chr(value)
    # Three octal digits: of a hexadecimal number bash would take what follows for a part of it.
    return chr(value) if 0x20 <= value < 0x7F else f"\\{value:03o}"
