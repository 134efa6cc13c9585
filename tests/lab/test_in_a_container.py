"""Other tests of the project, run on a machine of the lab: in a container, by Debian's Python.

Process numbers are the container's own there, and the system is mounted as an overlay.
"""

from __future__ import annotations

import pytest

from tests.lab.machine import Machine

pytestmark = [pytest.mark.lab, pytest.mark.root]
TESTS = "/opt/policyctl/tests/integration"
SETS_A_LIMIT = "tests/integration/test_tracker.py::test_law_37_the_kernel_grants_no_more_watches"
"""It sets a limit of the kernel, which no container may."""


def run(lab: Machine, *what: str) -> str:
    """Run tests inside; what they said."""
    pytest_inside = ("python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short")
    where = ("env", "--chdir=/opt/policyctl")
    done = lab.run(*where, *pytest_inside, *what, code=None, seconds=300)
    assert done.code == 0, done.out[-3000:]
    return done.out


@pytest.mark.parametrize("module", ["test_run_mirror", "test_incremental", "test_tracker"])
def test_runs_and_the_tracker_are_the_same(lab: Machine, module: str) -> None:
    out = run(lab, f"{TESTS}/{module}.py", f"--deselect={SETS_A_LIMIT}")
    assert "passed" in out
    assert "skipped" not in out


def test_the_lock_of_a_killed_run_is_seen(lab: Machine) -> None:
    name = "test_law_07_a_second_run_is_refused_and_touches_nothing"
    run(lab, f"{TESTS}/test_run_mirror_laws.py::{name}")
