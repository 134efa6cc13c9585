import re
import subprocess

import pytest

from engine.plan.layout import SYSCTL_FILE
from renderers import sysctl
from tests.unit.renderers.test_tracker_unit import TRACKED, plan_of

LEG = '  second: {kind: mirror, to: "disk:/more", schedule: "03:00", full_every: 30d}'
SECOND = (
    TRACKED.replace(
        "track: true}", "track: true}\n  more: {kind: tree, path: /srv/more, track: true}"
    )
    .replace("/srv/data: nightly", "/srv/data: nightly\n  /srv/more: second")
    .replace('to: "disk:/"', 'to: "disk:/data"')
    .replace("legs:", f"legs:\n{LEG}")
)


def settings(text: str) -> dict[str, int]:
    (file,) = sysctl.render(plan_of(text))
    assert file.path == SYSCTL_FILE
    lines = [line for line in file.content.decode().splitlines() if not line.startswith("#")]
    return {name: int(value) for name, value in (line.split(" = ") for line in lines)}


def test_each_tracked_source_is_granted_as_many_watches() -> None:
    one, two = settings(TRACKED), settings(SECOND)
    assert one["fs.inotify.max_user_watches"] == sysctl.WATCHES
    assert two["fs.inotify.max_user_watches"] == 2 * sysctl.WATCHES


def test_it_never_lowers_what_the_kernel_grants_of_itself() -> None:
    """At most 1,048,576 since Linux 5.11, and 16,384 events."""
    assert settings(TRACKED)["fs.inotify.max_user_watches"] >= 1_048_576
    assert settings(TRACKED)["fs.inotify.max_queued_events"] >= 16_384


def test_where_nothing_is_tracked_the_kernel_is_left_alone() -> None:
    assert list(sysctl.render(plan_of(TRACKED.replace(", track: true", "")))) == []


@pytest.mark.tool("sysctl")
def test_the_kernel_knows_these_names(tmp_path) -> None:
    for name in settings(TRACKED):
        assert re.fullmatch(r"fs\.inotify\.[a-z_]+", name)
        subprocess.run(["sysctl", "--values", name], check=True, capture_output=True)
