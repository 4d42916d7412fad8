#!/bin/sh
# A program of both links, asks for the driver's own names, and finds the stubs telling what they are.
set -eu
cd /tmp
cat >driver.c <<'END'
#include <cuda.h>
#include <nvml.h>
int main(void) {
    size_t bytes;
    return !(cuInit(0) == CUDA_ERROR_STUB_LIBRARY &&
             cuDeviceTotalMem(&bytes, 0) == CUDA_ERROR_STUB_LIBRARY &&
             nvmlInit() == NVML_ERROR_DRIVER_NOT_LOADED);
}
END
cat >CMakeLists.txt <<'END'
cmake_minimum_required(VERSION 3.18)
project(driver C CXX)
find_package(CUDAToolkit REQUIRED)
add_executable(driver driver.c)
target_link_libraries(driver PRIVATE CUDA::cuda_driver CUDA::nvml)
END
cmake -S . -B build >configured || {
    cat configured
    exit 1
}
cmake --build build
needed=$(readelf -d build/driver | grep -c -E 'NEEDED.*\[(libcuda|libnvidia-ml)\.so\.1\]')
test "$needed" = 2
mkdir driver
for name in libcuda libnvidia-ml; do
    ln -s "/usr/local/cuda/lib64/stubs/$name.so" "driver/$name.so.1"
done
test -z "$(/sbin/ldconfig -p | grep stubs || true)"
LD_LIBRARY_PATH=/tmp/driver build/driver
