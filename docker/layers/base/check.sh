#!/bin/sh
# The base is whole: packages configured, Python runs, the unprivileged user exists.
set -eu
test -z "$(dpkg --audit)"
python3 -c 'import sys, ssl, sqlite3, lzma; assert sys.version_info[:2] == (3, 11), sys.version'
test "$(id -u coldforge)" = 1000
