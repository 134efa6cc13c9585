"""Plans made by hand, for tests that need one and are not about compiling."""

from engine.plan.model import Feed, LegPlan, Location, Plan, RouteLine, RoutingTable
from engine.plan.selection import Line, Selection
from policy.calendar import parse_calendar
from policy.destinations import Destination
from policy.legs import MirrorLeg
from policy.model import Monitoring
from policy.parts import Limits, SshTarget
from policy.patterns import parse_path_pattern
from policy.routes import Objective
from policy.sources import TreeSource
from policy.values import Duration, parse_absolute_path, parse_place


def tree(name="nfs", path="/srv/nfs", **more):
    base = {"name": name, "path": parse_absolute_path(path), "media": "ssd", "site": "home"}
    return TreeSource(**{**base, "secret": False, **more})


def disk(name="sda", path="/mnt/backup", **more):
    base = {"name": name, "path": parse_absolute_path(path), "media": "hdd", "site": "home"}
    return Destination(**{**base, "mount_required": True, **more})


def nas(name="synology", path="/volume1/Backup/lab", **more):
    ssh = SshTarget(account="backup@nas.example.net")
    return disk(name, path, **{"ssh": ssh, "media": "nas", "site": "offsite", **more})


def mirror(name="sda-mirror", to="sda:/", schedule=("02:00",), **more):
    calendars = tuple(parse_calendar(text) for text in schedule)
    limits = Limits(whole=Duration(3600))
    return MirrorLeg(
        **{"name": name, "to": parse_place(to), "schedule": calendars, "limits": limits, **more}
    )


def route(text, leg, **more):
    """A line of the tree at /srv/nfs; `text` is the path below its root."""
    pattern = parse_path_pattern(text.encode())
    return RouteLine(text=f"/srv/nfs/{text}".rstrip("/"), pattern=pattern, leg=leg, **more)


def leg_plan(leg, routes=(), reads="nfs", **more):
    """A leg fed by the lines of one tree, or by all of it where it names its input."""
    lines = tuple(Line(pattern=one.pattern, taken=one.leg == leg.name) for one in routes)
    whole = (Line(pattern=parse_path_pattern(b""), taken=True),)
    writes = Location(
        holder=leg.to.name,
        names=tuple(name.encode() for name in leg.to.path.strip("/").split("/") if name),
    )
    selection = Selection(lines=whole if leg.takes else lines)
    feed = Feed(reads=leg.takes or reads, writes=writes, selection=selection)
    return LegPlan(leg=leg, feeds=(feed,), **{"longest_gap": 86400, "allowed_age": 97200, **more})


def plan(*, routes=None, legs=None, **more):
    """A disk and a NAS, one tree, and a leg to each."""
    if routes is None:
        routes = (
            route("immich", "synology-direct"),
            route("temp", None, reason="scratch space"),
            route("", "sda-mirror"),
        )
    if legs is None:
        legs = (mirror(), mirror("synology-direct", "synology:/nfs", ("06:00",)))
    base = {
        "host": "pve",
        "timezone": "Europe/Sofia",
        "destinations": (disk(), nas()),
        "sources": (tree(),),
        "tables": (RoutingTable(source="nfs", lines=tuple(routes)),),
        "ignores": (),
        "legs": tuple(leg_plan(leg, routes) for leg in legs),
        "objectives": (Objective(text="default", key=None, copies=2),),
        "checks": (),
        "monitoring": Monitoring(),
    }
    return Plan(**{**base, **more})
