// SPDX-License-Identifier: MIT
// The device in simulation: the Verilated engine over memory of fixed latency.
#include "port.h"
#include "fpga/sim/bench.h"

#include <sys/mman.h>

namespace {

constexpr uint32_t latency = 20; // clocks from an address to its first word
Bench *bench;
port_memory kept;

void reset()
{
    delete bench;
    bench = new Bench(latency, 1);
    bench->memory(reinterpret_cast<uint64_t *>(kept.bytes), kept.size / 8);
}

bool open(port_memory *memory, char *why, size_t why_size)
{
    const char *mebibytes = std::getenv("BITBAYES_FPGA_MEMORY");
    const size_t n = mebibytes ? std::strtoul(mebibytes, nullptr, 10) : 256;
    memory->size = n << 20;
    memory->address = base;
    void *bytes = n && n <= 1u << 20 ? mmap(nullptr, memory->size, PROT_READ | PROT_WRITE,
                                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
                                     : MAP_FAILED;
    if (bytes == MAP_FAILED) {
        std::snprintf(why, why_size, "BITBAYES_FPGA_MEMORY: no memory of %s MiB", mebibytes);
        return false;
    }
    memory->bytes = static_cast<uint8_t *>(bytes);
    Verilated::randReset(2);
    kept = *memory;
    reset();
    return true;
}

uint32_t read(uint32_t at)
{
    return bench->read(at);
}

void write(uint32_t at, uint32_t value)
{
    bench->write(at, value);
}

bool wait(char *why, size_t why_size)
{
    try {
        bench->wait(1ull << 40);
    } catch (const Broken &reason) {
        std::snprintf(why, why_size, "%s", reason.what());
        reset();
        return false;
    }
    return true;
}

} // namespace

extern "C" const port port_sim = {"sim", "bitbayes-sim", latency, open, read, write, wait};
