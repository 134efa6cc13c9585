"""Small values, each with its one parser."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.values import (
    AbsolutePath,
    ByteSize,
    Duration,
    Percentage,
    display,
    parse_absolute_path,
    parse_chmod,
    parse_duration,
    parse_item_key,
    parse_percentage,
    parse_place,
    parse_size,
)


class TestDurations:
    """ "Durations `90s 15m 26h 7d 4w`"."""

    @pytest.mark.parametrize(
        ("text", "seconds"),
        [("90s", 90), ("15m", 900), ("26h", 93_600), ("7d", 604_800), ("4w", 2_419_200)],
    )
    def test_units(self, text: str, seconds: int) -> None:
        assert parse_duration(text) == Duration(seconds)

    @pytest.mark.parametrize(
        "text",
        ["", "0s", "1", "s", "-1h", "1.5h", "1 h", "1h30m", "1M", "１h", "1h\n", "999999999999w"],
    )
    def test_none(self, text: str) -> None:
        with pytest.raises(ValueError, match=r"duration"):
            parse_duration(text)

    @given(st.integers(1, 10**9))
    def test_as_written_it_reads_back(self, seconds: int) -> None:
        assert parse_duration(str(Duration(seconds))).seconds == seconds


class TestSizes:
    """ "Sizes `500G 1.5T` (IEC)"."""

    @pytest.mark.parametrize(
        ("text", "size"),
        [("500G", 500 * 2**30), ("1.5T", 3 * 2**39), ("1", 1), ("1K", 1024), ("2P", 2**51)],
    )
    def test_units(self, text: str, size: int) -> None:
        assert parse_size(text) == ByteSize(size)

    @pytest.mark.parametrize(
        "text", ["", "0", "0.1", "G", "-1G", "1GB", "1g", "1,5T", "1.G", "1G\n"]
    )
    def test_none(self, text: str) -> None:
        with pytest.raises(ValueError, match=r"size"):
            parse_size(text)

    @given(st.integers(1, 10**14))
    def test_as_written_it_reads_back(self, size: int) -> None:
        assert parse_size(str(ByteSize(size))).bytes == size


class TestPercentages:
    """ "Percentages `85%`"."""

    @pytest.mark.parametrize(
        ("text", "millis"), [("85%", 85_000), ("0%", 0), ("100%", 100_000), ("2.5%", 2500)]
    )
    def test_values(self, text: str, millis: int) -> None:
        assert parse_percentage(text) == Percentage(millis)
        assert parse_percentage(text).fraction == millis / 100_000

    @pytest.mark.parametrize("text", ["", "85", "101%", "-1%", "1.2345%", "%", "85%\n"])
    def test_none(self, text: str) -> None:
        with pytest.raises(ValueError, match=r"percentage"):
            parse_percentage(text)

    @given(st.integers(0, 100_000))
    def test_as_written_it_reads_back(self, millis: int) -> None:
        assert parse_percentage(str(Percentage(millis))).millis == millis


class TestPaths:
    def test_names(self) -> None:
        assert parse_absolute_path("/").names == ()
        assert parse_absolute_path("/a/b*/é").names == (b"a", b"b*", "é".encode())
        assert parse_absolute_path("/").text == b"/"
        assert parse_absolute_path("/a/b").text == b"/a/b"

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "a",
            "a/b",
            "//",
            "/a/",
            "/a//b",
            "/./a",
            "/a/..",
            "/a\0",
            "/" + "a" * 256,
            "/a" * 2048,
        ],
    )
    def test_none(self, text: str) -> None:
        with pytest.raises(ValueError, match=r"."):
            parse_absolute_path(text)

    def test_containment_is_by_names(self) -> None:
        a = parse_absolute_path("/a")
        assert a.contains(parse_absolute_path("/a/b"))
        assert a.contains(a)
        assert not a.contains(parse_absolute_path("/ab"))
        assert AbsolutePath(()).contains(a)
        assert a.joined((b"x",)).text == b"/a/x"


class TestPlaces:
    @pytest.mark.parametrize(
        ("text", "name", "path"),
        [("sda:/", "sda", "/"), ("sda:/a/b", "sda", "/a/b"), ("x:/{source}/y", "x", "/{source}/y")],
    )
    def test_places(self, text: str, name: str, path: str) -> None:
        place = parse_place(text)
        assert (place.name, place.path, str(place)) == (name, path, text)

    @pytest.mark.parametrize(
        "text", ["sda", "sda:", "sda:a", "/a", "sda:/a/", "sda:/{leg}", "sda:/{source", "sda:/a//b"]
    )
    def test_none(self, text: str) -> None:
        with pytest.raises(ValueError, match=r"."):
            parse_place(text)


class TestItemKeys:
    def test_keys(self) -> None:
        assert parse_item_key("/").pattern.components == ()
        key = parse_item_key("/srv/a*")
        assert (key.source, str(key.pattern)) == ("", "/srv/a*")
        key = parse_item_key("pvcs:ns/claim")
        assert (key.source, str(key.pattern)) == ("pvcs", "/ns/claim")
        assert parse_item_key("pvcs:").pattern.components == ()

    @pytest.mark.parametrize("text", ["", "a", "/a/", "//", "a:/b", "/a/**", "/[", "a:b/"])
    def test_none(self, text: str) -> None:
        with pytest.raises(ValueError, match=r"."):
            parse_item_key(text)


class TestChmod:
    @pytest.mark.parametrize(
        "text",
        [
            "D700,F600",
            "Du=rwx,Dgo=rx,Fu=rw,Fog=r",
            "go-rwx",
            "a+rX",
            "u=rwX,go=",
            "0644",
            "F640",
            "ug+w,o-r",
        ],
    )
    @pytest.mark.tool("rsync")
    def test_modes_as_rsync_sets_them(self, text: str, tmp_path: Path) -> None:
        chmod = parse_chmod(text)
        for mode in (0o600, 0o644, 0o755, 0o400):
            source = tmp_path / f"{mode:o}"
            (source / "dir").mkdir(parents=True)
            (source / "file").write_text("x")
            (source / "file").chmod(mode)
            (source / "dir").chmod(mode | 0o100)
            target = tmp_path / f"to-{mode:o}"
            command = ["rsync", "-rp", f"--chmod={text}", f"{source}/", f"{target}/"]
            subprocess.run(command, check=True, capture_output=True, umask=0)
            found = (target / "file").stat().st_mode & 0o777
            assert found == chmod.apply(mode, directory=False) & 0o777
            found = (target / "dir").stat().st_mode & 0o777
            assert found == chmod.apply(mode | 0o100, directory=True) & 0o777

    @pytest.mark.parametrize(
        ("text", "widens", "tightens"),
        [
            ("D700,F600", False, True),
            ("F644", True, False),
            ("go-rwx", False, True),
            ("u+w", False, False),
            ("D755,F600", True, False),
            ("Fgo-rwx", False, False),
        ],
    )
    def test_what_it_does_to_others(self, text: str, widens: bool, tightens: bool) -> None:
        chmod = parse_chmod(text)
        assert (chmod.widens, chmod.tightens) == (widens, tightens)

    @pytest.mark.parametrize("text", ["", "x", "D", "8", "99", "u=z", "a=r,", "D700 F600"])
    def test_none(self, text: str) -> None:
        with pytest.raises(ValueError, match=r"chmod"):
            parse_chmod(text)


def test_display_keeps_to_one_line() -> None:
    assert display(b"a\nb\t\xff\x1b\xc3\xa9\xe2\x80\xa8") == "a\\nb\\t\\xff\\x1bé\\u2028"
