"""What systemd says of a service that has ended, as far as the program itself could not: pure."""

from __future__ import annotations

_FIRST, _LAST = 200, 245
"""Exit statuses that stand for a step before the program (systemd.exec(5), PROCESS EXIT CODES)."""
_KNOWN = {
    203: "/usr/bin/policyctl, or its interpreter, cannot be run in the sandbox of the unit",
    218: "capabilities cannot be dropped",
    226: "the sandbox of the unit cannot be made",
    228: "system calls cannot be filtered",
    238: "its state directory cannot be made",
    243: "the file of a secret, or a credential, cannot be read",
}


def never_began(result: str, code: str, status: str) -> str:
    """Why a service ended before its program began; empty where it did begin.

    The arguments are $MONITOR_SERVICE_RESULT, $MONITOR_EXIT_CODE and $MONITOR_EXIT_STATUS as
    systemd 251 and later sets them for what OnFailure= starts; they are of the run before where the
    service was not started at all. policyctl itself never ends with one of these numbers.
    """
    if result == "success":
        return "systemd did not start it: something that it requires failed, such as a mount"
    if result == "resources":
        return "systemd could not start it: resources are missing"
    number = int(status) if code == "exited" and status.isdecimal() else 0
    if not _FIRST <= number <= _LAST:
        return ""
    about = _KNOWN.get(number)
    return f"systemd could not start it: exit status {number}" + (f", {about}" if about else "")
