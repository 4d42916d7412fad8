#!/bin/sh
# Add packages to those that are there: let dpkg unpack and configure them.
set -eu
umask 022
cd /coldforge/in/debs
dpkg --unpack ./*.deb
dpkg --configure --pending
test -z "$(dpkg --audit)"
