"""Whether this host can have the lab: builds its images, boots one machine of each kind."""

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.lab.computer import DidNotBoot
from tests.lab.debian import CannotBuild, cache
from tests.lab.image import image
from tests.lab.machine import Machine, booted
from tests.lab.vm import restored
from tests.lab.vm_image import vm_image


@contextmanager
def in_a_container(root: Path) -> Iterator[Machine]:
    """Boot a container."""
    with (
        tempfile.TemporaryDirectory() as folder,
        booted(root, Path(folder), disks=(64,)) as machine,
    ):
        yield machine


KINDS = {"container": (image, in_a_container), "virtual machine": (vm_image, restored)}


def can_have(kind: str) -> bool:
    """Print one line: how long it took, or on stderr why there is none."""
    build, boot = KINDS[kind]
    begun = time.monotonic()
    try:
        made = build(cache())
        built = time.monotonic()
        with boot(made) as machine:
            state = machine.systemctl("is-system-running", code=None)
            now = time.monotonic()
    except (CannotBuild, DidNotBoot) as reason:
        print(f"no {kind} here: {reason}", file=sys.stderr)
        return False
    print(f"{kind}: {made} after {built - begun:.1f} s, {state} after {now - built:.1f} s more")
    return True


def main() -> int:
    """Try both kinds; 1 where there is no container, which most of the lab's tests need."""
    found = {kind: can_have(kind) for kind in KINDS}
    return 0 if found["container"] else 1


if __name__ == "__main__":
    sys.exit(main())
