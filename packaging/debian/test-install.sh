#!/bin/sh
# Installs the packages in a copy of this system that is thrown away: beside FRR, in its place, and removed again.
# Usage: test-install.sh FERR.deb FERR-AS-FRR.deb (root on Debian).
set -eu

if [ "${IN_NAMESPACE:-}" != yes ]; then
    IN_NAMESPACE=yes exec unshare --mount --propagation private sh "$0" "$@"
fi

top=$(mktemp -d)
trap 'umount -R "$top" 2>/dev/null; rmdir "$top"' EXIT
mount -t tmpfs tmpfs "$top"
mkdir "$top/upper" "$top/work" "$top/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$top/upper,workdir=$top/work" "$top/root"
root=$top/root
mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
cp "$1" "$root/tmp/ferr.deb"
cp "$2" "$root/tmp/ferr-as-frr.deb"
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
rm -f "$root/usr/bin/ferr" "$root/usr/sbin/ferrd"

inside() { chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive "$@"; }
fail() {
    echo "FAILED: $*" >&2
    exit 1
}
package_there() { [ "$(inside dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

beside=no
if package_there frr; then
    beside=yes
    sum=$(inside sha256sum /usr/bin/vtysh)
fi
mkdir -p "$root/etc/frr"
echo 'hostname kept' >"$root/etc/frr/frr.conf"

echo "== ferr"
inside dpkg -i /tmp/ferr.deb
inside ferr --version
inside ferrd --check -f /etc/frr/frr.conf
inside getent passwd frr >/dev/null || fail "no user frr"
inside id -nG frr | tr ' ' '\n' | grep -qx frrvty || fail "frr is not in frrvty"
[ "$(inside stat -c '%U:%G %a' /etc/frr/keys)" = 'frr:frr 700' ] || fail "mode of /etc/frr/keys"
grep -q 'hostname kept' "$root/etc/frr/frr.conf" || fail "frr.conf was changed"
inside systemd-analyze verify /lib/systemd/system/ferrd.service || fail "the unit"
if [ $beside = yes ]; then
    package_there frr || fail "FRR was removed"
    [ "$(inside sha256sum /usr/bin/vtysh)" = "$sum" ] || fail "FRR's vtysh was changed"
fi

echo "== ferr-as-frr"
if [ $beside = yes ]; then
    # No index is needed to replace a package by one that is at hand.
    inside apt-get -y install /tmp/ferr-as-frr.deb
    ! package_there frr || fail "FRR is still there"
else
    inside dpkg -i /tmp/ferr-as-frr.deb
fi
[ "$(inside readlink -f /usr/bin/vtysh)" = /usr/bin/ferr ] || fail "vtysh is $(inside readlink -f /usr/bin/vtysh)"
inside vtysh --version
[ "$(inside readlink -f /lib/systemd/system/frr.service)" = /usr/lib/systemd/system/ferrd.service ] ||
    [ "$(inside readlink -f /lib/systemd/system/frr.service)" = /lib/systemd/system/ferrd.service ] ||
    fail "frr.service"
grep -q 'hostname kept' "$root/etc/frr/frr.conf" || fail "frr.conf was changed"
echo "size 1k" >>"$root/etc/logrotate.d/ferr"
inside dpkg -i --force-confdef --force-confold /tmp/ferr.deb
grep -q "size 1k" "$root/etc/logrotate.d/ferr" || fail "a changed conffile was overwritten"

echo "== removal"
# With whatever depends on it here.
inside apt-get -y remove ferr-as-frr ferr
[ ! -e "$root/usr/bin/ferr" ] && [ ! -e "$root/usr/bin/vtysh" ] || fail "programs are left"
grep -q 'hostname kept' "$root/etc/frr/frr.conf" || fail "frr.conf was removed"
echo "packages: ok"
