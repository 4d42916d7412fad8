#!/bin/sh
# A cache and no LD_LIBRARY_PATH: that would overrule the paths written into programs.
# -X: the links are the layers' business.
set -eu
exec /sbin/ldconfig -X
