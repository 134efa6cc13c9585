"""What is printed: commands that can be typed as they stand."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from policyctl.views.console import commands_below, result, result_json, tell


@pytest.fixture
def root() -> Iterator[None]:
    commands_below(Path("/tmp/my lab"))
    yield
    commands_below(Path("/"))


@pytest.mark.usefixtures("root")
def test_a_command_names_the_root_that_was_asked(capsys: pytest.CaptureFixture[str]) -> None:
    """Typed without it, it would mean the machine itself."""
    result("run `policyctl adopt disk:/a` or `policyctl apply --root '/tmp/my lab'`, not `rsync`")
    tell("a policyctl run is no command; `policyctl run nightly` is one")
    printed = capsys.readouterr()
    assert printed.out == (
        "run `policyctl adopt disk:/a --root '/tmp/my lab'` or "
        "`policyctl apply --root '/tmp/my lab'`, not `rsync`\n"
    )
    assert printed.err == (
        "a policyctl run is no command; `policyctl run nightly --root '/tmp/my lab'` is one\n"
    )


@pytest.mark.usefixtures("root")
def test_json_is_left_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    result_json({"hint": "`policyctl apply`"})
    assert capsys.readouterr().out == '{\n  "hint": "`policyctl apply`"\n}\n'


def test_on_the_machine_itself_nothing_is_added(capsys: pytest.CaptureFixture[str]) -> None:
    commands_below(Path("/"))
    result("`policyctl apply`")
    assert capsys.readouterr().out == "`policyctl apply`\n"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[2J\rb\x07", "a\\x1b[2J\\rb\\x07"),
        ("\x1b]0;title\x9c", "\\x1b]0;title\\x9c"),
        ("\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m"),
        ("+ a line\n\tof a diff", "+ a line\n\tof a diff"),
    ],
)
def test_law_34_no_name_commands_the_terminal(
    text: str, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    result(text)
    tell(text)
    assert capsys.readouterr() == (shown + "\n", shown + "\n")
