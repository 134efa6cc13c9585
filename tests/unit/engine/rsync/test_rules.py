"""A filter file as rsync reads it."""

import pytest

from engine.rsync.rules import Rule, RuleError, RuleText, parse_rules


def only(pattern: bytes) -> RuleText:
    return parse_rules(b"- " + pattern + b"\n")


def deciding(text: RuleText, path: bytes, *, directory: bool = False) -> int | None:
    rule = text.deciding(path, directory=directory, side="send")
    return None if rule is None else rule.line


class TestLines:
    def test_comments_and_empty_lines_are_no_rules(self) -> None:
        text = parse_rules(b"# a\n; b\n\n\r\n- #c\n")
        assert [(rule.line, rule.text) for rule in text.rules] == [(5, b"- #c")]

    def test_a_carriage_return_ends_a_rule_and_a_line_keeps_its_number(self) -> None:
        rules = parse_rules(b"- a\r\n- b\r+ c\n- d").rules
        assert [(rule.line, rule.text) for rule in rules] == [
            (1, b"- a"),
            (2, b"- b"),
            (2, b"+ c"),
            (3, b"- d"),
        ]

    def test_an_underscore_may_stand_for_the_blank(self) -> None:
        assert deciding(parse_rules(b"-_a b\n"), b"a b") == 1

    def test_blanks_at_the_end_belong_to_the_pattern(self) -> None:
        assert deciding(only(b"a "), b"a") is None
        assert deciding(only(b"a "), b"a ") == 1

    @pytest.mark.parametrize(
        ("line", "takes", "sends", "deletes"),
        [
            (b"- a", False, True, True),
            (b"+ a", True, True, True),
            (b"exclude a", False, True, True),
            (b"include a", True, True, True),
            (b"H a", False, True, False),
            (b"hide a", False, True, False),
            (b"S a", True, True, False),
            (b"show a", True, True, False),
            (b"P a", False, False, True),
            (b"protect a", False, False, True),
            (b"R a", True, False, True),
            (b"risk a", True, False, True),
        ],
    )
    def test_each_kind_acts_on_its_side(
        self, line: bytes, takes: bool, sends: bool, deletes: bool
    ) -> None:
        (rule,) = parse_rules(line).rules
        assert (rule.takes, rule.sends, rule.deletes) == (takes, sends, deletes)
        assert parse_rules(line).two_sided == (sends and deletes)

    @pytest.mark.parametrize(
        "line",
        [
            b"!",
            b"clear",
            b". other",
            b"merge other",
            b": .rules",
            b"dir-merge .rules",
            b"-! a",
            b"-s a",
            b"-p a",
            b"-/ a",
            b"-C",
            b"-",
            b"- ",
            b"a",
            b" - a",
            b"exclude\ta",
            b"excludes a",
            b"p a",
            b"- a\0b",
        ],
    )
    def test_anything_else_is_refused_with_its_line(self, line: bytes) -> None:
        with pytest.raises(RuleError, match="line 2") as caught:
            parse_rules(b"- x\n" + line + b"\n- y\n")
        assert caught.value.line == 2

    def test_a_rule_that_rsync_drops_is_told_and_absent(self) -> None:
        longest, too_long = b"- " + b"a" * 4095, b"- " + b"b" * 4096
        text = parse_rules(longest + b"\n" + too_long + b"\n" + b"c" * 5120 + b"\n")
        assert [rule.line for rule in text.rules] == [1]
        assert text.dropped == (2, 3)

    def test_what_fills_the_line_buffer_is_still_read(self) -> None:
        with pytest.raises(RuleError):
            parse_rules(b"c" * 5119)


class TestMatching:
    """The rules of rsync(1), PATTERN MATCHING RULES, and what rsync does beyond them."""

    @pytest.mark.parametrize(
        ("pattern", "hits", "misses"),
        [
            # "if the pattern does not contain a / or a **, it is matched against the final part"
            (b"a", (b"a", b"b/a"), (b"ab", b"a/b")),
            (b"*.c", (b"x.c", b"b/.c"), (b"x.c/d", b"x.d")),
            # "a leading slash anchors"
            (b"/a", (b"a",), (b"b/a", b"a/b")),
            (b"/a/b", (b"a/b",), (b"x/a/b", b"b")),
            (b"/", (), (b"a",)),
            # with an inner slash it is held against the end of the path
            (b"a/b", (b"a/b", b"x/a/b"), (b"xa/b", b"a/b/c", b"b")),
            (b"a/*", (b"a/b", b"x/a/b"), (b"a/b/c", b"xa/b")),
            (b"?/b", (b"a/b", b"x/a/b"), (b"b", b"aa/b")),
            # a slash inside a class counts as one, and matches none
            (b"[x/]a", (), (b"xa", b"b/xa")),
            (b"/[x/]a", (b"xa",), (b"b/xa",)),
            # "** matches anything, slashes too"
            (b"/a/**", (b"a/b", b"a/b/c"), (b"a", b"b/a/b")),
            (b"a/**", (b"a/b", b"x/a/b/c"), (b"a", b"xa/b")),
            (b"**a", (b"a", b"xa", b"x/a", b"x/ya"), (b"ab",)),
            (b"**/a", (b"a", b"x/a"), (b"xa",)),
            (b"a**b", (b"ab", b"a/b", b"x/a/y/b"), (b"xab", b"a/bc")),
            (b"[**]", (b"*", b"x/*"), (b"a",)),
            (b"/**/a", (b"x/a", b"x/y/a"), (b"a",)),
            # a backslash is an escape only beside a wildcard
            (rb"/a\b", (rb"a\b",), (b"ab",)),
            (rb"/a\b*", (b"abc",), (rb"a\b",)),
            (rb"/a\\b*", (rb"a\bc",), (b"abc",)),
            (rb"/a\*", (b"a*",), (b"ab", rb"a\b")),
            (b"/[[]x", (b"[x",), (b"x",)),
            (b"/[!\x01-\x09\x0b-\xff]", (b"\n",), (b"a", b"\r")),
            (b"/*", (b"a", b".a", b"\n", b"\xff"), (b"a/b",)),
            (b"/[", (), (b"[",)),
        ],
    )
    def test_a_pattern(
        self, pattern: bytes, hits: tuple[bytes, ...], misses: tuple[bytes, ...]
    ) -> None:
        text = only(pattern)
        assert [path for path in hits if deciding(text, path) is None] == []
        assert [path for path in misses if deciding(text, path) is not None] == []

    def test_a_trailing_slash_matches_directories_alone(self) -> None:
        text = only(b"/a/")
        assert deciding(text, b"a", directory=True) == 1
        assert deciding(text, b"a") is None
        assert deciding(text, b"a/b", directory=True) is None

    @pytest.mark.parametrize("pattern", [b"/a/***", b"a/***", b"**/a/***"])
    def test_three_stars_match_the_directory_and_all_below(self, pattern: bytes) -> None:
        text = only(pattern)
        assert deciding(text, b"a", directory=True) == 1
        assert deciding(text, b"a/b/c") == 1
        assert deciding(text, b"a") is None

    def test_three_stars_without_a_slash_need_none(self) -> None:
        assert deciding(only(b"/a***"), b"a", directory=True) == 1


class TestDecision:
    def test_the_first_rule_that_matches_decides(self) -> None:
        text = parse_rules(b"+ /a\n- *\n")
        assert deciding(text, b"a") == 1
        assert deciding(text, b"b") == 2

    def test_nothing_below_an_excluded_directory_is_reached(self) -> None:
        text = parse_rules(b"- /a/\n+ *\n")
        assert not text.takes(b"a/b", directory=False)
        assert text.takes(b"a", directory=False)
        assert text.takes(b"b/a", directory=True)

    def test_without_a_rule_all_is_taken(self) -> None:
        assert parse_rules(b"").takes(b"a/b", directory=False)

    def test_each_side_asks_its_own_rules(self) -> None:
        text = parse_rules(b"H a\nP b\n")
        rules: tuple[Rule | None, ...] = tuple(
            text.deciding(path, directory=False, side=side)
            for path in (b"a", b"b")
            for side in ("send", "delete")
        )
        assert rules == (text.rules[0], None, None, text.rules[1])
