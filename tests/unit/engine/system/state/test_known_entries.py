"""The known entries in the state database."""

from pathlib import Path

from engine.system.state.reading import read_state
from engine.system.state.state import open_state
from tests.integration.lab import HOSTILE


def test_law_34_names_come_back_byte_for_byte(tmp_path: Path) -> None:
    with open_state(tmp_path / "state.db") as state:
        state.known_entries.replace("nfs", b"/srv/nfs", HOSTILE)
    with read_state(tmp_path / "state.db") as seen:
        assert seen is not None
        assert seen.known_entries.of("nfs", b"/srv/nfs") == frozenset(HOSTILE)


def test_another_path_and_another_source_are_unknown(tmp_path: Path) -> None:
    with open_state(tmp_path / "state.db") as state:
        known = state.known_entries
        assert known.of("nfs", b"/srv/nfs") is None
        known.replace("nfs", b"/srv/nfs", [])
        assert known.of("nfs", b"/srv/nfs") == frozenset()
        assert known.of("nfs", b"/srv/other") is None
        assert known.of("other", b"/srv/nfs") is None


def test_they_follow_a_rename_and_go_with_their_source(tmp_path: Path) -> None:
    with open_state(tmp_path / "state.db") as state:
        known = state.known_entries
        known.replace("old", b"/srv/nfs", [b"a"])
        known.replace("new", b"/srv/nfs", [b"stale"])
        known.rename("old", "new")
        known.rename("old", "new")
        assert known.of("new", b"/srv/nfs") == frozenset({b"a"})
        assert known.of("old", b"/srv/nfs") is None
        known.keep_only({"other"})
        assert known.of("new", b"/srv/nfs") is None
