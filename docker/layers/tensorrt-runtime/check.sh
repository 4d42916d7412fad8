#!/bin/sh
# Library, Python package and lock agree on the version; nothing to compile with is there.
exec python3 /coldforge/in/probes/agree.py run
