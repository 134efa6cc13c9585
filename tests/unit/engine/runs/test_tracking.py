"""What is watched, and what an event means to each reader."""

import pytest

from engine.records.journal import Change
from engine.runs.tracking import Event, Judge, Tracked, TrackedReader, tracked_sources
from policy.values import parse_absolute_path
from tests.integration.lab import HOSTILE, compiled

MANIFEST = """\
version: 1
host: h
timezone: UTC
destinations:
  disk: {path: /mnt/disk, media: hdd, site: home}
sources:
  data: {kind: tree, path: /srv/data, track: true}
  plain: {kind: tree, path: /srv/plain}
  unread: {kind: tree, path: /srv/unread, track: true}
legs:
  nightly: {kind: mirror, to: "disk:/nightly", schedule: "01:00", timeout: 5m, full_every: 30d}
  photos: {kind: mirror, to: "disk:/photos", schedule: "02:00", timeout: 5m, full_every: 30d}
  always: {kind: mirror, to: "disk:/always", schedule: "03:00", timeout: 5m}
  plainly: {kind: mirror, to: "disk:/plain", schedule: "04:00", timeout: 5m, full_every: 30d}
  unreadly: {kind: mirror, to: "disk:/unread", schedule: "05:00", timeout: 5m}
routes:
  /srv/data: nightly
  /srv/data/deep/down/photos: photos
  /srv/data/always: always
  /srv/data/scratch: {none: "made anew"}
  /srv/data/scratch/kept: photos
  /srv/plain: plainly
  /srv/unread: unreadly
ignore:
  "*.swp": "editor's swap file"
  "cache/": "rebuilt"
"""


@pytest.fixture(scope="module")
def tracked() -> Tracked:
    (found,) = tracked_sources(compiled(MANIFEST))
    return found


@pytest.fixture
def judge(tracked: Tracked) -> Judge:
    return Judge(tracked)


def names(path: str) -> tuple[bytes, ...]:
    return tuple(path.encode().split(b"/")) if path else ()


def told(
    judge: Judge, path: str, *, directory: bool = False, came_or_went: bool = True
) -> list[tuple[str, Change]]:
    """What an event means, by the legs' names."""
    *parent, name = names(path)
    event = Event(name=name, directory=directory, came_or_went=came_or_went)
    return [
        (judge.tracked.readers[number].leg, change)
        for number, change in judge.changes(tuple(parent), event)
    ]


def test_only_what_somebody_reads_by_the_journal_is_tracked(tracked: Tracked) -> None:
    assert tracked.source == "data"
    assert tracked.root == parse_absolute_path("/srv/data")
    assert [one.leg for one in tracked.readers] == ["nightly", "photos"]


def test_the_same_manifest_gives_the_same_and_another_routing_another(tracked: Tracked) -> None:
    assert tracked_sources(compiled("# a comment\n" + MANIFEST)) == (tracked,)
    other = MANIFEST.replace("/srv/data/scratch/kept", "/srv/data/scratch/other")
    assert tracked_sources(compiled(other)) != (tracked,)


@pytest.mark.parametrize(
    ("path", "watched"),
    [
        ("a", True),
        ("a/b/c", True),
        ("deep/down", True),
        ("deep/down/photos/2026", True),
        ("always", False),
        ("always/below", False),
        ("scratch", True),
        ("scratch/else", False),
        ("scratch/kept/below", True),
        ("a/cache", False),
        ("a/cache/below", False),
        ("a/x.swp", True),
        (".policyctl-partial", False),
        ("lost+found", False),
        ("a/lost+found", True),
    ],
)
def test_what_is_routed_is_watched_and_nothing_else(judge: Judge, path: str, watched: bool) -> None:
    assert judge.is_watched(names(path)) is watched


def test_law_41_a_way_down_without_end_is_not_followed(judge: Judge) -> None:
    assert judge.is_watched((b"x",) * 2048)
    assert not judge.is_watched((b"x",) * 2049)


def test_a_file_is_told_to_the_leg_that_carries_it(judge: Judge) -> None:
    for came_or_went in (True, False):
        assert told(judge, "a/f", came_or_went=came_or_went) == [("nightly", Change(b"a/f"))]
    assert told(judge, "f") == [("nightly", Change(b"f"))]


@pytest.mark.parametrize("came_or_went", [True, False])
def test_a_directory_that_came_or_went_means_all_that_is_in_it(
    judge: Judge, came_or_went: bool
) -> None:
    deep = came_or_went
    assert told(judge, "a/d", directory=True, came_or_went=came_or_went) == [
        ("nightly", Change(b"a/d", deep))
    ]
    assert told(judge, "deep", directory=True, came_or_went=came_or_went) == [
        ("nightly", Change(b"deep", deep)),
        ("photos", Change(b"deep", deep)),
    ]


def test_what_is_not_carried_still_touches_the_directory_that_it_is_in(judge: Judge) -> None:
    assert told(judge, "a/f.swp") == [("nightly", Change(b"a"))]
    assert told(judge, "a/f.swp", came_or_went=False) == []
    assert told(judge, "a/cache", directory=True) == [("nightly", Change(b"a"))]
    assert told(judge, "scratch/f") == [("photos", Change(b"scratch"))]


def test_the_root_itself_is_nobodys_row(judge: Judge) -> None:
    """Each pass brings its attributes along."""
    assert told(judge, "f.swp") == []
    assert told(judge, "always", directory=True) == []


def test_a_place_of_another_leg_is_told_to_that_one(judge: Judge) -> None:
    photo = "deep/down/photos/f"
    assert told(judge, photo) == [("photos", Change(photo.encode()))]
    assert told(judge, "deep/down/photos", directory=True) == [
        ("nightly", Change(b"deep/down")),
        ("photos", Change(b"deep/down/photos", deep=True)),
    ]


def test_law_34_names_stay_bytes(judge: Judge) -> None:
    for name in HOSTILE:
        event = Event(name=name, directory=False, came_or_went=True)
        assert list(judge.changes((name,), event)) == [(0, Change(name + b"/" + name))]


def test_a_judge_without_readers_watches_nothing(tracked: Tracked) -> None:
    nobody = Tracked(source="data", root=tracked.root, readers=())
    assert not Judge(nobody).is_watched((b"a",))
    reader: TrackedReader = tracked.readers[0]
    assert Judge(Tracked(source="data", root=tracked.root, readers=(reader,))).is_watched((b"a",))
