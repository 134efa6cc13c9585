"""What the shell starts: the program, and what ends it before it is there to say so itself."""

from __future__ import annotations

import sys


def main() -> None:
    """Load the program, which takes a moment, and run it."""
    try:
        from policyctl.main import main as program
    except KeyboardInterrupt:
        sys.stderr.write("policyctl: interrupted\n")
        sys.exit(130)
    program()


if __name__ == "__main__":
    main()
