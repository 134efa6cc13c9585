from pathlib import Path

from engine.routing.coverage import Entry
from engine.system.host.places import Places
from engine.system.measure.top_entries import see_sources
from tests.plans import plan


def test_a_source_that_is_empty_or_away_was_not_seen(tmp_path: Path) -> None:
    places, source = Places(root=tmp_path), tmp_path / "srv/nfs"
    assert see_sources(plan(), places) == {"nfs": None}
    source.mkdir(parents=True)
    assert see_sources(plan(), places) == {"nfs": None}
    (source / "a").mkdir()
    assert see_sources(plan(), places) == {"nfs": frozenset({Entry(name=b"a", directory=True)})}
