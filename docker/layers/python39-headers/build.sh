#!/bin/sh
# Add the packages.
set -eu
umask 022
cd /coldforge/in/debs
dpkg --unpack ./*.deb
dpkg --configure --pending
test -z "$(dpkg --audit)"
