"""Reads pytest's JUnit report and fails when a test was skipped: in CI every tool is there."""

import sys
from pathlib import Path
from xml.etree import ElementTree


def skipped_tests(report: str) -> list[str]:
    """Return `test: reason` for each test that was skipped; an expected failure is none."""
    return [
        f"{case.get('classname')}::{case.get('name')}: {skip.get('message')}"
        for case in ElementTree.fromstring(report).iter("testcase")
        for skip in case.iter("skipped")
        if skip.get("type") == "pytest.skip"
    ]


def main(path: str) -> int:
    """Print the skipped tests of the report at `path`; silent when there are none."""
    skipped = skipped_tests(Path(path).read_text())
    for line in skipped:
        print(f"skipped: {line}", file=sys.stderr)
    if skipped:
        print(f"{len(skipped)} tests were skipped; here none may be", file=sys.stderr)
    return 1 if skipped else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
