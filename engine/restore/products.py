"""Why a source has snapshots, and no copy that could be brought back as files. Pure."""

from __future__ import annotations

from policy.values import display


def no_files_words(source: str, path: bytes) -> str:
    """What there is instead, and what to type for it."""
    return (
        f"{display(path)} has snapshots on its own medium alone, and no copy: "
        f"`policyctl rollback {source}:ITEM` goes back to one of them"
    )
