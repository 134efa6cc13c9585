"""URLs in a manifest: plans hold them and messages name them, so nothing secret may stand there."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from policy.fields import Fields

TELLING = re.compile("authorization|cookie|token|secret|key|password", re.IGNORECASE)
"""Names of header fields whose values are secrets as a rule."""
_TELLING_PARAMETER = re.compile(
    r"authorization|token|secret|passw|(?:\A|[-_.]|api|access)key\Z", re.IGNORECASE
)
"""The same of parameters, among which `keyword` and its like are none."""


def check_no_secret(fields: Fields, key: str, hint: str, *, bare: bool = False) -> None:
    """Report a URL that holds a user, a password or another secret (law 22).

    `bare`: it names a server and nothing else, so that no question and no fragment belong to it,
    whatever they hold.
    """
    held = _secret_in(fields.text(key) or "", bare=bare)
    if held:
        message = f"the URL of the {key} holds {held}"
        fields.findings.error("secret-in-url", message, fields.origin(key), hint=hint)


def _secret_in(url: str, *, bare: bool) -> str:
    """What in a URL is a secret, or may be one; never the secret itself."""
    _, _, rest = url.partition("://")
    if "@" in re.split("[/?#]", rest, maxsplit=1)[0]:
        return "a user or a password"
    before, hash_mark, fragment = rest.partition("#")
    _, question_mark, query = before.partition("?")
    if bare and (question_mark or hash_mark):
        return "more than a server: what stands behind ? or # may be a secret, and is no part of it"
    named = (one.partition("=")[0] for one in re.split("[&;]", f"{query}&{fragment}"))
    if any(_TELLING_PARAMETER.search(unquote(one)) for one in named):
        return "a parameter whose name says that its value is a secret"
    return ""


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
