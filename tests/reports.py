"""Reports as `lvs` prints them, made of volumes."""

from __future__ import annotations

import json
from dataclasses import dataclass

UUID = "1zF4em-ERdC-eb2b-bCbi-l5m2-mbe2-0awDJc"


@dataclass(frozen=True, kw_only=True)
class Lv:
    """One line of a report."""

    name: str
    pool: str = "data"
    origin: str = ""
    tags: str = ""
    attributes: str = "Vwi-a-tz--"
    uuid: str = UUID
    group: str = "pve"
    size: str = "1073741824"
    used: str = "3.20"
    metadata: str = ""

    @property
    def fields(self) -> dict[str, str]:
        return {
            "vg_name": self.group,
            "lv_name": self.name,
            "lv_uuid": self.uuid,
            "pool_lv": self.pool,
            "origin": self.origin,
            "lv_size": self.size,
            "data_percent": self.used,
            "metadata_percent": self.metadata,
            "lv_tags": self.tags,
            "lv_attr": self.attributes,
        }


POOL = Lv(name="data", pool="", attributes="twi-aotz--", used="42.10", metadata="10.74")


def report(*volumes: Lv) -> str:
    """What `lvs --reportformat json` prints of them."""
    return json.dumps({"report": [{"lv": [one.fields for one in volumes]}]}, indent=4)
