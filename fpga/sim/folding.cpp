// SPDX-License-Identifier: MIT
// The C++ half of `folding`: one engine over memory of 20 clocks' latency.
#include "folding.h"
#include "bench.h"

namespace {
Bench *bench;
}

void folding_parameters(uint32_t values[9])
{
    const uint32_t at[9] = {BB_FPGA_PE, BB_FPGA_SIMD, BB_FPGA_WINDOW, BB_FPGA_WEIGHTS, BB_FPGA_INPUT,
                            BB_FPGA_MASKS, BB_FPGA_ROWS, BB_FPGA_DRAWS, BB_FPGA_BORDER};
    for (int i = 0; i < 9; i++)
        values[i] = bench->read(at[i]);
}

uint32_t folding_run(uint64_t *arena, size_t n_words, uint32_t calls, uint32_t n_calls, uint64_t *cycles)
{
    bench->memory(arena, n_words);
    bench->write(BB_FPGA_MEMORY_LOW, static_cast<uint32_t>(base));
    bench->write(BB_FPGA_MEMORY_HIGH, static_cast<uint32_t>(base >> 32));
    bench->write(BB_FPGA_CALLS, calls);
    bench->write(BB_FPGA_N_CALLS, n_calls);
    bench->write(BB_FPGA_CONTROL, 1);
    bench->wait(1ull << 40);
    *cycles = bench->read(BB_FPGA_CYCLES_LOW) | static_cast<uint64_t>(bench->read(BB_FPGA_CYCLES_HIGH)) << 32;
    return bench->read(BB_FPGA_ERROR);
}

int main(int argc, char **argv)
{
    Verilated::randReset(2);
    Bench it(20, 1);
    bench = &it;
    return folding_main(argc, argv);
}
