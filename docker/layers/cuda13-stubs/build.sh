#!/bin/sh
# libcuda and libnvidia-ml belong to the host's driver, and no wheel carries NVIDIA's stubs of
# them. A linker needs the names alone; here they are, as the headers declare them. Called, each
# returns the code that CUDA and NVML keep for this: a stub, or no driver.
set -eu
umask 022
out=/usr/local/cuda/lib64/stubs
mkdir "$out"

# stub LIBRARY SONAME PREFIX CODE HEADER FLAG...: export every function PREFIX... of the header.
stub() {
    library=$1 soname=$2 prefix=$3 code=$4 header=$5
    shift 5
    echo "#include <$header>" | "$CC" -E -P -I/usr/local/cuda/include "$@" -x c - |
        grep -o "\b${prefix}[A-Z][A-Za-z0-9_]* *(" | tr -d ' (' | sort -u >/tmp/names
    sed "s/.*/int &(void) { return $code; }/" /tmp/names >/tmp/stub.c
    "$CC" -shared -fPIC -O1 -s -nostdlib -Wl,--build-id=none -Wl,-soname,"$soname" \
        -o "$out/$library" /tmp/stub.c
    echo "$library: $(wc -l </tmp/names) functions"
}

# CUDA's headers rename functions to their newest version; this shows all versions.
stub libcuda.so libcuda.so.1 cu 34 cuda.h -D__CUDA_API_VERSION_INTERNAL
stub libnvidia-ml.so libnvidia-ml.so.1 nvml 9 nvml.h -DNVML_NO_UNVERSIONED_FUNC_DEFS
