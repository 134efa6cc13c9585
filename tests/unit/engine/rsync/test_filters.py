"""A selection as rsync's own rules: their text, their quoting, and the reference's files."""

# ruff: noqa: PTH103, PTH118, PTH123, PTH208 - names are bytes here
from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.compile import compile_with
from engine.plan.selection import Ignore, Line, Selection
from engine.proof.proof import prove
from engine.rsync.filters import RULE_MAX, FilterError, Rule, protect_rule, render_rules, rules_for
from policy.diagnostics import Findings
from policy.parse import load
from policy.patterns import (
    ByteSet,
    Component,
    PathPattern,
    byte_set,
    literal_component,
    parse_path_pattern,
)
from tests.strategies import GOLDEN, REFERENCE, compare_golden

EVERY_BYTE = [value for value in range(1, 256) if value != ord("/")]


def line(text: bytes, *, taken: bool = True) -> Line:
    return Line(pattern=parse_path_pattern(text), taken=taken)


def only(*components: Component) -> Selection:
    return Selection(
        lines=(Line(pattern=PathPattern(components), taken=True), line(b"", taken=False))
    )


def shown(selection: Selection) -> list[str]:
    return render_rules(selection).decode("latin-1").splitlines()


class TestText:
    """ "Two blocks, all directory rules (each ends in `/`), closed by `+ */`, then all others"."""

    def test_a_nested_carve_out(self) -> None:
        selection = Selection(
            lines=(line(b"a/b/c"), line(b"a/b", taken=False), line(b"")),
            ignores=(
                Ignore(pattern=parse_path_pattern(b"@eaDir"), anchored=False, directory=True),
                Ignore(pattern=parse_path_pattern(b"*.swp"), anchored=False, directory=False),
                Ignore(pattern=parse_path_pattern(b"tmp"), anchored=True, directory=False),
            ),
            blocked=((b"x", b"y"),),
        )
        assert shown(selection) == [
            "- .policyctl-*/",
            "- /lost+found/",
            "- @eaDir/",
            "- /x/y/",
            "+ /a/",
            "+ /a/b/",
            "+ /a/b/c/",
            "+ /a/b/c/**/",
            "- /a/b/",
            "- /a/b/**/",
            "+ */",
            "+ */",
            "- .policyctl-*",
            "- *.swp",
            "- /tmp",
            "- /x/y",
            "- /x",
            "+ /a/b/c",
            "+ /a/b/c/**",
            "- /a/b",
            "- /a/b/**",
            "+ *",
        ]

    def test_what_is_left_anyway_is_not_listed(self) -> None:
        selection = Selection(
            lines=(
                line(b"a/x", taken=False),
                line(b"a/y"),
                line(b"b", taken=False),
                line(b"c/d", taken=False),
                line(b"c"),
                line(b"e/f", taken=False),
                line(b"e/*"),
                line(b"g/h", taken=False),
                line(b"", taken=False),
            )
        )
        text = render_rules(selection)
        left = [rule for rule in text.decode().splitlines() if rule[:3] == "- /"]
        assert left == ["- /lost+found/", "- /c/d/", "- /e/f/", "- /c/d", "- /e/f"]
        assert prove(selection, text).holds

    @given(st.lists(st.sampled_from([b"a", b"a/b", b"*/c", b"a/*/d", b"[ab]x"]), unique=True))
    def test_each_rule_of_the_first_block_is_about_directories(self, keys: list[bytes]) -> None:
        rules = rules_for(Selection(lines=(*(line(key) for key in keys), line(b"", taken=False))))
        middle = max(at for at, rule in enumerate(rules) if rule.pattern == b"*/")
        assert rules[middle] == Rule(include=True, pattern=b"*/")
        assert all(rule.pattern.endswith(b"/") for rule in rules[: middle + 1])
        assert not any(rule.pattern.endswith(b"/") for rule in rules[middle + 1 :])

    def test_a_rule_that_rsync_would_drop_is_an_error(self) -> None:
        deep = PathPattern(tuple(literal_component(b"a" * 255) for _ in range(15)))
        assert len(render_rules(only(*deep.components))) > 0
        with pytest.raises(FilterError, match=str(RULE_MAX)):
            render_rules(only(*deep.components, literal_component(b"b" * 200)))

    def test_protect(self) -> None:
        assert protect_rule((b"a", b"b c")) == b"P /a/b c"
        assert protect_rule((b"a[", b"\\")) == b"P /a[\\[]/\\\\"

    def test_line_ends_that_cannot_be_told_apart(self) -> None:
        with pytest.raises(FilterError, match="line ends"):
            render_rules(only(Component((byte_set(10, 12),))))


def rsync_takes(folder: Path, selection: Selection) -> set[bytes]:
    """Which of the files of `folder/src` the real rsync takes."""
    rules, target = folder / "rules", folder / "to"
    rules.write_bytes(render_rules(selection))
    target.mkdir(exist_ok=True)
    command = ["rsync", "-r", "--delete", "--delete-excluded", f"--filter=merge {rules}"]
    subprocess.run([*command, f"{folder}/src/", f"{target}/"], check=True, capture_output=True)
    base = os.fsencode(target)
    return {
        os.path.relpath(os.path.join(where, name), base)
        for where, _, names in os.walk(base)
        for name in names
    }


@pytest.fixture(scope="module")
def all_names(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a file for each byte, alone and between others, and pairs that tempt."""
    folder = tmp_path_factory.mktemp("bytes")
    base = os.fsencode(folder / "src")
    os.makedirs(os.path.join(base, b"dir"))
    for value in EVERY_BYTE:
        names = [b"x" + bytes([value]) + b"y"]
        if value != ord("."):
            names.append(bytes([value]))
        for name in names:
            for path in (name, b"dir/" + name):
                with open(os.path.join(base, path), "wb"):
                    pass
    for name in (b"\\*", b"\\[", b"\\\\", b"**", b"[a]", b"*x*"):
        with open(os.path.join(base, name), "wb"):
            pass
    return folder


def names_in(folder: Path) -> list[bytes]:
    return [name for name in os.listdir(os.fsencode(folder / "src")) if name != b"dir"]


@pytest.mark.tool("rsync")
class TestQuoting:
    """Each byte, as a name of its own and inside one, means itself and nothing else to rsync."""

    def test_literals(self, all_names: Path) -> None:
        for block in (EVERY_BYTE[0::2], EVERY_BYTE[1::2]):
            wanted = {b"x" + bytes([value]) + b"y" for value in block}
            wanted |= {bytes([value]) for value in block if value != ord(".")}
            lines = tuple(
                Line(pattern=PathPattern((literal_component(name),)), taken=True)
                for name in sorted(wanted)
            )
            selection = Selection(lines=(*lines, line(b"", taken=False)))
            assert rsync_takes(all_names, selection) == wanted

    def test_literals_beside_a_wildcard(self, all_names: Path) -> None:
        """A backslash is doubled only in a pattern that holds a wildcard: here each does."""
        for block in (EVERY_BYTE[0::2], EVERY_BYTE[1::2]):
            lines = tuple(
                Line(
                    pattern=PathPattern(
                        (
                            parse_path_pattern(b"d?r").components[0],
                            Component((byte_set(ord("x")), byte_set(value), byte_set(ord("y")))),
                        )
                    ),
                    taken=True,
                )
                for value in block
            )
            selection = Selection(lines=(*lines, line(b"", taken=False)))
            wanted = {b"dir/x" + bytes([value]) + b"y" for value in block}
            assert rsync_takes(all_names, selection) == wanted

    @pytest.mark.parametrize("part", range(8))
    def test_classes(self, all_names: Path, part: int) -> None:
        """One bit of the byte's value decides, so that the classes are as ragged as can be."""
        values = [value for value in EVERY_BYTE if value >> part & 1]
        selection = only(Component((byte_set(*values),)))
        try:
            text = render_rules(selection)
        except FilterError:
            assert 10 in values or 13 in values
            values = [value for value in values if value not in {10, 13}]
            selection = only(Component((byte_set(*values),)))
            text = render_rules(selection)
        assert prove(selection, text).holds
        wanted = {bytes([value]) for value in values if value != ord(".")}
        assert rsync_takes(all_names, selection) == wanted

    @pytest.mark.parametrize(
        "value", [1, 9, 10, 11, 12, 13, 14, 33, 42, 45, 63, 91, 92, 93, 94, 255]
    )
    def test_a_byte_alone_or_all_but_it(self, all_names: Path, value: int) -> None:
        every = ByteSet(sum(1 << one for one in EVERY_BYTE))
        for token in (byte_set(value, ord("q")), ByteSet(every & ~(1 << value))):
            selection = only(Component((token,)))
            wanted = {
                name for name in names_in(all_names) if len(name) == 1 and token >> name[0] & 1
            }
            try:
                assert rsync_takes(all_names, selection) == wanted
            except FilterError:
                assert value in {10, 13}

    def test_ignores_of_each_name(self, all_names: Path) -> None:
        for block in (EVERY_BYTE[0::2], EVERY_BYTE[1::2]):
            ignores = tuple(
                Ignore(
                    pattern=PathPattern((literal_component(b"x" + bytes([value]) + b"y"),)),
                    anchored=False,
                    directory=False,
                )
                for value in block
            )
            left = {b"x" + bytes([value]) + b"y" for value in block}
            taken = rsync_takes(all_names, Selection(lines=(line(b""),), ignores=ignores))
            assert not taken & left
            assert not {name.removeprefix(b"dir/") for name in taken} & left
            assert set(names_in(all_names)) - left <= taken


def reference_filters() -> dict[str, bytes]:
    compilation = compile_with(load(REFERENCE.read_bytes(), "reference")[1], Findings())
    assert compilation is not None
    return {
        f"{plan.name}.{feed.reads}": render_rules(feed.selection)
        for plan in compilation.plan.legs
        for feed in plan.feeds
        if feed.selection is not None
    }


class TestReference:
    def test_the_files_of_the_reference(self, update_golden: bool) -> None:
        folder = GOLDEN / "homelab" / "filters"
        files = reference_filters()
        for name, text in files.items():
            compare_golden(folder / f"{name}.rules", text, update=update_golden)
        assert {path.stem for path in folder.glob("*.rules")} == set(files)

    def test_none_mentions_what_it_is_not_about(self) -> None:
        files = reference_filters()
        assert b"pvc-data" not in files["synology-direct.nfs"]
        assert files["synology-direct.nfs"].count(b"immich") == 4
