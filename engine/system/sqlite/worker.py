"""The process that copies every SQLite database below ROOT into TARGET.

`python -m engine.system.sqlite.worker ROOT TARGET`: a process of its own, so that it can be run
where the snapshots are mounted and nowhere else. One line of JSON for each database goes to
stdout, as soon as it is done, and an empty line now and then while it searches. It ends with 0
where all were copied, with 6 where some were not, and with 5 where it could not work at all.
"""

from __future__ import annotations

import argparse
import os
import sys

from engine.sqlite.copies import QUICK_ABOVE, CopyRules, CopyStatus, write_line
from engine.system.host.descent import opened_root
from engine.system.sqlite.copies import copy_databases

ALL_COPIED = 0
SOME_FAILED = 6
FAILED = 5
"""The exit codes of policyctl itself."""
_DAY = 86_400.0


def main(arguments: list[str]) -> int:
    """Copy, and say what became of each database."""
    asked = _parser().parse_args(arguments)
    rules = CopyRules(
        frozen=not asked.live,
        each=asked.each,
        all=asked.all,
        quick_above=asked.quick_above,
        former=os.fsencode(asked.former),
    )
    failed = False
    try:
        with (
            opened_root(os.fsencode(asked.root)) as root,
            opened_root(os.fsencode(asked.target)) as target,
        ):
            only = os.fsencode(asked.only) if asked.only is not None else None
            for copy in copy_databases(root, target, rules, _say_nothing, only=only):
                failed = failed or copy.status is not CopyStatus.OK
                sys.stdout.buffer.write(write_line(copy))
                sys.stdout.buffer.flush()
    except OSError as error:
        sys.stderr.write(f"sqlite_worker: {error}\n")
        return FAILED
    return SOME_FAILED if failed else ALL_COPIED


def _say_nothing() -> None:
    """Show that it goes on: who hears nothing for long takes the disk for one that hangs."""
    sys.stdout.buffer.write(b"\n")
    sys.stdout.buffer.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sqlite_worker", description=__doc__)
    parser.add_argument("root", metavar="ROOT")
    parser.add_argument("target", metavar="TARGET")
    parser.add_argument("--live", action="store_true", help="the tree is in use, and no snapshot")
    parser.add_argument("--each", type=float, default=_DAY, metavar="SECONDS")
    parser.add_argument("--all", type=float, default=_DAY, metavar="SECONDS")
    parser.add_argument("--quick-above", type=int, default=QUICK_ABOVE, metavar="BYTES")
    parser.add_argument("--only", metavar="NAME", help="the one of that name in ROOT, no other")
    parser.add_argument("--former", default="", metavar="NAME", help="linked to where equal")
    return parser


if __name__ == "__main__":
    # At once: a child that waits for a dead disk may never end, and nobody waits for it.
    os._exit(main(sys.argv[1:]))
