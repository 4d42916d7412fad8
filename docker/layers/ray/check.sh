#!/bin/sh
# Its own programs start here: the store of objects and the raylet are no Python.
set -eu
ray --version
PLACE=$(python3 -c 'import ray; print(ray.__path__[0])')
"$PLACE/core/src/ray/raylet/raylet" --version
