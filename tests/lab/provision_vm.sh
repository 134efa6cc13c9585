#!/bin/sh
# Makes a root directory one that a virtual machine boots from. mmdebstrap calls it with the directory:
# before the packages are set up, and once more after provision.sh.
set -eu
root=$1

case $MMDEBSTRAP_HOOK in
extract)
    # A small initrd: what mounts this machine's disk, and nothing for others.
    mkdir -p "$root/etc/initramfs-tools/conf.d" "$root/etc/initramfs-tools/hooks"
    printf 'MODULES=list\nCOMPRESS=zstd\nFSTYPE=ext4\n' >"$root/etc/initramfs-tools/conf.d/lab"
    cat >"$root/etc/initramfs-tools/hooks/lab" <<'END'
#!/bin/sh
[ "$1" = prereqs ] && exit 0
. /usr/share/initramfs-tools/hook-functions
manual_add_modules virtio_pci virtio_blk ext4
END
    chmod 755 "$root/etc/initramfs-tools/hooks/lab"
    ;;
customize)
    echo '/dev/vda / ext4 noatime 0 0' >"$root/etc/fstab"
    for unit in systemd-binfmt.service sys-kernel-debug.mount sys-kernel-tracing.mount \
        proc-sys-fs-binfmt_misc.automount; do
        ln -sf /dev/null "$root/etc/systemd/system/$unit"
    done
    # The address that QEMU's own network forwards to; nothing else is there.
    cat >"$root/etc/systemd/system/lab-network.service" <<'END'
[Unit]
Wants=sys-subsystem-net-devices-eth0.device
After=sys-subsystem-net-devices-eth0.device
Before=ssh.service
[Service]
Type=oneshot
ExecStart=ip link set eth0 up
ExecStart=ip address add 10.0.2.15/24 dev eth0
END
    mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
    for unit in /etc/systemd/system/lab-network.service /lib/systemd/system/ssh.service; do
        ln -sf $unit "$root/etc/systemd/system/multi-user.target.wants/"
    done
    chroot "$root" usermod --shell /bin/sh root
    printf 'UsePAM no\nUseDNS no\nMaxSessions 64\nSetEnv LC_ALL=C.UTF-8\n' \
        >"$root/etc/ssh/sshd_config.d/lab.conf"
    mv "$root"/boot/vmlinuz-* "$root/boot/vmlinuz"
    mv "$root"/boot/initrd.img-* "$root/boot/initrd.img"
    ;;
esac
