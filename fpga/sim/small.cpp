// SPDX-License-Identifier: MIT
// bb_small, as RTL or as a netlist after synthesis: random weights, windows and banks against plain
// popcounts. small [OUTPUT BITS [SEED]]
#include "Vbb_small.h"
#include "fpga/regs/bb_regs.h"
#include "verilated.h"

#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

constexpr unsigned pe = 4, window_units = 64, weight_units = 512, rows = 4;

class Bench {
public:
    explicit Bench(uint64_t seed) : state_(seed * 2 + 1)
    {
        top_.awvalid = top_.wvalid = top_.arvalid = top_.bready = top_.rready = 0;
        top_.rst_n = 0;
        for (int i = 0; i < 4; i++)
            tick();
        top_.rst_n = 1;
        tick();
    }
    uint32_t random()
    {
        state_ ^= state_ << 13;
        state_ ^= state_ >> 7;
        state_ ^= state_ << 17;
        return static_cast<uint32_t>(state_ >> 32);
    }
    uint32_t below(uint32_t bound) { return random() % bound; }
    void write(uint32_t at, uint32_t value)
    {
        top_.awaddr = at;
        top_.wdata = value;
        top_.awvalid = top_.wvalid = 1;
        top_.bready = 1;
        finish([&] { return top_.awready && top_.wready; }, [&] { top_.awvalid = top_.wvalid = 0; });
        finish([&] { return top_.bvalid != 0; }, [&] { top_.bready = 0; });
    }
    uint32_t read(uint32_t at)
    {
        top_.araddr = at;
        top_.arvalid = top_.rready = 1;
        uint32_t value = 0;
        finish([&] { return top_.arready != 0; }, [&] { top_.arvalid = 0; });
        finish([&] { value = top_.rdata; return top_.rvalid != 0; }, [&] { top_.rready = 0; });
        return value;
    }

private:
    template <class Condition, class Then> void finish(Condition condition, Then then)
    {
        for (int i = 0; i < 1000; i++) {
            top_.clk = 0;
            top_.eval();
            const bool met = condition();
            tick();
            if (met) {
                then();
                return;
            }
        }
        std::printf("small: no answer on the control port\n");
        std::exit(1);
    }
    void tick()
    {
        top_.clk = 0;
        top_.eval();
        top_.clk = 1;
        top_.eval();
    }
    Vbb_small top_;
    uint64_t state_;
};

uint64_t n_bits = 0;

// One output pixel: `jobs` windows against `channels` channels; false on a difference.
bool trial(Bench &bench)
{
    const bool bytes = bench.below(3) == 0, sums = bench.below(4) == 0;
    const unsigned chunks = 1 + bench.below(bytes ? window_units / 8 : weight_units / 16);
    const unsigned channels = 1 + bench.below(64), draws = sums ? 1 : 1 + bench.below(2);
    const unsigned jobs = sums ? 1 : 1 + bench.below(3), planes = bytes ? 8 : 1;
    std::vector<uint32_t> weights(64 * chunks);
    std::vector<int32_t> thresholds(64 * 2);
    std::vector<uint32_t> flags(64 * 2);
    bench.write(BB_FPGA_SMALL_CONFIG, (chunks - 1) | static_cast<uint32_t>(bytes) << 8 |
                                          (channels - 1) << 16 | (draws - 1) << 24 |
                                          static_cast<uint32_t>(sums) << 28);
    for (unsigned lane = 0; lane < pe; lane++) {
        bench.write(BB_FPGA_SMALL_ADDRESS, lane << 16);
        for (unsigned channel = lane; channel < (channels + pe - 1) / pe * pe; channel += pe)
            for (unsigned k = 0; k < chunks; k++)
                bench.write(BB_FPGA_SMALL_WEIGHT, weights[channel * chunks + k] = bench.random());
    }
    const unsigned row = bench.below(rows - 1);
    for (unsigned draw = 0; draw < draws && !sums; draw++) {
        bench.write(BB_FPGA_SMALL_ADDRESS, (row + draw) * 64);
        for (unsigned channel = 0; channel < channels; channel++) {
            const int spread = static_cast<int>(chunks) * (bytes ? 500 : 8);
            const int threshold = static_cast<int>(bench.below(2 * spread + 1)) - spread;
            thresholds[draw * 64 + channel] = threshold;
            flags[draw * 64 + channel] = bench.below(4);
            bench.write(BB_FPGA_SMALL_BANK, (static_cast<uint32_t>(threshold) & 0x3fffffff) |
                                                flags[draw * 64 + channel] << 30);
        }
    }
    std::vector<uint64_t> expected(64, 0);
    for (unsigned job = 0; job < jobs; job++) {
        std::vector<uint32_t> bits(planes * chunks), mask(planes * chunks);
        while ((bench.read(BB_FPGA_SMALL_STATUS) >> 2 & 3) == 2) {
        }
        bench.write(BB_FPGA_SMALL_ADDRESS, 0);
        for (unsigned k = 0; k < planes * chunks; k++) {
            bench.write(BB_FPGA_SMALL_MASK, mask[k] = bench.below(3) ? ~0u : bench.random());
            bench.write(BB_FPGA_SMALL_WINDOW, bits[k] = bytes ? ~0u : bench.random());
        }
        bench.write(BB_FPGA_SMALL_JOB, row | static_cast<uint32_t>(job == 0) << 8 |
                                           static_cast<uint32_t>(job + 1 == jobs) << 9);
        for (unsigned channel = 0; channel < channels; channel++) {
            int32_t sum = 0;
            for (unsigned plane = 0; plane < planes; plane++) {
                sum *= 2;
                for (unsigned k = 0; k < chunks; k++) {
                    const uint32_t m = mask[plane * chunks + k];
                    sum += __builtin_popcount(m) -
                           2 * __builtin_popcount(
                                   (bits[plane * chunks + k] ^ weights[channel * chunks + k]) & m);
                }
            }
            if (sums)
                expected[channel] = static_cast<uint32_t>(sum);
            for (unsigned draw = 0; draw < draws && !sums; draw++) {
                const uint32_t flag = flags[draw * 64 + channel];
                const uint64_t bit = (sum >= thresholds[draw * 64 + channel]) ^ (flag & 1);
                uint64_t &word = expected[draw];
                const uint64_t old = word >> channel & 1;
                const uint64_t now = job == 0 ? bit : flag & 2 ? old & bit : old | bit;
                word = (word & ~(1ull << channel)) | now << channel;
            }
        }
    }
    for (unsigned i = 0; i < (sums ? channels : draws); i++) {
        uint32_t status = 0;
        while (!((status = bench.read(BB_FPGA_SMALL_STATUS)) & 1)) {
        }
        const uint64_t found =
            sums ? bench.read(BB_FPGA_SMALL_SUM)
                 : bench.read(BB_FPGA_SMALL_LOW) |
                       static_cast<uint64_t>(bench.read(BB_FPGA_SMALL_HIGH)) << 32;
        bench.write(BB_FPGA_SMALL_NEXT, 0);
        if (found != expected[i] || (status >> 4 & 63) != i) {
            std::printf("small: %s %u chunks %u channels %u draws %u jobs: word %u is %016llx, "
                        "expected %016llx\n", bytes ? "bytes" : "bits", chunks, channels, draws, jobs,
                        i, static_cast<unsigned long long>(found),
                        static_cast<unsigned long long>(expected[i]));
            return false;
        }
        n_bits += sums ? 1 : channels;
    }
    return true;
}

} // namespace

int main(int argc, char **argv)
{
    const uint64_t wanted = argc > 1 ? std::strtoull(argv[1], nullptr, 0) : 20000;
    const uint64_t seed = argc > 2 ? std::strtoull(argv[2], nullptr, 0) : 1;
    Bench bench(seed);
    bool good = true;
    while (good && n_bits < wanted)
        good = trial(bench);
    std::printf("bb_small: seed %llu, %llu output bits or sums: %s\n",
                static_cast<unsigned long long>(seed), static_cast<unsigned long long>(n_bits),
                good ? "equal" : "WRONG");
    return !good;
}
