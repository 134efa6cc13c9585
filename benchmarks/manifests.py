"""Manifests of any size, the same each time: nested paths as people make them."""

from __future__ import annotations

import random

_HEAD = """\
version: 1
host: myhost
timezone: Europe/Berlin
destinations:
  disk: {path: /mnt/backup, media: hdd, site: home}
  nas: {ssh: backup@nas.example.net, path: /volume1/backup, media: nas, site: office}
sources:
  files: {kind: tree, path: /srv/files, media: raid, site: home}
  media: {kind: tree, path: /srv/media, media: raid, site: home}
legs:
  local: {kind: mirror, to: "disk:/{source}", schedule: "01:00", timeout: 2h}
  direct: {kind: mirror, to: "nas:/{source}", schedule: "04:00", timeout: 2h}
objectives:
  default: {copies: 2, media: 2, rpo: 30h}
"""
_WORDS = (
    *("archive", "backup", "books", "builds", "cache", "clients", "config", "data", "design"),
    *("documents", "downloads", "exports", "films", "games", "home", "images", "inbox", "library"),
    *(
        "logs",
        "mail",
        "maps",
        "models",
        "music",
        "notes",
        "photos",
        "projects",
        "raw",
        "recordings",
    ),
    *("reports", "scans", "series", "shared", "staging", "teams", "temp", "thumbs", "uploads"),
    *("videos", "web", "work"),
)
_ROOTS = ("/srv/files", "/srv/media")
_WILDCARDS = 0.05
_BRANCH = 0.6
"""How often a path goes on below one that is already routed."""


def manifest_text(routes: int, ignores: int, *, seed: int = 41) -> str:
    """A manifest with that many routes and ignores; it checks without errors."""
    chance = random.Random(f"{seed}:{routes}:{ignores}")
    lines = [f"  {path}: {_target(chance, number)}\n" for number, path in _paths(routes, chance)]
    rules = [f'  "{rule}": "litter of a program"\n' for rule in _rules(ignores, chance)]
    return f"{_HEAD}routes:\n{''.join(lines)}ignore:\n{''.join(rules)}"


def _paths(count: int, chance: random.Random) -> list[tuple[int, str]]:
    """Distinct keys, the two roots first."""
    literal: list[str] = list(_ROOTS)
    seen = set(_ROOTS)
    while len(seen) < count:
        parent = chance.choice(literal) if chance.random() < _BRANCH else chance.choice(_ROOTS)
        if parent.count("/") > 7:
            continue
        name = f"{chance.choice(_WORDS)}-{chance.randrange(10_000):04}"
        if chance.random() < _WILDCARDS:
            # The number keeps any two apart, so that none is ambiguous.
            path = parent + chance.choice((f"/{name}-*", f"/*/{name}", f"/{name}.[0-9]"))
        else:
            path = f"{parent}/{name}"
            literal.append(path)
        seen.add(path)
    return list(enumerate(sorted(seen, key=lambda path: (path not in _ROOTS, path))))


def _target(chance: random.Random, number: int) -> str:
    if number < len(_ROOTS):
        return "local"
    if number == len(_ROOTS):
        return "direct"  # a leg that nothing feeds would be an error
    drawn = chance.random()
    if drawn < 0.1:
        return '{none: "made anew by its program"}'
    return "direct" if drawn < 0.5 else "local"


def _rules(count: int, chance: random.Random) -> list[str]:
    """Distinct ignores of all forms; none has a word of the routes, so none swallows one."""
    found: set[str] = set()
    while len(found) < count:
        word = (
            f"{chance.choice(('tmp', 'swp', 'bak', 'lock', 'part'))}{chance.randrange(10_000):04}"
        )
        forms = (f"*.{word}", f".{word}", f".{word}/", f"/.{word}/", f"{word}.[0-9]", f"~{word}*")
        found.add(chance.choice(forms))
    return sorted(found)
