"""What runs inside a machine: making the live data of the reference manifest, comparing trees."""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from pathlib import Path

from tests.integration.facts import differences, facts
from tests.integration.lab import HOSTILE, at, write

SERVICES = ("nextcloud", "paperless", "gitea")


def make() -> None:
    """Small trees where the reference manifest has large ones."""
    nfs, ssd = Path("/srv/nfs"), Path("/srv/nfs-ssd")
    for service in SERVICES:
        for number in range(10):
            write(nfs / service / f"file-{number}.txt", f"{service} {number}\n" * (number + 1))
    for left_out in ("immich", "frigate", "temp", "old-photos"):
        write(nfs / left_out / "file.bin", left_out)
    write(ssd / "immich/thumbs/thumb.webp")
    names(nfs / "odd")
    os.link(nfs / "nextcloud/file-0.txt", nfs / "odd/second-name")
    write(Path("/etc/pve/storage.cfg"))
    write(Path("/usr/local/bin/tool"))
    nas = Path("/volume1/Backup/lab")
    nas.mkdir(parents=True)
    os.chown(nas, 34, 34)  # Debian's user `backup`


def names(folder: Path) -> None:
    """Names and symlinks that a careless copy loses."""
    for name in HOSTILE:
        write(at(folder, name), name)
    (folder / "empty").mkdir()
    (folder / "link").symlink_to("../nextcloud")
    (folder / "dangling").symlink_to("/nowhere")


def owners(folder: Path) -> None:
    """Owners and modes that only root can copy."""
    for name, mode in {"setuid": 0o4755, "setgid": 0o2755, "closed": 0o000}.items():
        write(folder / name)
        os.chown(folder / name, 1234, 2345)
        (folder / name).chmod(mode)


def reach(path: Path) -> str:
    """What this process may do to a file or a directory: `r`, `w`, both or nothing."""
    may = ""
    with suppress(OSError):
        _read(path)
        may += "r"
    with suppress(OSError):
        _write(path)
        may += "w"
    return may


def _read(path: Path) -> None:
    if path.is_dir():
        list(path.iterdir())
    else:
        path.read_bytes()


def _write(path: Path) -> None:
    if path.is_dir():
        (path / ".written").touch()
        (path / ".written").unlink()
    else:
        os.close(os.open(path, os.O_WRONLY))


def compare(one: Path, other: Path) -> dict[str, object]:
    """How many entries a tree has, and those that differ in another."""
    mine, theirs = facts(one), facts(other)
    found = {repr(path): repr(both) for path, both in differences(mine, theirs).items()}
    return {"entries": len(mine), "different": found}


def main(word: str, *paths: str) -> None:
    """Do what the first word says; what was found is printed as JSON."""
    match word:
        case "make":
            make()
        case "odd":
            names(Path(paths[0]))
            owners(Path(paths[0]))
        case "reach":
            print(json.dumps({path: reach(Path(path)) for path in paths}))
        case "compare":
            print(json.dumps(compare(*map(Path, paths))))
        case _:
            sys.exit(f"nobody knows how to {word}")


if __name__ == "__main__":
    main(*sys.argv[1:])
