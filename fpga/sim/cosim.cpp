// SPDX-License-Identifier: MIT
// The Verilated engine beside bb_reference_stage: random runs over a memory that stalls at random,
// or answers with fixed latency (then the cycle counter must equal the model's).
#include "bench.h"
#include "case.h"

#include <ctime>
#include <memory>

namespace {

const fpga_case *current;

const char *text_of_current()
{
    return current ? current->text[current->n_calls - 1] : "";
}

struct Totals {
    uint64_t shapes, bits, cycles, refusals;
};

fpga_parameters read_parameters(Bench &bench)
{
    if (bench.read(BB_FPGA_MAGIC) != BB_FPGA_MAGIC_NUMBER)
        broken("the magic register");
    return {bench.read(BB_FPGA_PE), bench.read(BB_FPGA_SIMD), bench.read(BB_FPGA_WINDOW),
            bench.read(BB_FPGA_WEIGHTS), bench.read(BB_FPGA_INPUT), bench.read(BB_FPGA_MASKS),
            bench.read(BB_FPGA_ROWS), bench.read(BB_FPGA_DRAWS), bench.read(BB_FPGA_BORDER)};
}

void begin(Bench &bench, const fpga_case &it, uint64_t *words)
{
    std::memcpy(words, it.arena, it.n_words * 8);
    current = &it;
    bench.memory(words, it.n_words);
    bench.write(BB_FPGA_MEMORY_LOW, static_cast<uint32_t>(base));
    bench.write(BB_FPGA_MEMORY_HIGH, static_cast<uint32_t>(base >> 32));
    bench.write(BB_FPGA_CALLS, it.calls);
    bench.write(BB_FPGA_N_CALLS, it.n_calls);
    bench.write(BB_FPGA_GLOBAL_IRQ, 1);
    bench.write(BB_FPGA_IRQ_ENABLE, 1);
    bench.write(BB_FPGA_CONTROL, 1);
    bench.wait(50000000);
    if (!bench.interrupt())
        broken("no interrupt at the end");
    bench.write(BB_FPGA_IRQ_STATUS, 1);
    if (bench.interrupt() || (bench.read(BB_FPGA_CONTROL) & 7) != 4)
        broken("the interrupt or ap_done stays, or ap_idle is not there");
}

// One run; false if anything is not as expected.
bool run(Bench &bench, const fpga_case &it, bool fixed, Totals &totals)
{
    std::unique_ptr<uint64_t[]> words(new uint64_t[it.n_words]);
    begin(bench, it, words.get());
    const uint32_t error = bench.read(BB_FPGA_ERROR), call = bench.read(BB_FPGA_CALL);
    const uint64_t cycles = bench.read(BB_FPGA_CYCLES_LOW) |
                            static_cast<uint64_t>(bench.read(BB_FPGA_CYCLES_HIGH)) << 32;
    totals.cycles += cycles;
    totals.bits += it.n_bits;
    totals.shapes += it.n_calls;
    if (error != it.error || call != it.error_call) {
        std::printf("found error %u in call %u, expected %u in call %u (%s)\n", error, call, it.error,
                    it.error_call, it.text[it.error_call < it.n_calls ? it.error_call : 0]);
        return false;
    }
    totals.refusals += error != 0;
    const char *difference = fpga_case_compare(&it, words.get());
    if (*difference) {
        std::printf("%s\n", difference);
        return false;
    }
    if (fixed && !error && cycles != it.cycles) {
        std::printf("%llu cycles, %llu by the model (%s; %u calls)\n",
                    static_cast<unsigned long long>(cycles),
                    static_cast<unsigned long long>(it.cycles), it.text[0], it.n_calls);
        return false;
    }
    return true;
}

// Memory that answers with errors: the run ends and says so, and the next one is right again.
bool run_on_bad_memory(Bench &bench, const fpga_parameters &parameters, uint64_t seed, uint32_t latency,
                       Totals &totals)
{
    fpga_case it;
    do { // one that writes something
        fpga_case_make(&it, &parameters, ++seed, 0, 0, latency);
        if (!it.n_bits)
            fpga_case_free(&it);
    } while (!it.n_bits);
    std::unique_ptr<uint64_t[]> words(new uint64_t[it.n_words]);
    bool good = true;
    for (const bool reads : {true, false}) {
        bench.fail(reads, !reads);
        begin(bench, it, words.get());
        const uint32_t error = bench.read(BB_FPGA_ERROR);
        if (error != BB_FPGA_ERROR_BUS)
            std::printf("found error %u of a memory that fails, expected %u\n", error,
                        BB_FPGA_ERROR_BUS);
        good = good && error == BB_FPGA_ERROR_BUS;
    }
    bench.fail(false, false);
    good = good && run(bench, it, latency != 0, totals);
    fpga_case_free(&it);
    return good;
}

int check(int argc, char **argv)
{
    const uint64_t n_shapes = argc > 1 ? std::strtoull(argv[1], nullptr, 0) : 70;
    const uint64_t n_bits = argc > 2 ? std::strtoull(argv[2], nullptr, 0) : 0;
    const uint64_t seed = argc > 3 ? std::strtoull(argv[3], nullptr, 0) : 1;
    const uint32_t latency = argc > 4 ? static_cast<uint32_t>(std::strtoul(argv[4], nullptr, 0)) : 0;
    const uint32_t size = argc > 5 ? static_cast<uint32_t>(std::strtoul(argv[5], nullptr, 0)) : 1;
    Verilated::randReset(2);
    Bench bench(latency, seed);
    const fpga_parameters parameters = read_parameters(bench);
    Totals totals = {};
    uint64_t wrong = 0;
    const clock_t start = clock();
    for (uint64_t i = 0; totals.shapes < n_shapes || totals.bits < n_bits; i++) {
        fpga_case it;
        const uint32_t kind = i % 8 == 7 ? static_cast<uint32_t>(1 + i / 8 % 16) : 0;
        fpga_case_make(&it, &parameters, seed * 1000003 + i, size, kind, latency);
        wrong += !run(bench, it, latency != 0, totals);
        if (wrong)
            std::printf("case %llu of seed %llu\n", static_cast<unsigned long long>(i),
                        static_cast<unsigned long long>(seed));
        fpga_case_free(&it);
        if (wrong)
            break;
    }
    wrong += !wrong && !run_on_bad_memory(bench, parameters, seed, latency, totals);
    const double seconds = static_cast<double>(clock() - start) / CLOCKS_PER_SEC;
    std::printf("PE %u SIMD %u %s: seed %llu, %llu shapes, %llu output bits or sums, %llu refusals, "
                "%llu cycles, %.1f s: %s\n",
                parameters.pe, parameters.simd, latency ? "fixed latency" : "random stalls",
                static_cast<unsigned long long>(seed), static_cast<unsigned long long>(totals.shapes),
                static_cast<unsigned long long>(totals.bits),
                static_cast<unsigned long long>(totals.refusals),
                static_cast<unsigned long long>(totals.cycles), seconds, wrong ? "WRONG" : "equal");
    return wrong != 0;
}

} // namespace

// cosim [shapes [bits [seed [latency [size]]]]]: stops when both counts are reached
int main(int argc, char **argv)
{
    try {
        return check(argc, argv);
    } catch (const Broken &reason) {
        std::printf("%s\ncosim: %s\n", text_of_current(), reason.what());
        return 1;
    }
}
