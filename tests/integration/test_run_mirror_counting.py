"""Deletions are counted before any is made: random trees, with a dry run of rsync as the judge."""

import random
import re
import subprocess
from pathlib import Path

import pytest

from engine.records.reports import RunStatus
from engine.runs.observation import Waiver
from tests.integration.lab import HOSTILE, Lab, at, manifest, only, tree, write

pytestmark = pytest.mark.tool("rsync")
NAMES = [name for name in HOSTILE if len(name) < 100]


def grow(directory: Path, chance: random.Random, depth: int = 0) -> None:
    """Fill a directory at random; the same names come back as other types."""
    directory.mkdir(parents=True, exist_ok=True)
    for name in chance.sample(NAMES, chance.randint(1, 4)):
        path = at(directory, name)
        kind = chance.random()
        if kind < 0.5 and depth < 3:
            grow(path, chance, depth + 1)
        elif kind < 0.6:
            path.symlink_to("target")
        else:
            write(path, chance.randbytes(chance.randint(1, 9)))


def dry_run(lab: Lab, rules: Path) -> int:
    """How many deletions rsync itself would make."""
    command = ["rsync", "--dry-run", "--recursive", "--links", "--times", "--delete"]
    command += ["--info=del", f"--filter=merge {rules}", f"{lab.source}/", f"{lab.disk}/"]
    told = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    return len(re.findall(rb"^deleting ", told, re.MULTILINE))


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("options", ["", ", deleted: {keep: 30d}"])
def test_the_count_is_rsyncs_own(tmp_path: Path, seed: int, options: str) -> None:
    chance = random.Random(seed)
    lab = Lab(tmp_path, manifest(options))
    grow(lab.source, chance)
    (lab.source / "always").mkdir()
    write(lab.source / "always/file")
    assert lab.run().status is RunStatus.OK
    lab.source.rename(tmp_path / "before")
    grow(lab.source, chance)
    write(lab.source / "always/file")
    expected = dry_run(lab, lab.places.filter_file("nightly", "data"))
    report = lab.run("nightly", Waiver.SMALLER_SOURCE)
    assert report.status is RunStatus.OK, report
    # Where a directory makes way for a file, a dry run counts what pass and limit do: its content.
    assert only(report).deletions_wanted == only(report).deleted == expected
    assert {name: kind for name, (kind, _) in lab.copies().items()} == {
        name: kind for name, (kind, _) in tree(lab.source).items()
    }


def test_law_35_one_refused_source_stops_no_other(tmp_path: Path) -> None:
    text = manifest().replace("disk:/", "disk:/{source}")
    text = text.replace("legs:", "  music: {kind: tree, path: /srv/music}\nlegs:")
    lab = Lab(tmp_path, text + "  /srv/music: nightly\n")
    write(lab.source / "a")
    (tmp_path / "srv/music").mkdir()
    report = lab.run()
    assert report.status is RunStatus.DEGRADED
    assert {one.feed: one.status for one in report.feeds} == {
        "data": RunStatus.OK,
        "music": RunStatus.REFUSED,
    }
    assert lab.copies("data") == tree(lab.source)
    assert lab.last_success() is None
    write(tmp_path / "srv/music/song")
    assert lab.run().status is RunStatus.OK
    assert lab.copies("music") == tree(tmp_path / "srv/music")
