// A kernel as they are written: half precision, int4 weights with a scale and a zero point per
// group, a block-wide sum by CUB.
#include <cstdint>
#include <cub/block/block_reduce.cuh>
#include <cuda_fp16.h>

constexpr int THREADS = 128;
constexpr int GROUP = 128;

__global__ void product(const half *input, const std::uint32_t *weights, const half *scales,
                        const std::uint8_t *zeros, half *output, int columns) {
    using Reduce = cub::BlockReduce<float, THREADS>;
    __shared__ typename Reduce::TempStorage scratch;
    const int row = static_cast<int>(blockIdx.x);
    float sum = 0;
    for (int word = static_cast<int>(threadIdx.x); word < columns / 8; word += THREADS) {
        const std::uint32_t packed = weights[row * (columns / 8) + word];
        const int group = (row * columns + word * 8) / GROUP;
        for (int nibble = 0; nibble < 8; ++nibble) {
            const int value = static_cast<int>(packed >> (4 * nibble) & 15U) - zeros[group];
            sum += __half2float(__hmul(scales[group], input[word * 8 + nibble])) * value;
        }
    }
    const float total = Reduce(scratch).Sum(sum);
    if (threadIdx.x == 0) {
        output[row] = __float2half(total);
    }
}

void launch(const half *input, const std::uint32_t *weights, const half *scales,
            const std::uint8_t *zeros, half *output, int rows, int columns) {
    product<<<rows, THREADS>>>(input, weights, scales, zeros, output, columns);
}
