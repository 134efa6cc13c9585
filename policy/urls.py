"""URLs in a manifest: plans hold them and messages name them, so nothing secret may stand there."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from policy.fields import Fields


def check_no_secret(fields: Fields, key: str, hint: str) -> None:
    """Report a URL that holds a user or a password (law 22)."""
    _, _, rest = (fields.text(key) or "").partition("://")
    if "@" in re.split("[/?#]", rest, maxsplit=1)[0]:
        fields.findings.error(
            "secret-in-url",
            f"the URL of the {key} holds a user or a password",
            fields.origin(key),
            hint=hint,
        )


def host_of(url: str) -> str | None:
    """The host that a URL names."""
    return urlsplit(url).hostname


def url_problem(text: str) -> str:
    """Why a URL can never be reached; empty: it may be. A check says so, not the first night."""
    if not text.isascii() or any(not one.isprintable() or one == " " for one in text):
        return "holds a space, or something beyond ASCII"
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError as error:
        return f"cannot be read: {error}"
    if not url.hostname or port == 0:
        return "names no host" if not url.hostname else "names port 0"
    return ""
