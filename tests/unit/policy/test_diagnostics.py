"""Findings: their order, and their text with the caret below the value."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.diagnostics import (
    Diagnostic,
    Findings,
    Origin,
    PolicyInvalid,
    Severity,
    format_diagnostic,
)
from tests.strategies import AS_FOUND


def at(line: int, column: int, width: int = 1) -> Origin:
    return Origin(file="m.yaml", line=line, column=column, width=width)


def shown(line: str, column: int, width: int = 1, hint: str = "") -> list[str]:
    item = Diagnostic(code="c-d", message="what", origin=at(1, column, width), hint=hint)
    return format_diagnostic(item, (line,)).split("\n")


class TestText:
    """ "`file:line:col: error CODE: message`, the source line with a caret, and a hint"."""

    def test_whole(self) -> None:
        assert shown("a: [bad, x]", 5, 3, "write good") == [
            "m.yaml:1:5: error c-d: what",
            "    1 | a: [bad, x]",
            "      |     ^~~",
            "  hint: write good",
        ]

    @pytest.mark.parametrize("severity", list(Severity))
    def test_severity(self, severity: Severity) -> None:
        item = Diagnostic(code="c", message="m", origin=at(1, 1), severity=severity)
        assert format_diagnostic(item, ()) == f"m.yaml:1:1: {severity.value} c: m"

    def test_a_tab_takes_one_column(self) -> None:
        _, line, caret = shown("\ta\tbad", 4, 3)
        assert line[caret.index("^") :] == "bad"

    def test_what_cannot_be_printed(self) -> None:
        _, line, caret = shown("a\x1b[31m\0 bad", 9, 3)
        assert "\x1b" not in line
        assert "\0" not in line
        assert line[caret.index("^") :] == "bad"

    @pytest.mark.parametrize(
        "secret", ["me:hunter2", "hunter2", "me:hu@nter2", "me:hunter2%40"], ids=str
    )
    def test_law_22_no_password_of_a_url_is_shown(self, secret: str) -> None:
        line = f"monitoring: {{x: http://{secret}@gateway:9091/a@b, y: bad}}"
        _, shown_line, caret = shown(line, line.index("bad") + 1, 3)
        assert "hunter2" not in shown_line
        assert "nter2" not in shown_line
        assert f"http://{'*' * len(secret)}@gateway:9091/a@b" in shown_line
        assert shown_line[caret.index("^") : -1] == "bad"

    @pytest.mark.parametrize(
        "behind", ["?token=hunter2", "?a=b&c={hunter2}", "#hunter2", "?hunter2"]
    )
    def test_law_22_nothing_behind_the_place_of_a_url_is_shown(self, behind: str) -> None:
        line = f"sources: {{x: 'http://gateway:9091/a{behind}', y: bad}}"
        _, shown_line, caret = shown(line, line.index("bad") + 1, 3)
        assert f"'http://gateway:9091/a{behind[0]}{'*' * len(behind[1:])}'" in shown_line
        assert shown_line[caret.index("^") : -1] == "bad"

    def test_law_22_no_secret_key_of_age_is_shown(self) -> None:
        key = "AGE-SECRET-KEY-1QYQSZQGPQYQSZQGP"
        _, shown_line, _ = shown(f"encrypt: {{age: [{key}]}}", 16, len(key))
        assert "QYQSZ" not in shown_line
        assert "*" * len(key) in shown_line

    @given(st.integers(1, 5000), st.integers(1, 6000))
    def test_a_very_long_line_is_cut_around_the_value(self, column: int, width: int) -> None:
        text = "".join(chr(ord("a") + at % 26) for at in range(5000))
        _, line, caret = shown(text, column, width)
        assert len(line) <= 200
        assert line[caret.index("^")] == text[column - 1]
        assert len(caret) <= len(line)

    def test_after_the_end_of_the_line(self) -> None:
        assert shown("ab", 3)[2] == "      |   ^"
        assert shown("", 1)[2] == "      | ^"

    def test_a_line_that_is_not_there(self) -> None:
        item = Diagnostic(code="c", message="m", origin=at(9, 1))
        assert format_diagnostic(item, ("a",)) == "m.yaml:9:1: error c: m"

    def test_the_caret_stands_below_the_value_in_a_real_manifest(self) -> None:
        from engine.check import check_manifest

        report = check_manifest(AS_FOUND.read_bytes(), "m.yaml")
        for item in report.findings:
            _, line, caret = format_diagnostic(item, report.lines).split("\n")[:3]
            begin = caret.index("^")
            assert line[begin : begin + 1].strip(), item
            assert line[begin - 1] in " [{\"'", item


class TestFindings:
    def test_in_file_order_each_once(self) -> None:
        findings = Findings()
        findings.warning("b", "x", at(2, 1))
        findings.error("a", "x", at(2, 1))
        findings.note("z", "x", at(1, 9))
        findings.note("z", "x", at(1, 9))
        assert [one.code for one in findings.sorted()] == ["z", "a", "b"]

    def test_only_an_error_fails(self) -> None:
        findings = Findings()
        findings.warning("b", "x", at(2, 1))
        findings.note("b", "x", at(2, 1))
        assert not findings.failed()
        findings.error("a", "x", at(2, 1))
        assert findings.failed()

    def test_the_exception_says_it_all(self) -> None:
        findings = Findings()
        findings.error("a", "one", at(1, 1))
        findings.error("b", "two", at(2, 1))
        assert str(PolicyInvalid(findings.sorted())) == "one; two"
