"""The proof that a filter's text takes exactly what a selection says."""

import pytest

from engine.plan.selection import Ignore, Line, Selection, Verdict
from engine.proof.proof import Difference, class_members, prove
from engine.rsync.filters import render_rules
from engine.rsync.rules import RuleError, parse_rules
from policy.patterns import parse_path_pattern


def line(pattern: bytes, taken: bool) -> Line:
    return Line(pattern=parse_path_pattern(pattern), taken=taken)


def ignore(pattern: bytes, *, anchored: bool = False, directory: bool = False) -> Ignore:
    return Ignore(pattern=parse_path_pattern(pattern), anchored=anchored, directory=directory)


HOME = Selection(
    lines=(
        line(b"media/own/raw", False),
        line(b"media/own", True),
        line(b"apps/*/cache", False),
        line(b"apps", True),
        line(b"media", False),
        line(b"", False),
    ),
    ignores=(
        ignore(b"*.tmp"),
        ignore(b"@eaDir", directory=True),
        ignore(b"apps/old", anchored=True, directory=True),
    ),
    blocked=((b"apps", b"db"),),
)
TEXT = render_rules(HOME)


def differing(text: bytes, selection: Selection = HOME, limit: int = 1_000_000) -> Difference:
    found = prove(selection, text, limit=limit).difference
    assert found is not None
    return found


def without(rule: bytes) -> bytes:
    assert TEXT.count(rule + b"\n") == 1
    return TEXT.replace(rule + b"\n", b"")


class TestHolds:
    @pytest.mark.parametrize(
        "selection",
        [
            HOME,
            Selection(lines=()),
            Selection(lines=(line(b"", True),)),
            Selection(lines=(line(b"a[*]b/[[]/[?]", True), line(b"a\\b/*", True))),
            Selection(lines=(line(b"new\nline/cr\r", True), line(b"a/new\nline*", True))),
            Selection(lines=(line(b"#a/;b/- c/+ d", True), line(b"\xff\xfe/ ", False))),
            Selection(lines=(line(b"[!a-f]*/[a-f]/x", True), line(b"[a-f]*", False))),
        ],
        ids=str,
    )
    def test_of_the_rendered_text(self, selection: Selection) -> None:
        proof = prove(selection, render_rules(selection))
        assert proof.holds
        assert proof.states > 0

    def test_of_another_text_that_says_the_same(self) -> None:
        selection = Selection(lines=(line(b"a", True),))
        text = b"- .policyctl-*\n- /lost+found/\n+ /a\n+ /a/**\n- *\n"
        assert prove(selection, text).holds

    def test_with_lines_that_rsync_drops_and_nobody_needs(self) -> None:
        proof = prove(HOME, b"- " + b"x" * 5000 + b"\n" + TEXT)
        assert proof.holds
        assert proof.dropped == (1,)


class TestDifference:
    def test_names_the_path_the_sides_and_the_rule(self) -> None:
        found = differing(without(b"- *.tmp"))
        assert found.path.startswith(b"apps/")
        assert found.path.endswith(b".tmp")
        assert not found.directory
        assert found.expected is Verdict.IGNORED
        assert found.filter_takes
        assert found.rule is not None
        assert found.rule.text == b"+ /apps/**"
        assert found.side == "send"

    def test_is_a_shortest_one(self) -> None:
        assert differing(without(b"+ /media/own")).path == b"media/own"
        assert len(differing(without(b"- *")).path) == 1
        # `.tmp` alone is a name as well.
        assert differing(without(b"- *.tmp")).path == b"apps/.tmp"

    def test_a_directory_on_the_way_that_is_not_entered(self) -> None:
        found = differing(without(b"+ /media/"))
        assert (found.path, found.directory) == (b"media", True)
        assert found.expected is Verdict.ENTERED
        assert not found.filter_takes

    def test_a_blocked_owner_that_is_not_left_out(self) -> None:
        found = differing(without(b"- /apps/db/"))
        assert (found.path, found.directory) == (b"apps/db", True)
        assert found.expected is Verdict.BLOCKED

    def test_no_rule_at_all_takes_everything(self) -> None:
        found = differing(b"")
        assert found.rule is None
        assert found.filter_takes

    def test_a_rule_that_rsync_drops_is_missed(self) -> None:
        selection = Selection(lines=(line(b"a", False), line(b"", True)))
        text = render_rules(selection)
        long_rule = b"- /" + b"[a]" * 1 + b"[a" + b"a" * 4100 + b"]"
        broken = text.replace(b"- /a\n", long_rule + b"\n")
        assert differing(broken, selection).path == b"a"

    def test_unreadable_bytes_only_where_nothing_else_differs(self) -> None:
        selection = Selection(lines=(line(b"\xff", True),))
        found = differing(render_rules(selection).replace(b"+ /\xff\n", b""), selection)
        assert found.path == b"\xff"


class TestOnlyRealPathsCount:
    """Names have 1 to 255 bytes and are neither `.` nor `..`; a path has at most 4,095."""

    @pytest.mark.parametrize("name", [b".", b"..", b"a" * 256, b"apps/" + b"a" * 256])
    def test_a_rule_about_no_path_is_no_difference(self, name: bytes) -> None:
        assert prove(HOME, b"+ /" + name + b"\n" + TEXT).holds

    def test_a_rule_about_a_path_of_any_length_is_one(self) -> None:
        deep = b"/".join([b"media/own", *[b"b" * 255] * 3])
        assert differing(b"- /" + deep + b"\n" + TEXT).path == deep

    def test_a_name_that_is_too_long_is_passed_over_for_a_longer_path(self) -> None:
        # The shortest text that matches is a name of 300 bytes; with slashes it is a path.
        selection = Selection(lines=(line(b"", True),))
        text = b"- " + b"?" * 255 + b"**a\n" + render_rules(selection)
        found = differing(text, selection)
        assert all(len(name) <= 255 for name in found.path.split(b"/"))
        assert not parse_rules(text).takes(found.path, directory=found.directory)

    def test_a_path_that_is_too_long_is_none(self) -> None:
        selection = Selection(lines=(line(b"", True),))
        far = b"/**" + b"/a?" * 1364 + b"*b"
        assert prove(selection, b"- " + far + b"\n" + render_rules(selection)).holds


class TestDeletion:
    """Nothing may be deleted but what the selection takes, and directories it enters."""

    def test_a_hidden_line_is_not_protected(self) -> None:
        found = differing(TEXT.replace(b"- /apps/db\n", b"H /apps/db\n"))
        assert (found.path, found.directory) == (b"apps/db", False)
        assert found.side == "delete"
        assert found.expected is Verdict.BLOCKED
        assert found.filter_takes

    def test_an_added_protection_harms_nothing(self) -> None:
        assert prove(HOME, b"P /apps/new\nP /apps/new/**\n" + TEXT).holds

    def test_the_two_sides_may_be_written_apart(self) -> None:
        selection = Selection(lines=(line(b"a", True), line(b"", False)))
        text = render_rules(selection)
        assert prove(selection, text.replace(b"- *\n", b"H *\nP /*\n")).holds
        assert differing(text.replace(b"- *\n", b"H *\nP /b\n"), selection).side == "delete"

    def test_risk_beats_what_follows(self) -> None:
        found = differing(b"R /media/x\n" + TEXT)
        assert (found.path, found.side) == (b"media/x", "delete")
        assert found.rule is not None
        assert found.rule.line == 1


class TestLimits:
    def test_above_the_limit_nothing_is_proven(self) -> None:
        proof = prove(HOME, TEXT, limit=20)
        assert not proof.complete
        assert not proof.holds
        assert proof.difference is None

    def test_a_text_that_is_not_understood_is_an_error(self) -> None:
        with pytest.raises(RuleError):
            prove(HOME, b"merge other\n" + TEXT)

    def test_the_work_grows_with_the_lines_not_faster(self) -> None:
        def states(count: int) -> int:
            names = [b"srv/%d/data-%d/files" % (number % 9, number) for number in range(count)]
            lines = [line(name, number % 3 > 0) for number, name in enumerate(names)]
            ignores = tuple(ignore(b"*.x%d" % number) for number in range(50))
            selection = Selection(lines=(*lines, line(b"", False)), ignores=ignores)
            proof = prove(selection, render_rules(selection))
            assert proof.holds
            return proof.states

        assert states(800) < 2.2 * states(400)


class TestClassMembers:
    def test_each_way_to_decide_has_one_path(self) -> None:
        found = class_members(HOME, TEXT, most=1000)
        verdicts = {
            HOME.decide(tuple(path.split(b"/")), directory=directory) for path, directory in found
        }
        assert verdicts == set(Verdict)
        assert len(set(found)) == len(found)

    def test_each_line_and_each_rule_that_can_decide_is_met(self) -> None:
        text = parse_rules(TEXT)
        found = class_members(HOME, TEXT, most=1000)
        lines = {HOME.deciding_line(tuple(path.split(b"/"))) for path, _ in found}
        rules = {text.deciding(path, directory=directory, side="send") for path, directory in found}
        assert lines == set(HOME.lines)
        # Closed before it is opened; blocked before it is taken.
        shadowed = {b"+ */", b"+ /apps"}
        assert {rule.text for rule in text.rules if rule not in rules} == shadowed

    def test_no_more_than_asked_for(self) -> None:
        assert len(class_members(HOME, TEXT, most=5)) == 5
