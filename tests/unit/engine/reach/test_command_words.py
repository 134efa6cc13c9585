from engine.reach.command_words import show_command


def test_a_command_is_shown_so_that_it_can_be_typed() -> None:
    assert show_command((b"a", b"", b"-x=1", b"a'b\n")) == "a '' -x=1 $'a\\'b\\n'"
