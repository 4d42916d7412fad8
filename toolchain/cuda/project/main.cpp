// Ask every library for its version, without a GPU, and compare with the headers'.
#include <cstdint>
#include <cstdio>
#include <cublasLt.h>
#include <cublas_v2.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>
#include <cudnn.h>
#include <curand.h>
#include <nccl.h>
#include <nvrtc.h>

void launch(const half *, const std::uint32_t *, const half *, const std::uint8_t *, half *, int,
            int);

static int wrong = 0;

static void compare(const char *name, long header, long library) {
    std::printf("%s %ld%s", name, library, header == library ? "  " : " is not the header's!\n");
    wrong += header != library;
}

int main(int count, char **) {
    if (count > 1) { // never: it makes the linker keep the kernel
        launch(nullptr, nullptr, nullptr, nullptr, nullptr, 0, 0);
    }
    int runtime = 0, curand = 0, nccl = 0, major = 0, minor = 0;
    wrong += cudaRuntimeGetVersion(&runtime) != cudaSuccess;
    wrong += curandGetVersion(&curand) != CURAND_STATUS_SUCCESS;
    wrong += ncclGetVersion(&nccl) != ncclSuccess;
    wrong += nvrtcVersion(&major, &minor) != NVRTC_SUCCESS;
    compare("cudart", CUDART_VERSION, runtime);
    compare("nvrtc", CUDART_VERSION, major * 1000 + minor * 10);
    compare("cublasLt", CUBLAS_VERSION, static_cast<long>(cublasLtGetVersion()));
    compare("curand", CURAND_VERSION, curand);
    compare("cudnn", CUDNN_VERSION, static_cast<long>(cudnnGetVersion()));
    compare("nccl", NCCL_VERSION_CODE, nccl);
    std::printf("\n");
    return wrong != 0;
}
