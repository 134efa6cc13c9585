"""Whether a file is what it should be, read to its end; nothing is kept of it.

What a device says is somebody else's: XML may name entities that unfold without end, an archive may
be cut off. Nothing of an archive is unpacked.
"""

from __future__ import annotations

import gzip
import json
import tarfile
import zlib
from collections.abc import Callable
from typing import IO, cast
from xml.parsers import expat

from policy.forms import Form

_CHUNK = 1 << 20


class NotThatForm(Exception):
    """The file is something else, or ends too early; the message says what is wrong."""


def check_form(file: IO[bytes], form: Form) -> None:
    """Read an open file. Raises `NotThatForm`, and `OSError` where it cannot be read."""
    try:
        _READERS[form](file)
    except (tarfile.TarError, EOFError, zlib.error, expat.ExpatError, ValueError) as error:
        raise NotThatForm(f"it is no {form.value}: {error}") from None
    except gzip.BadGzipFile as error:
        raise NotThatForm(f"it is no {form.value}: {error}") from None


def _xml(file: IO[bytes]) -> None:
    parser = expat.ParserCreate()

    def refuse(name: str, *_: object) -> None:
        raise ValueError(f"it declares the entity {name!r}")

    parser.EntityDeclHandler = refuse
    parser.ParseFile(file)


def _json(file: IO[bytes]) -> None:
    json.load(file)


def _tar(file: IO[bytes]) -> None:
    with tarfile.open(fileobj=file, mode="r|") as archive:
        if sum(1 for _ in archive) == 0:
            raise ValueError("nothing is in it")
    _drain(file)


def _gzip(file: IO[bytes]) -> None:
    _drain(_unpacked(file))


def _tar_gzip(file: IO[bytes]) -> None:
    """The sum at the end of the gzip is read as well, which lies behind the end of the archive."""
    _tar(_unpacked(file))


def _unpacked(file: IO[bytes]) -> IO[bytes]:
    return cast("IO[bytes]", gzip.open(file))  # it can all that is asked of it here


def _drain(file: IO[bytes]) -> None:
    while file.read(_CHUNK):
        pass


_READERS: dict[Form, Callable[[IO[bytes]], None]] = {
    Form.XML: _xml,
    Form.JSON: _json,
    Form.TAR: _tar,
    Form.GZIP: _gzip,
    Form.TAR_GZIP: _tar_gzip,
    Form.NONE: _drain,
}
