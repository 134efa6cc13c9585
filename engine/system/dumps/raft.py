"""The process that reads a snapshot of Vault: `python -m engine.system.dumps.raft <FILE`.

The file is a tar in a gzip with `meta.json`, `state.bin` and their sums (`SHA256SUMS`), as the
library has it that Vault, Consul and Nomad share. What the sums say is computed once more. It
prints one line of JSON with the index, and ends with 0; else with 6, and says what is wrong.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import sys
import tarfile
import zlib
from typing import IO, cast

WRONG = 6
_NEEDED = ("meta.json", "state.bin")
_SUMS = "SHA256SUMS"
_MOST = 1 << 20
"""Bytes of what is no state: nothing else is large."""
_CHUNK = 1 << 20


def main() -> int:
    """Read it to its end."""
    try:
        found = check_snapshot(sys.stdin.buffer)
    except (tarfile.TarError, EOFError, zlib.error, OSError, ValueError, LookupError) as error:
        sys.stderr.write(f"it is no whole snapshot: {error}\n")
        return WRONG
    sys.stdout.write(json.dumps(found) + "\n")
    return 0


def check_snapshot(file: IO[bytes]) -> dict[str, int]:
    """Its index, term and bytes of state. Raises what reading a bad one raises."""
    sums: dict[str, str] = {}
    texts: dict[str, bytes] = {}
    size = 0
    plain = cast("IO[bytes]", gzip.open(file))  # noqa: SIM115 - the file is the caller's
    with tarfile.open(fileobj=plain, mode="r|") as archive:
        for member in archive:
            content = archive.extractfile(member)
            if content is None:
                continue
            sums[member.name] = _sum(content, member.name, texts)
            if member.name == "state.bin":
                size = member.size
    while plain.read(_CHUNK):  # gzip's own sum stands at its very end
        pass
    _compare(sums, texts.get(_SUMS, b"").decode())
    meta = json.loads(texts["meta.json"])
    return {"index": int(meta["Index"]), "term": int(meta["Term"]), "size": size}


def _sum(content: IO[bytes], name: str, texts: dict[str, bytes]) -> str:
    digest, kept = hashlib.sha256(), b""
    while chunk := content.read(_CHUNK):
        digest.update(chunk)
        if name != "state.bin" and len(kept) < _MOST:
            kept += chunk
    texts[name] = kept
    return digest.hexdigest()


def _compare(sums: dict[str, str], listed: str) -> None:
    wanted = {name: told for told, name in (line.split() for line in listed.splitlines() if line)}
    for name in _NEEDED:
        if name not in sums or name not in wanted:
            raise ValueError(f"{name} is missing in it, or in its sums")
    for name, told in wanted.items():
        if sums.get(name) != told:
            raise ValueError(f"{name} is not what its sum says")


if __name__ == "__main__":
    sys.exit(main())
