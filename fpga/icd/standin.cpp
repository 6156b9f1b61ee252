// SPDX-License-Identifier: MIT
// standin FILE: the Verilated engine in place of a UIO device, for tests of uio.c. The file's first page
// stands for the registers (whoever has mapped it writes arguments, then CONTROL), the rest for memory at
// the bench's address. Runs until it is killed.
#include "fpga/sim/bench.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace {

uint8_t *map(const char *path, size_t *size)
{
    struct stat status;
    const int file = open(path, O_RDWR);
    if (file < 0 || fstat(file, &status) != 0) {
        std::perror(path);
        std::exit(1);
    }
    *size = static_cast<size_t>(status.st_size);
    void *mapped = mmap(nullptr, *size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (mapped == MAP_FAILED)
        std::exit(1);
    return static_cast<uint8_t *>(mapped);
}

void run(Bench &bench, volatile uint32_t *page)
{
    for (const uint32_t at : {BB_FPGA_MEMORY_LOW, BB_FPGA_MEMORY_HIGH, BB_FPGA_CALLS, BB_FPGA_N_CALLS})
        bench.write(at, page[at / 4]);
    bench.write(BB_FPGA_CONTROL, 1);
    bench.wait(1ull << 40);
    for (const uint32_t at : {BB_FPGA_ERROR, BB_FPGA_CALL, BB_FPGA_CYCLES_LOW, BB_FPGA_CYCLES_HIGH})
        page[at / 4] = bench.read(at);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    page[BB_FPGA_CONTROL / 4] = 6; // done and idle
}

} // namespace

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    size_t size;
    uint8_t *file = map(argv[1], &size);
    volatile uint32_t *page = reinterpret_cast<uint32_t *>(file);
    Verilated::randReset(2);
    Bench bench(20, 1);
    bench.memory(reinterpret_cast<uint64_t *>(file + 4096), (size - 4096) / 8);
    for (uint32_t at = BB_FPGA_MAGIC; at <= BB_FPGA_BORDER; at += 4)
        page[at / 4] = bench.read(at);
    for (;; usleep(200))
        if (page[BB_FPGA_CONTROL / 4] & 1)
            run(bench, page);
}
