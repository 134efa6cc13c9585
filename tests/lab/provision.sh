#!/bin/sh
# Makes the lab's image out of a fresh Debian. mmdebstrap calls it with the new root directory.
set -eu
root=$1
in_it() { chroot "$root" "$@"; }

# Where the packages came from is this host's business, and none of the image's.
rm -f "$root"/etc/apt/sources.list "$root"/etc/apt/sources.list.d/* "$root/etc/resolv.conf"

# Nothing may start that a test did not ask for; what needs devices or a network cannot.
in_it systemctl --quiet disable ssh.service prometheus.service prometheus-pushgateway.service \
    prometheus-node-exporter.service postgresql.service mariadb.service redis-server.service \
    etcd.service 2>/dev/null || true
in_it systemctl --quiet mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer dev-hugepages.mount \
    e2scrub_all.timer e2scrub_reap.service fstrim.timer getty.target console-getty.service \
    systemd-pstore.service systemd-networkd.service systemd-resolved.service \
    systemd-timesyncd.service
in_it systemctl --quiet set-default multi-user.target
: >"$root/etc/machine-id"

# All machines that the reference manifest names are this one. Who may come in holds the key that it has itself.
echo pve >"$root/etc/hostname"
printf '127.0.0.1 localhost pve nas.example.net firewall.example.net\n' >"$root/etc/hosts"
in_it usermod --shell /bin/sh backup
in_it install -d -m 700 /root/.ssh
in_it install -d -m 700 -o backup -g backup /var/backups/.ssh
in_it ssh-keygen -q -t ed25519 -N '' -C lab -f /root/.ssh/id_ed25519
in_it install -m 600 -o backup -g backup /root/.ssh/id_ed25519.pub /var/backups/.ssh/authorized_keys
cp "$root/root/.ssh/id_ed25519.pub" "$root/root/.ssh/authorized_keys"
awk '{print "nas.example.net,firewall.example.net", $1, $2}' "$root/etc/ssh/ssh_host_ed25519_key.pub" \
    >"$root/root/.ssh/known_hosts"

# PostgreSQL as an installer leaves it, who has chosen a language: here none is, and its text had no encoding.
for folder in "$root"/etc/postgresql/*; do
    [ -d "$folder" ] || continue
    version=${folder##*/}
    in_it pg_dropcluster "$version" main
    in_it pg_createcluster --locale C.UTF-8 "$version" main >/dev/null
done

# policyctl as the README installs it, but for its interpreter: the image's own.
in_it install -d /opt/policyctl
packages=/opt/policyctl/.venv/lib/$(readlink "$root/usr/bin/python3")/site-packages
printf '/opt/policyctl\n%s\n' "$packages" >"$root/usr/lib/python3/dist-packages/policyctl.pth"
printf '#!/usr/bin/python3 -sP\nfrom policyctl.__main__ import main\n\nmain()\n' >"$root/usr/bin/policyctl"
chmod 755 "$root/usr/bin/policyctl"
