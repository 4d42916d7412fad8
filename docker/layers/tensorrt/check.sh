#!/bin/sh
# Headers, library, Python package and lock agree on the version.
exec python3 /coldforge/in/probes/agree.py compile
