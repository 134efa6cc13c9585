"""How old what was set aside is, and what of it expires."""

from datetime import UTC, datetime

import pytest

from engine.rsync.set_aside import expired_runs, run_start
from policy.values import Duration

NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "start"),
    [
        (b"20261122T020000Z-ab12", NOW),
        (b"20261122T020000Z", NOW),
        (b"20261122T020000Zab", None),
        (b"20261122T020000Z-a/b", None),
        (b"20261399T020000Z", None),
        (b"\xff" * 16, None),
        (b"", None),
    ],
)
def test_age_comes_from_the_name(name: bytes, start: datetime | None) -> None:
    assert run_start(name) == start


def test_only_old_runs_expire() -> None:
    names = (b"20261120T020000Z-a", b"20261120T015959Z-b", b"20261122T020000Z-c", b"other")
    assert expired_runs(names, Duration(2 * 86400), NOW) == (b"20261120T015959Z-b",)
