"""Encryption of products to those who may read them: public keys, of which none is a secret."""

from __future__ import annotations

import re
from dataclasses import dataclass

from policy.fields import Fields

ENDING = ".age"
"""What the name of an encrypted file ends with."""
_AGE = re.compile(r"age1[02-9ac-hj-np-z]{58}")
_SSH = re.compile(r"ssh-(ed25519|rsa) [A-Za-z0-9+/]+={0,2}( .*)?")
_ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Encryption:
    """To whom a product is encrypted."""

    recipients: tuple[str, ...]
    """Public keys as age(1) takes them, sorted; whoever has the key to any of them can read it."""


def parse_encryption(fields: Fields) -> Encryption | None:
    """Read `encrypt`; None: nothing is encrypted."""
    child = fields.child("encrypt")
    if child is None:
        return None
    for node in child.scalars("age"):
        problem = recipient_problem(node.text)
        if problem:
            fields.findings.error("bad-value", problem, node.origin)
    return Encryption(recipients=tuple(sorted(set(child.texts("age")))))


def recipient_problem(text: str) -> str:
    """Why nobody can be the recipient that a text names; empty: somebody may be.

    One that is mistyped would be found by the first run, or, worse, by nobody who has its key.
    """
    if text.upper().startswith("AGE-SECRET-KEY-"):
        return "this is a secret key: name the public one (`age-keygen -y`), and keep this one away"
    if _SSH.fullmatch(text) or (_AGE.fullmatch(text) and _sum_of(text) == 1):
        return ""
    return f"{text[:80]!r} is no public key of age, nor of SSH: one of its characters may be wrong"


def _sum_of(text: str) -> int:
    """The checksum over a key as BIP 173 has it ("Bech32"); 1 where no character is wrong."""
    prefix, data = text[:3], text[4:]
    values = [*(ord(one) >> 5 for one in prefix), 0, *(ord(one) & 31 for one in prefix)]
    values += [_ALPHABET.index(one) for one in data]
    total = 1
    for value in values:
        top = total >> 25
        total = (total & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate(_GENERATOR):
            total ^= generator if top >> bit & 1 else 0
    return total
