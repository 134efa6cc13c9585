"""The process that asks SQLite whether copies of databases are sound.

`python -m engine.system.verify.database_worker ROOT LIST`: paths below ROOT, each ended by a NUL
byte in LIST. A process of its own, since nothing else ends a check that reads a damaged file
without end. One line of JSON for each goes to stdout, as soon as it is known.
"""

from __future__ import annotations

import os
import sqlite3
import stat
import sys
from pathlib import Path

from engine.sqlite.copies import (
    QUICK_ABOVE,
    CopyStatus,
    DatabaseCopy,
    NotCopied,
    choose_check,
    write_line,
)
from engine.system.host.descent import Descent, NotThere, descending, opened_root
from engine.system.sqlite.reading import find_problems, opened

FAILED = 5


def main(arguments: list[str]) -> int:
    """Check each, and say what was found."""
    root, listed = arguments
    try:
        paths = Path(listed).read_bytes().split(b"\0")[:-1]
        with opened_root(os.fsencode(root)) as top, descending(top) as descent:
            for path in paths:
                sys.stdout.buffer.write(write_line(_checked(descent, path)))
                sys.stdout.buffer.flush()
    except OSError as error:
        sys.stderr.write(f"database_worker: {error}\n")
        return FAILED
    return 0


def _checked(descent: Descent, path: bytes) -> DatabaseCopy:
    status, reason = CopyStatus.OK, ""
    try:
        _check(descent, tuple(path.split(b"/")))
    except NotCopied as error:
        status, reason = error.status, error.reason
    except sqlite3.DatabaseError as error:
        status, reason = CopyStatus.CORRUPT, f"SQLite says: {error}"
    except (NotThere, OSError) as error:
        status, reason = CopyStatus.UNREADABLE, str(error)
    return DatabaseCopy(path=path, status=status, reason=reason)


def _check(descent: Descent, names: tuple[bytes, ...]) -> None:
    """Raise `NotCopied` where it is damaged.

    Nobody writes to a complete generation, so SQLite need look for no other files beside it.
    """
    above = descent.enter(names[:-1])
    found = os.stat(names[-1], dir_fd=above, follow_symlinks=False)
    if not stat.S_ISREG(found.st_mode):
        raise NotCopied(CopyStatus.NOT_A_DATABASE, "it is no regular file any more")
    with opened(above, names[-1], "mode=ro&immutable=1") as reader:
        check, problems = find_problems(reader, choose_check(found.st_size, QUICK_ABOVE))
    if problems:
        raise NotCopied(CopyStatus.CORRUPT, f"{check.value} finds: {problems}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
