// SPDX-License-Identifier: MIT
// The Verilated engine with both its AXI ports: a driver of the control page, and a memory that stalls
// at random or answers with fixed latency. Broken bus rules throw.
#ifndef BITBAYES_FPGA_BENCH_H
#define BITBAYES_FPGA_BENCH_H

#include "Vbb_engine.h"
#include "fpga/regs/bb_regs.h"
#include "verilated.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <stdexcept>
#include <utility>

namespace {

constexpr uint64_t base = 0x123456000ull; // of the arena: above 4 GiB, on a page as model.h wants it

struct Random {
    uint64_t state;
    uint32_t operator()()
    {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        return static_cast<uint32_t>(state >> 32);
    }
};

struct Broken : std::runtime_error {
    using std::runtime_error::runtime_error;
};

[[noreturn]] inline void broken(const char *what)
{
    throw Broken(what);
}

// Both AXI ports of the engine. latency 0: random stalls.
class Bench {
public:
    Bench(uint32_t latency, uint64_t seed) : latency_(latency), random_{seed | 1}
    {
        top_.s_axi_control_awvalid = top_.s_axi_control_wvalid = top_.s_axi_control_bready = 0;
        top_.s_axi_control_arvalid = top_.s_axi_control_rready = 0;
        top_.m_axi_rvalid = top_.m_axi_bvalid = 0;
        top_.ap_rst_n = 0;
        clock(4);
        top_.ap_rst_n = 1;
        clock(2);
    }

    bool interrupt() const { return top_.__SYM__interrupt; /* Verilator's name for it */ }
    void memory(uint64_t *words, size_t n) { words_ = words, n_words_ = n; }

    void write(uint32_t at, uint32_t value)
    {
        top_.s_axi_control_awaddr = at;
        top_.s_axi_control_wdata = value;
        top_.s_axi_control_wstrb = 15;
        for (bool aw = false, w = false, started = false; !started;) {
            aw = aw || go();
            w = w || go();
            top_.s_axi_control_awvalid = aw;
            top_.s_axi_control_wvalid = w;
            top_.eval();
            started = aw && w && top_.s_axi_control_awready && top_.s_axi_control_wready;
            clock();
        }
        top_.s_axi_control_awvalid = top_.s_axi_control_wvalid = 0;
        for (bool done = false; !done;) {
            top_.s_axi_control_bready = go();
            top_.eval();
            done = top_.s_axi_control_bready && top_.s_axi_control_bvalid;
            clock();
        }
        top_.s_axi_control_bready = 0;
    }

    uint32_t read(uint32_t at)
    {
        top_.s_axi_control_araddr = at;
        for (bool done = false; !done;) {
            top_.s_axi_control_arvalid = top_.s_axi_control_arvalid || go();
            top_.eval();
            done = top_.s_axi_control_arvalid && top_.s_axi_control_arready;
            clock();
        }
        top_.s_axi_control_arvalid = 0;
        uint32_t value = 0;
        for (bool done = false; !done;) {
            top_.s_axi_control_rready = go();
            top_.eval();
            done = top_.s_axi_control_rready && top_.s_axi_control_rvalid;
            value = top_.s_axi_control_rdata;
            clock();
        }
        top_.s_axi_control_rready = 0;
        return value;
    }

    void wait(uint64_t limit)
    {
        for (const uint64_t end = clocks_ + limit; clocks_ < end;) {
            clock(64);
            if (read(BB_FPGA_CONTROL) & 2)
                return;
        }
        broken("the engine does not end");
    }

    void fail(bool reads, bool writes) { fail_reads_ = reads, fail_writes_ = writes; }

private:
    struct Burst {
        uint64_t word;
        uint32_t beats;
        uint64_t ready;
    };

    bool go() { return latency_ || (random_() & 3) != 0; }
    bool stall() { return !latency_ && random_() % 5 < stalls_; }

    uint64_t word_of(uint64_t address)
    {
        if (address < base || address % 8 || (address - base) / 8 >= n_words_)
            broken("address outside the arena");
        return (address - base) / 8;
    }

    void clock(int n = 1)
    {
        while (n--)
            tick();
    }

    // a clock is: what the memory offers, the rising edge, what was taken
    void tick()
    {
        if (!latency_ && random_() % 64 == 0)
            stalls_ = random_() % 5; // calm and busy times
        top_.m_axi_arready = !stall() && bursts_.size() < 2;
        top_.m_axi_awready = !stall() && write_addresses_.size() < 3;
        top_.m_axi_wready = !stall() && write_data_.size() < 3;
        if (!top_.m_axi_rvalid)
            top_.m_axi_rvalid = !bursts_.empty() && clocks_ >= bursts_.front().ready && !stall();
        top_.m_axi_bresp = fail_writes_ ? 2 : 0;
        if (top_.m_axi_rvalid && !bursts_.empty()) {
            top_.m_axi_rdata = words_[bursts_.front().word];
            top_.m_axi_rlast = bursts_.front().beats == 1;
            top_.m_axi_rresp = fail_reads_ ? 2 : 0;
        } else {
            top_.m_axi_rdata = 0xdeadbeefdeadbeefull;
        }
        if (!top_.m_axi_bvalid)
            top_.m_axi_bvalid = !answers_.empty() && clocks_ >= answers_.front() && !stall();
        top_.ap_clk = 0;
        top_.eval();
        const bool live = top_.ap_rst_n; // registers hold anything before the reset
        const bool ar = live && top_.m_axi_arvalid && top_.m_axi_arready;
        const bool aw = live && top_.m_axi_awvalid && top_.m_axi_awready;
        const bool w = live && top_.m_axi_wvalid && top_.m_axi_wready;
        const bool r = live && top_.m_axi_rvalid && top_.m_axi_rready;
        const bool b = live && top_.m_axi_bvalid && top_.m_axi_bready;
        if (ar) {
            const uint32_t beats = top_.m_axi_arlen + 1;
            if ((top_.m_axi_araddr & 4095) + beats * 8 > 4096)
                broken("a burst crosses 4 KiB");
            const uint64_t word = word_of(top_.m_axi_araddr);
            word_of(top_.m_axi_araddr + (beats - 1) * 8);
            bursts_.push_back({word, beats, clocks_ + (latency_ ? latency_ : 1 + random_() % 20)});
        }
        if (r) {
            bursts_.front().word++;
            if (--bursts_.front().beats == 0)
                bursts_.pop_front();
        }
        if (aw)
            write_addresses_.push_back(word_of(top_.m_axi_awaddr));
        if (w)
            write_data_.push_back({top_.m_axi_wdata, top_.m_axi_wstrb});
        if (!write_addresses_.empty() && !write_data_.empty()) {
            uint64_t &word = words_[write_addresses_.front()];
            for (int i = 0; i < 8; i++)
                if (write_data_.front().second >> i & 1)
                    word = (word & ~(0xffull << 8 * i)) |
                           (write_data_.front().first & 0xffull << 8 * i);
            write_addresses_.pop_front();
            write_data_.pop_front();
            answers_.push_back(clocks_ + (latency_ ? latency_ : 1 + random_() % 20));
        }
        if (b)
            answers_.pop_front();
        const bool keep_ar = live && top_.m_axi_arvalid && !ar;
        const bool keep_aw = live && top_.m_axi_awvalid && !aw;
        const uint64_t old_ar = top_.m_axi_araddr, old_aw = top_.m_axi_awaddr;
        top_.ap_clk = 1;
        top_.eval();
        if ((keep_ar && (!top_.m_axi_arvalid || top_.m_axi_araddr != old_ar)) ||
            (keep_aw && (!top_.m_axi_awvalid || top_.m_axi_awaddr != old_aw)))
            broken("an address was withdrawn");
        if (r)
            top_.m_axi_rvalid = 0;
        if (b)
            top_.m_axi_bvalid = 0;
        clocks_++;
    }

    Vbb_engine top_;
    uint32_t latency_, stalls_ = 0;
    Random random_;
    uint64_t *words_ = nullptr;
    size_t n_words_ = 0;
    uint64_t clocks_ = 0;
    bool fail_reads_ = false, fail_writes_ = false;
    std::deque<Burst> bursts_;
    std::deque<uint64_t> write_addresses_, answers_;
    std::deque<std::pair<uint64_t, uint8_t>> write_data_;
};

} // namespace

#endif
