"""What is said of a source that has snapshots alone."""

from engine.restore.products import no_files_words


def test_a_snapshot_alone_is_no_copy() -> None:
    words = no_files_words("pvcs", b"pvcs:apps/wiki")
    assert words.startswith("pvcs:apps/wiki has snapshots on its own medium alone, and no copy")
    assert "`policyctl rollback pvcs:ITEM` goes back" in words
