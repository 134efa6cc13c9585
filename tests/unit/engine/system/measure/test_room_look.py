"""The room at a destination as it is now, here and behind a real sshd."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.system.host.places import Places
from engine.system.measure.room_look import RoomLook, look_at_room
from engine.system.state.state import open_state
from policy.destinations import Destination
from tests.integration.sshd import serving
from tests.strategies import compiled, manifest


def destination(path: str, **more: object) -> Destination:
    disk = {"path": path, "media": "hdd", "site": "home", **more}
    found = compiled(manifest(destinations={"disk": disk}))[0].plan.destination("disk")
    assert found is not None
    return found


def fits(look: RoomLook, path: Path) -> bool:
    there = os.statvfs(path)
    assert look.room is not None, look.why
    assert look.room.free is not None
    return abs(look.room.free - there.f_bavail * there.f_frsize) < 1 << 30


def test_here_it_is_that_of_the_disk_on_record(tmp_path: Path) -> None:
    places = Places(root=Path("/"))
    disk = destination(str(tmp_path))
    assert fits(look_at_room(disk, places, None), tmp_path)
    with open_state(tmp_path / "state.db") as state:
        state.record_destination("disk", "uuid:another", datetime.now(UTC))
        look = look_at_room(disk, places, state)
    assert (look.room, look.why) == (None, "another disk lies there than the recorded one")
    away = look_at_room(destination(str(tmp_path / "away")), places, None)
    assert (away.room, away.why) == (None, "No such file or directory")


@pytest.mark.tool("sshd")
def test_there_it_is_asked_for(tmp_path: Path) -> None:
    hostile = tmp_path / "a 50% \u00e4"
    hostile.mkdir()
    places = Places(root=Path("/"))
    with serving(tmp_path / "sshd") as server:
        ssh = {
            "ssh": server.account,
            "port": server.port,
            "key": f"{server.directory}/key",
            "known_hosts": f"{server.directory}/known_hosts",
        }
        assert fits(look_at_room(destination(str(hostile), **ssh), places, None), hostile)
        away = look_at_room(destination(str(tmp_path / "away"), **ssh), places, None)
        assert (away.room, "No such file" in away.why) == (None, True)
        server.stop()
        silent = look_at_room(destination(str(hostile), **ssh), places, None)
    assert (silent.room, "refused" in silent.why) == (None, True)
