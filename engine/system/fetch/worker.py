"""The process that reads what a device has said, to see whether it is what it should be.

`python -m engine.system.fetch.worker FORM <FILE`: a process of its own, so that nothing in the file
costs more than that process. It ends with 0 where all is well, else with 6, and says why.
"""

from __future__ import annotations

import resource
import sys

from engine.system.fetch.forms import NotThatForm, check_form
from policy.forms import Form

WRONG = 6
_MEMORY = 2 << 30
"""Bytes: a JSON document is read whole."""


def main(arguments: list[str]) -> int:
    """Read the file, and say what is wrong with it."""
    (form,) = arguments
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    try:
        check_form(sys.stdin.buffer, Form(form))
    except (NotThatForm, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return WRONG
    except (MemoryError, RecursionError):
        sys.stderr.write("it takes too much memory to be read\n")
        return WRONG
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
