import pytest

from engine.runs.service_ends import never_began


@pytest.mark.parametrize(
    ("result", "code", "status"),
    [
        ("exit-code", "exited", "5"),
        ("exit-code", "exited", "143"),
        ("signal", "killed", "KILL"),
        ("oom-kill", "killed", "KILL"),
        ("timeout", "killed", "TERM"),
        ("exec-condition", "", ""),
        ("", "", ""),
    ],
)
def test_a_program_that_began_tells_for_itself_or_was_killed(result, code, status) -> None:
    assert never_began(result, code, status) == ""


@pytest.mark.parametrize(
    ("status", "about"),
    [("226", "sandbox"), ("203", "/usr/bin/policyctl"), ("200", "200"), ("245", "245")],
)
def test_a_step_before_the_program_failed(status, about) -> None:
    sentence = never_began("exit-code", "exited", status)
    assert status in sentence
    assert about in sentence


def test_there_was_nothing_to_start_it_with() -> None:
    assert "resources" in never_began("resources", "", "")


def test_what_it_requires_failed_before_it() -> None:
    """OnFailure= is started for a job whose dependency failed; the result is of an older run."""
    assert "requires" in never_began("success", "exited", "0")
