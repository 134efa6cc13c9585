"""What runs inside a machine that holds the whole policy: its live data, and their checksums."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from tests.databases import make
from tests.integration.facts import sums
from tests.integration.lab import write

VAULT = Path("/var/lib/vault")
ROWS = "SELECT * FROM t"


def fill() -> None:
    """Live data of all sources that are no servers of their own, beside what `inside` makes."""
    for name in ("films", "dbaas"):
        subprocess.run(["btrfs", "-q", "subvolume", "create", f"/srv/pool/{name}"], check=True)
        write(Path("/srv/pool", name, "data/file"), f"of {name}")
    make(Path("/srv/pool/films/data/library.db"))
    for number in range(3):
        write(Path(f"/srv/apps/wiki/pages/page-{number}"), f"page {number}\n" * (number + 1))
    write(Path("/etc/pve/priv/volumes.key"), os.urandom(32))
    make(Path("/data/db.sqlite3"))
    for name in ("rsa_key.pem", "attachments/one/two", "sends/three", "config.json"):
        write(Path("/data", name), f"of {name}")
    write(Path("/cf/conf/config.xml"), "<config>1</config>")
    write(Path("/var/db/leases"), "leased")
    write(Path("/boot/loader.conf"), "booted")


def vault(token: str, state: str) -> None:
    """What `tests.servers.vault_stand_in` serves."""
    VAULT.mkdir(mode=0o700)
    for name, content in {"token": token, "state.bin": state, "index": "1"}.items():
        write(VAULT / name, content)
    write(VAULT / "seal", os.urandom(32))


def rows(database: str) -> list[object]:
    """What a database of SQLite holds."""
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(ROWS).fetchall()


def summed(folder: str) -> dict[str, str]:
    """The checksum of everything in a folder."""
    return {os.fsdecode(path): one for path, one in sums(Path(folder)).items()}


def main(word: str, *rest: str) -> None:
    """Do what the first word says; what was found is printed as JSON."""
    match word:
        case "fill":
            fill()
        case "vault":
            vault(*rest)
        case "rows":
            print(json.dumps(rows(*rest)))
        case "sums":
            print(json.dumps({one: summed(one) for one in rest}))
        case _:
            sys.exit(f"nobody knows how to {word}")


if __name__ == "__main__":
    main(*sys.argv[1:])
