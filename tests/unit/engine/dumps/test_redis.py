"""What redis-check-rdb says of a damaged snapshot: its words, as Redis 7 prints them."""

from __future__ import annotations

from engine.dumps.redis import damage

SAID = """\
[offset 0] Checking RDB file dump.rdb
[offset 27] AUX FIELD redis-ver = '7.0.15'
--- RDB ERROR DETECTED ---
[offset 186] RDB CRC error
[additional info] While doing: check-sum
[info] 1 keys read
[info] 0 already expired
"""


def test_the_line_that_names_the_error_is_told() -> None:
    assert damage(SAID) == "[offset 186] RDB CRC error"


def test_without_one_the_last_word_is() -> None:
    assert damage("Cannot open the file\n\n") == "Cannot open the file"
    assert damage("a\n--- RDB ERROR DETECTED ---\n") == "--- RDB ERROR DETECTED ---"
    assert damage("") == "no word"
