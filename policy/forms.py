"""What the content of a file must be, as its name or the manifest says."""

from __future__ import annotations

import enum


class Form(enum.Enum):
    """What a file must be, whole to its end."""

    XML = "xml"
    JSON = "json"
    TAR = "tar"
    GZIP = "gzip"
    TAR_GZIP = "tar.gz"
    NONE = "none"
    """Not empty; more is not known of it."""


_ENDINGS = {
    ".tar.gz": Form.TAR_GZIP,
    ".tgz": Form.TAR_GZIP,
    ".gz": Form.GZIP,
    ".tar": Form.TAR,
    ".xml": Form.XML,
    ".json": Form.JSON,
}
"""The longer ones first."""


def form_of(name: str, said: str | None = None) -> Form:
    """What a file of that name must be; `said` is what the manifest says instead."""
    if said is not None:
        return Form(said)
    return next((form for end, form in _ENDINGS.items() if name.lower().endswith(end)), Form.NONE)
