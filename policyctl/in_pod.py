"""What a job in a cluster goes by: the plan that is mounted, in a container that is no host."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from engine.plan.model import Plan
from engine.plan.stored import PlanUnreadable, plan_from_json
from engine.system.host.files import Unobservable
from engine.system.host.places import Places
from policyctl.boundary import Refused


def job_in_pod(root: Path, plan_file: Path) -> tuple[Plan, Places, datetime]:
    """The plan of a job, where its things lie, and the time. Raises `Refused`, on a host as well.

    A host has a state of its own, which such a run would take for that of its container.
    """
    places = Places(root=root, in_pod=True)
    try:
        if places.record_file.exists():
            raise Refused(
                "a policy is applied on this machine, so it is a host: --in-cluster is for the "
                "containers of `policyctl cluster`; no copy was made"
            )
        plan = plan_from_json(plan_file.read_bytes().decode())
    except (OSError, UnicodeDecodeError, Unobservable) as error:
        raise Refused(f"the plan {plan_file} cannot be read: {error}; no copy was made") from None
    except PlanUnreadable as error:
        raise Refused(
            f"{plan_file}: {error}; is it as old as the image? no copy was made"
        ) from None
    return plan, places, datetime.now(UTC)
