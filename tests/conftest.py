"""What holds in every test: a home of its own, no settings from outside, reproducible examples."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.servers.programs import missing

pytest_plugins = ["tests.servers.fixtures"]

# The default run explores the same few examples each time, so that a red test is the change's
# doing. `make soak` looks for new ones.
settings.register_profile(
    "default",
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "soak",
    max_examples=2000,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

# Variables that would change what policyctl, or a tool that it runs, does or prints.
OUTSIDE = ("POLICYCTL_", "RSYNC_", "XDG_")
OUTSIDE_NAMES = ("FORCE_COLOR", "INVOCATION_ID", "JOURNAL_STREAM", "NO_COLOR", "NOTIFY_SOCKET")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write what the code produces over the golden files, instead of comparing",
    )


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("tool"):
        for command in missing(*mark.args):
            pytest.skip(f"{command} is not installed (tools/setup test)")
    if item.get_closest_marker("root") and os.geteuid() != 0:
        pytest.skip("needs root")


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are to be written rather than compared."""
    return bool(request.config.getoption("--update-golden"))


@pytest.fixture(scope="session")
def empty_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home directory of all tests."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(autouse=True)
def shut_outside_out(empty_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the person who runs the tests reaches them, nor the other way round."""
    monkeypatch.setenv("HOME", str(empty_home))
    for name in list(os.environ):
        if name.startswith(OUTSIDE) or name in OUTSIDE_NAMES:
            monkeypatch.delenv(name)
