"""The archive that Vault and Consul call a raft snapshot: a tar, packed by gzip.

`meta.json` says where in raft's log it was taken, `state.bin` is the state, `SHA256SUMS` has a line
for each of these two, in any order. Vault adds `SHA256SUMS.sealed`: the same lines, encrypted with
its own key. It comes last, so an archive that lacks it was cut off.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import random
import tarfile
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass

META = "meta.json"
STATE = "state.bin"
SUMS = "SHA256SUMS"
SEALED = "SHA256SUMS.sealed"


class NotASnapshot(Exception):
    """What is wrong with an archive."""


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """What an archive holds, its sums verified."""

    index: int
    term: int
    version: int
    state: bytes
    sums: bytes
    sealed: bytes | None


def pack(state: bytes, *, index: int, term: int, seal: Callable[[bytes], bytes]) -> bytes:
    """An archive of a server of one member."""
    meta = _meta(index, term, len(state))
    lines = [f"{_sum(meta)}  {META}\n", f"{_sum(state)}  {STATE}\n"]
    random.shuffle(lines)
    sums = "".join(lines).encode()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in ((META, meta), (STATE, state), (SUMS, sums), (SEALED, seal(sums))):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode, entry.mtime = len(content), 0o600, int(time.time())
            archive.addfile(entry, io.BytesIO(content))
    return gzip.compress(packed.getvalue(), compresslevel=1)


def _meta(index: int, term: int, size: int) -> bytes:
    """As Go writes raft's record of a snapshot."""
    member = {"Suffrage": 0, "ID": "stand-in", "Address": "127.0.0.1:8201"}
    fields = {
        "Version": 1,
        "ID": "bolt-snapshot",
        "Index": index,
        "Term": term,
        "Peers": None,
        "Configuration": {"Servers": [member]},
        "ConfigurationIndex": 1,
        "Size": size,
    }
    return json.dumps(fields, separators=(",", ":")).encode() + b"\n"


def unpack(archive: bytes) -> Snapshot:
    """What an archive holds; as strict as Vault, which wants no other file in it."""
    members = _members(archive)
    stray = set(members) - {META, STATE, SUMS, SEALED}
    if stray:
        raise NotASnapshot(f'unexpected file "{min(stray)}" in snapshot')
    _verify(members)
    meta = json.loads(members[META])
    return Snapshot(
        index=meta["Index"],
        term=meta["Term"],
        version=meta["Version"],
        state=members[STATE],
        sums=members[SUMS],
        sealed=members.get(SEALED),
    )


def _members(archive: bytes) -> dict[str, bytes]:
    found = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(gzip.decompress(archive))) as packed:
            for entry in packed:
                content = packed.extractfile(entry)
                found[entry.name] = b"" if content is None else content.read()
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        raise NotASnapshot(f"failed to decompress snapshot: {error}") from error
    return found


def _verify(members: dict[str, bytes]) -> None:
    lines = [line.split("  ", 1) for line in members.get(SUMS, b"").decode().splitlines()]
    said = {line[-1]: line[0] for line in lines}
    for name in (META, STATE):
        if name not in said or name not in members:
            raise NotASnapshot(f'file missing for "{name}"')
        if said[name] != _sum(members[name]):
            raise NotASnapshot(f'hash check failed for "{name}"')


def _sum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
