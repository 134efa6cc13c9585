"""The places of a machine that sandboxes show, or show otherwise than they are."""

from __future__ import annotations

import re

from policy.values import AbsolutePath, parse_absolute_path


def _paths(*texts: str) -> tuple[AbsolutePath, ...]:
    return tuple(map(parse_absolute_path, texts))


HIDDEN = _paths(
    "/tmp",  # noqa: S108 - named, not written to
    "/var/tmp",  # noqa: S108 - named, not written to
    "/usr/lib/modules",
    "/lib/modules",
    "/proc",
    "/sys",
    "/dev",
)
"""Places that every sandbox shows otherwise than they are."""
SYSTEM = _paths(
    *("/usr", "/bin", "/sbin", "/lib", "/lib64", "/opt/policyctl"),
    *(
        "/etc/alternatives",
        "/etc/group",
        "/etc/hosts",
        "/etc/ld.so.cache",
        "/etc/localtime",
        "/etc/nsswitch.conf",
    ),
    *("/etc/passwd", "/etc/policyctl"),
)
"""Programs, their libraries, the names of users; policyctl itself, and its manifest for drift."""
POLICYCTL = parse_absolute_path("/etc/policyctl")
"""Where the manifest lies, and what it names may lie beside it: keys and secrets."""
NETWORK = _paths(
    *("/etc/crypto-policies", "/etc/gai.conf", "/etc/host.conf", "/etc/hosts", "/etc/pki"),
    *("/etc/resolv.conf", "/etc/services", "/etc/ssl/certs", "/etc/ssl/openssl.cnf"),
    *("/run/nscd", "/run/systemd/resolve"),
)
"""How names of machines are found, and whose certificates are believed."""
CERTIFICATES = _paths("/etc/pki", "/etc/ssl/certs", "/etc/ssl/openssl.cnf")
SSH_CLIENT = _paths(
    *("/etc/ssh/ssh_config", "/etc/ssh/ssh_config.d"),
    *("/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"),
)
ROOTS_SSH = parse_absolute_path("/root/.ssh")
LOOPBACK = re.compile(r"https?://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]+)?(/.*)?")
