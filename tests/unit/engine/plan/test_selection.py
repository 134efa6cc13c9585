"""What one leg takes: single paths, decided one by one."""

from __future__ import annotations

import pytest

from engine.plan.selection import (
    Ignore,
    Line,
    Selection,
    Verdict,
    ignore_hits,
    is_blocked,
    is_reserved,
)
from policy.patterns import parse_path_pattern

T, L, E, G, B, R = (
    Verdict.TAKEN,
    Verdict.LEFT,
    Verdict.ENTERED,
    Verdict.IGNORED,
    Verdict.BLOCKED,
    Verdict.RESERVED,
)


def line(text: str, *, taken: bool = True) -> Line:
    return Line(pattern=parse_path_pattern(text.encode()), taken=taken)


def ignore(text: str) -> Ignore:
    core = text.removesuffix("/")
    return Ignore(
        pattern=parse_path_pattern(core.removeprefix("/").encode()),
        anchored="/" in core,
        directory=text.endswith("/"),
    )


def hits(text: str, path: str) -> bool:
    names = tuple(path.rstrip("/").encode().split(b"/"))
    return ignore_hits(ignore(text), names, directory=path.endswith("/"))


class TestIgnores:
    """ "Without a trailing `/` files only, with one directories and all below; a leading or inner
    `/` anchors at each source's root"."""

    @pytest.mark.parametrize(
        ("text", "yes", "no"),
        [
            (
                "*-journal",
                ["a-journal", "x/y/a-journal"],
                ["travel-journal/", "travel-journal/page", "a-journal.txt"],
            ),
            (
                "@eaDir/",
                ["@eaDir/", "@eaDir/x", "a/@eaDir/", "a/@eaDir/b/c"],
                ["@eaDir", "a/@eaDir", "@eaDirs/"],
            ),
            ("/temp/", ["temp/", "temp/a", "temp/a/b/"], ["temp", "a/temp/", "a/temp/b", "temps/"]),
            ("/temp", ["temp"], ["temp/", "a/temp", "temp/a"]),
            ("a/b", ["a/b"], ["a/b/", "x/a/b", "a/b/c", "b"]),
            ("a/b/", ["a/b/", "a/b/c"], ["a/b", "x/a/b/", "a/"]),
            ("a*/", ["ab/", "x/ab/y"], ["ab", "xab/"]),
            ("/*/x", ["a/x"], ["x", "a/b/x", "a/x/"]),
        ],
    )
    def test_hits(self, text: str, yes: list[str], no: list[str]) -> None:
        assert [path for path in yes if not hits(text, path)] == []
        assert [path for path in no if hits(text, path)] == []


class TestReserved:
    @pytest.mark.parametrize(
        ("path", "reserved"),
        [
            (".policyctl-x", True),
            ("a/.policyctl-partial/b", True),
            (".policyctl", False),
            ("lost+found/", True),
            ("lost+found/a", True),
            ("lost+found", False),
            ("a/lost+found/", False),
            ("a/lost+found/b", False),
        ],
    )
    def test_names(self, path: str, reserved: bool) -> None:
        names = tuple(path.rstrip("/").encode().split(b"/"))
        assert is_reserved(names, directory=path.endswith("/")) == reserved


class TestBlocked:
    @pytest.mark.parametrize(
        ("path", "blocked"),
        [
            ("a/b/", True),
            ("a/b", True),
            ("a/b/c", True),
            ("a", True),
            ("a/", False),
            ("a/c", False),
            ("ab", False),
            ("x/a/b", False),
        ],
    )
    def test_places(self, path: str, blocked: bool) -> None:
        names = tuple(path.rstrip("/").encode().split(b"/"))
        assert is_blocked((b"a", b"b"), names, directory=path.endswith("/")) == blocked


class TestDecisions:
    @pytest.mark.parametrize(
        ("path", "verdict"),
        [
            ("x", L),
            ("a/", E),
            ("a", L),
            ("a/b/", T),
            ("a/b", T),
            ("a/b/c", T),
            ("a/b/no/", E),
            ("a/b/no/x", L),
            ("a/b/no/x/", L),
            ("a/b/no/yes/", T),
            ("a/b/no/yes/x.swp", G),
            ("a/x.swp", G),
            ("a/b/.policyctl-1", R),
            ("q1/", E),
            ("q1/z/", T),
            ("q1/y/", L),
            ("b/", L),
        ],
    )
    def test_each(self, path: str, verdict: Verdict) -> None:
        selection = Selection(
            lines=(
                line("a/b/no/yes"),
                line("a/b/no", taken=False),
                line("a/b"),
                line("q?/z"),
                line("", taken=False),
            ),
            ignores=(ignore("*.swp"),),
        )
        names = tuple(path.rstrip("/").encode().split(b"/"))
        assert selection.decide(names, directory=path.endswith("/")) == verdict

    def test_what_beats_what(self) -> None:
        selection = Selection(
            lines=(line(""),), ignores=(ignore("a/"),), blocked=((b"a",), (b"c",))
        )
        assert selection.decide((b"a", b".policyctl-x"), directory=False) is R
        assert selection.decide((b"a", b"x"), directory=False) is G
        assert selection.decide((b"a",), directory=False) is B
        assert selection.decide((b"c", b"x"), directory=True) is B
        assert selection.decide((b"d",), directory=True) is T

    def test_without_a_line_nothing_is_taken(self) -> None:
        selection = Selection(lines=())
        assert selection.deciding_line((b"a",)) is None
        assert selection.decide((b"a",), directory=False) is L
