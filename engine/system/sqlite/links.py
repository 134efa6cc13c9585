"""A database that has not changed is the file of the generation before, and no second copy of it.

The copy is made and verified first. Then it is compared byte for byte with the former file: so a
former one that somebody changed, or that a disk has damaged, is never carried on.
"""

from __future__ import annotations

import errno
import os
import stat

from engine.sqlite.files import Names
from engine.system.host.descent import NotThere, descending
from engine.system.sqlite.search import NoRegularFile, pinned, reading

_CHUNK = 1 << 20


def link_unchanged(folder: int, names: Names, copy: int, work: int, link: bytes) -> bool:
    """Link the former file below a folder into `work`, where a finished copy is equal to it.

    All are held open; nothing is written but the link. Whatever stands in its way costs room
    alone: then the copy stays what it is.
    """
    try:
        with descending(folder) as descent, pinned(descent.enter(names[:-1]), names[-1]) as pin:
            with reading(pin) as former:
                if _attributes(former) != _attributes(copy) or not _same_content(former, copy):
                    return False
            # The very file that was read: its name may be another's by now.
            path = b"/proc/self/fd/%d" % pin
            os.link(path, link, dst_dir_fd=work, follow_symlinks=True)
    except (NotThere, NoRegularFile, OSError):
        return False
    return True


def _attributes(file: int) -> tuple[object, ...]:
    """What two names of one file share, but for when it was read last."""
    status = os.fstat(file)
    owner = (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode))
    return (status.st_size, status.st_mtime_ns, *owner, _extended(file))


def _extended(file: int) -> dict[str, bytes]:
    """Access lists, labels and the like."""
    try:
        return {name: os.getxattr(file, name) for name in os.listxattr(file)}
    except OSError as error:
        if error.errno != errno.ENOTSUP:
            raise
        return {}


def _same_content(one: int, other: int) -> bool:
    place = 0
    while True:
        mine, its = os.pread(one, _CHUNK, place), os.pread(other, _CHUNK, place)
        if mine != its:
            return False
        if not mine:
            return True
        place += len(mine)
