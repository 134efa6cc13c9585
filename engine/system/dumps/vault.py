"""The process that asks Vault: `python -m engine.system.dumps.vault WHAT ADDRESS [AUTHORITY]`.

WHAT is `version` or `snapshot`; the token is in the variable VAULT_TOKEN. What is asked goes to the
standard output, as it comes. It ends with 0, or with 5 and a sentence why not.

https://developer.hashicorp.com/vault/api-docs/system/storage/raft
"""

from __future__ import annotations

import json
import os
import shutil
import ssl
import sys
from http.client import HTTPException, HTTPResponse
from typing import cast
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import (
    HTTPRedirectHandler,
    HTTPSHandler,
    ProxyHandler,
    Request,
    build_opener,
)

from engine.dumps.vault import TOKEN

FAILED = 5
_SILENCE = 60.0
"""Seconds without a byte after which it is given up."""
_MOST = 64 * 1024
_HEALTH = "/v1/sys/health?standbyok=true&perfstandbyok=true&sealedcode=200&uninitcode=200"
_SNAPSHOT = "/v1/sys/storage/raft/snapshot"
_ELSEWHERE = frozenset({301, 302, 303, 307, 308})
"""A standby node that cannot forward what it is asked answers with 307 (Vault, High Availability,
"Client Redirection")."""
_ACTIVE = "name the active node as `address`, or a balancer that finds it"


class _NoRedirects(HTTPRedirectHandler):
    """Follows none: what another address says is no data of the server that was named."""

    def redirect_request(self, *_: object) -> None:
        """Not followed; the answer is an error as any other."""


class NoAnswer(Exception):
    """Vault does not do what it is asked; the message says why, and never holds the token."""


def main(arguments: list[str]) -> int:
    """Ask, and print the answer."""
    what, address, *authority = arguments
    try:
        if what == "version":
            sys.stdout.write(_version(address, authority) + "\n")
        else:
            _copy_snapshot(address, authority)
    except NoAnswer as error:
        sys.stderr.write(f"{error}\n")
        return FAILED
    return 0


def _version(address: str, authority: list[str]) -> str:
    with _opened(address, _HEALTH, authority) as answer:
        try:
            said = json.loads(answer.read(_MOST))
            version, sealed = str(said["version"]), bool(said["sealed"])
            cluster = str(said.get("cluster_id", ""))
        except (ValueError, LookupError, TypeError):
            raise NoAnswer(f"{address} does not answer as Vault does") from None
    if sealed:
        raise NoAnswer(f"Vault at {address} is sealed: unseal it, or nothing of it can be read")
    return f"{version}\n{cluster}"


def _copy_snapshot(address: str, authority: list[str]) -> None:
    with _opened(address, _SNAPSHOT, authority) as answer:
        try:
            shutil.copyfileobj(answer, sys.stdout.buffer, 1 << 20)
        except (HTTPException, OSError) as error:
            raise NoAnswer(f"the snapshot broke off: {type(error).__name__}") from None
        if answer.length:
            raise NoAnswer(f"the snapshot broke off: {answer.length:,} bytes are missing")
    sys.stdout.buffer.flush()


def _opened(address: str, path: str, authority: list[str]) -> HTTPResponse:
    """An answer of success. No redirect is followed, be it on the same host.

    With the token the other address could ask Vault whatever we may; without it, what came would be
    of somebody whom nobody has named.
    """
    context = ssl.create_default_context(cafile=authority[0] if authority else None)
    opener = build_opener(ProxyHandler({}), HTTPSHandler(context=context), _NoRedirects())
    headers = {"X-Vault-Request": "true", "User-Agent": "policyctl"}
    if TOKEN in os.environ:
        headers["X-Vault-Token"] = os.environ[TOKEN]
        if not os.environ[TOKEN].isascii():
            raise NoAnswer("the token holds letters that no token has")
    request = Request(address.rstrip("/") + path)  # noqa: S310 - the manifest has http(s) alone
    for name, value in headers.items():
        request.add_header(name, value)
    try:
        return cast("HTTPResponse", opener.open(request, timeout=_SILENCE))
    except HTTPError as error:
        raise NoAnswer(_refused(address, error)) from None
    except (HTTPException, OSError) as error:
        reason = error.reason if isinstance(error, URLError) else error
        said = getattr(reason, "strerror", None) or type(reason).__name__
        raise NoAnswer(f"{address} does not answer: {said}") from None


def _refused(address: str, error: HTTPError) -> str:
    with error:
        try:
            told = "; ".join(map(str, json.loads(error.read(_MOST))["errors"]))
        except (ValueError, LookupError, TypeError, OSError):
            told = ""
    if error.code in _ELSEWHERE:
        return f"{address} {_sent_on(error)}: nothing is taken from there; {_ACTIVE}"
    if error.code == 403:
        return f"{address}: the token is not valid, or may not read {_SNAPSHOT}"
    return f"{address} has answered {error.code} {error.reason}{f': {told}' if told else ''}"


def _sent_on(error: HTTPError) -> str:
    """Where a redirect leads: the server alone, since what follows it may be a secret."""
    where = error.headers.get("Location", "")
    try:
        url = urlsplit(where)
        host, port = url.hostname, url.port
    except ValueError:
        host, port = None, None
    if not host or not url.scheme:
        return "wants to be asked elsewhere"
    named = f"{url.scheme}://{host}{f':{port}' if port else ''}"
    shown = named if named.isascii() and named.isprintable() else "another address"
    return f"wants {shown[:200]} to be asked instead, as a standby node does"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
