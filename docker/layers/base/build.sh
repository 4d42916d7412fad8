#!/bin/sh
# The packages lie unpacked in this root; let dpkg install them properly, then add the user.
set -eu
umask 022

# dpkg needs its database, and fsync'ing a throw-away root only costs time.
mkdir -p /etc/dpkg/dpkg.cfg.d /var/lib/dpkg/info /var/lib/dpkg/updates /var/lib/dpkg/triggers
: >/var/lib/dpkg/status
: >/var/lib/dpkg/available
cat >/etc/dpkg/dpkg.cfg.d/coldforge <<'END'
force-unsafe-io
force-confnew
path-exclude=/usr/share/doc/*
path-include=/usr/share/doc/*/copyright
path-exclude=/usr/share/info/*
path-exclude=/usr/share/lintian/*
path-exclude=/usr/share/locale/*
path-exclude=/usr/share/man/*
END
find /usr/share/doc -type f ! -name copyright -delete
rm -rf /usr/share/info /usr/share/lintian /usr/share/locale /usr/share/man
# Maintainer scripts call awk before its alternative is set up.
ln -sf mawk /usr/bin/awk

# Users first (every other package may name them), then what maintainer scripts lean on.
cd /coldforge/in/debs
install() { dpkg --force-depends --install "$@"; }
install base-passwd_*.deb
install base-files_*.deb
install libc6_*.deb perl-base_*.deb mawk_*.deb dpkg_*.deb debconf_*.deb
dpkg --force-depends --unpack ./*.deb
dpkg --configure --pending
test -z "$(dpkg --audit)"

groupadd --gid 1000 coldforge
useradd --uid 1000 --gid 1000 --create-home --shell /bin/bash coldforge
