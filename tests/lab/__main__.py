"""Whether this host can have the lab: builds the image, boots one machine, and says what came."""

import sys
import tempfile
import time
from pathlib import Path

from tests.lab.container import DidNotBoot
from tests.lab.image import CannotBuild, cache, image
from tests.lab.machine import booted


def main() -> int:
    """Print one line; 1 where there can be no lab, with the reason on stderr."""
    begun = time.monotonic()
    try:
        root = image(cache())
        built = time.monotonic()
        with (
            tempfile.TemporaryDirectory() as folder,
            booted(root, Path(folder), disks=(64,)) as machine,
        ):
            state = machine.systemctl("is-system-running", code=None)
            now = time.monotonic()
    except (CannotBuild, DidNotBoot) as reason:
        print(f"no lab here: {reason}", file=sys.stderr)
        return 1
    print(f"{root}: there after {built - begun:.1f} s, {state} after {now - built:.1f} s more")
    return 0


if __name__ == "__main__":
    sys.exit(main())
