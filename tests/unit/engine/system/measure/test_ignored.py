"""What single ignores hit in a real tree, judged by the selection that runs go by."""

from __future__ import annotations

import os
from pathlib import Path

from engine.moves.pattern_hits import IgnoreHits
from engine.plan.selection import Ignore, ignore_hits
from engine.records.measurement import Volume
from engine.system.host.places import Places
from engine.system.measure.ignored import ignore_hits_in
from policy.patterns import parse_path_pattern
from policy.routes import IgnoreRule
from tests.plans import tree

FILES = {
    b"a.swp": 1,
    b"cache/one": 10,
    b"cache/deep/two.swp": 100,
    b"keep/cache": 1_000,
    b"keep/line\nbreak\xff.swp": 10_000,
    b"keep/a[b]": 100_000,
    b".policyctl-partial/part.swp": 7,
}


def rule(text: str, *, only: tuple[str, ...] = ()) -> IgnoreRule:
    core = text.removesuffix("/").removeprefix("/")
    return IgnoreRule(
        text=text,
        pattern=parse_path_pattern(core.encode()),
        anchored="/" in text.removesuffix("/"),
        directory=text.endswith("/"),
        reason="a test",
        only=only,
    )


def hits(root: Path, *rules: IgnoreRule) -> dict[str, IgnoreHits]:
    for name, size in FILES.items():
        path = os.path.join(os.fsencode(root), b"srv/nfs", name)  # noqa: PTH118 - names are bytes
        os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120 - names are bytes
        with open(path, "wb") as file:  # noqa: PTH123 - names are bytes
            file.truncate(size)
    return {one.text: one for one in ignore_hits_in(tree(), rules, Places(root=root))}


def test_law_04_each_ignore_is_counted_as_the_selection_judges_it(tmp_path: Path) -> None:
    rules = [rule(text) for text in ("*.swp", "cache/", "cache", "/keep/cache", "nothing*")]
    found = hits(tmp_path, *rules)
    for one in rules:
        ignore = Ignore(pattern=one.pattern, anchored=one.anchored, directory=one.directory)
        mine = [
            size
            for name, size in FILES.items()
            if not name.startswith(b".policyctl")
            and ignore_hits(ignore, tuple(name.split(b"/")), directory=False)
        ]
        assert found[one.text].volume == Volume(files=len(mine), bytes=sum(mine)), one.text
        assert found[one.text].total == Volume(files=6, bytes=111_111)
    assert found["*.swp"].volume == Volume(files=3, bytes=10_101)
    assert found["cache/"].volume == Volume(files=2, bytes=110)
    assert found["nothing*"].volume == Volume()


def test_an_ignore_for_another_source_is_not_asked_about(tmp_path: Path) -> None:
    assert hits(tmp_path, rule("*.swp", only=("other",))) == {}


def test_law_41_a_symlink_is_a_file_and_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/secret.swp").write_text("x" * 5)
    (tmp_path / "srv/nfs").mkdir(parents=True)
    (tmp_path / "srv/nfs/way").symlink_to(tmp_path / "elsewhere")
    assert hits(tmp_path, rule("*.swp"))["*.swp"].volume.files == 3


def test_a_tree_that_is_not_there_says_nothing(tmp_path: Path) -> None:
    assert ignore_hits_in(tree(), [rule("*.swp")], Places(root=tmp_path)) == ()
