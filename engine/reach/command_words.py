"""Commands as people type them."""

from policy.values import display

_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./-_")


def show_command(argv: tuple[bytes, ...]) -> str:
    """A command as one line for people; what a shell would interpret is quoted."""
    return " ".join(_show_word(word) for word in argv)


def _show_word(word: bytes) -> str:
    if word and set(word) <= _PLAIN:
        return word.decode("ascii")
    text = display(word)
    if text.encode() != word:
        return "$'" + text.replace("'", "\\'") + "'"
    return "'" + text.replace("'", "'\\''") + "'"
