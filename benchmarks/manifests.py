"""Large manifests, the same ones each time."""

from __future__ import annotations

import json
import random

_HEAD = """\
version: 1
host: bench
timezone: Europe/Sofia
destinations:
  disk: {path: /mnt/disk, media: hdd, site: home}
  nas: {ssh: backup@nas.example.net, path: /backup, media: nas, site: away}
sources:
  data: {kind: tree, path: /srv/data, media: ssd, site: home}
legs:
  near: {kind: mirror, to: "disk:/", schedule: "02:00", timeout: 2h}
  direct: {kind: mirror, to: "nas:/direct", schedule: "04:00", timeout: 2h}
  offsite: {kind: mirror, from: disk, to: "nas:/copy", schedule: "04:30", timeout: 2h, after: [near]}
objectives:
  default: {copies: 2}
routes:
  /srv/data: near
  /srv/data/large: direct
"""


def many_routes(count: int, *, ignores: int) -> str:
    """Write a manifest whose routes lie up to four names deep, each tenth with a wildcard.

    The shape does not depend on the number of routes, so that times can be compared.
    """
    chance = random.Random(2027)
    lines = [_HEAD]
    for number in range(count):
        # About ten routes a directory, as a person would have it.
        folder = f"/srv/data/team{number // 100}/project{number // 10}"
        name = f"part{number}*" if number % 10 == 9 else f"part{number}"
        deeper = "/cache" if chance.random() < 0.2 else ""
        value = chance.choice(["near", "direct", "{none: scratch}"])
        lines.append(f"  {json.dumps(f'{folder}/{name}{deeper}')}: {value}\n")
    lines.append("ignore:\n")
    for number in range(ignores):
        text = (f"litter{number}/", f".{number}.swp", f"*.tmp{number}", f"/odd/{number}/")[
            number % 4
        ]
        lines.append(f"  {json.dumps(text)}: litter\n")
    return "".join(lines)
