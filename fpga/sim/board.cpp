// SPDX-License-Identifier: MIT
// bb_board in simulation at the end of a pseudo-terminal: board_sim PROGRAM [ARGUMENT...] starts PROGRAM with
// the terminal's name before the arguments, plays the serial line until it ends, and returns its status.
#include "Vbb_board.h"
#include "verilated.h"

#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <vector>

namespace {

constexpr int clocks = CLOCKS; // of one bit, as the top was built

class Line {
public:
    Line() { top_.rx = 1; }

    uint64_t n_clocks() const { return n_clocks_; }

    void send(uint8_t byte)
    {
        bit(false);
        for (int i = 0; i < 8; i++)
            bit(byte >> i & 1);
        bit(true);
    }

    void bit(bool value)
    {
        top_.rx = value;
        for (int i = 0; i < clocks; i++)
            clock();
    }

    std::vector<uint8_t> received;

private:
    void clock()
    {
        top_.clk = 0;
        top_.eval();
        top_.clk = 1;
        top_.eval();
        n_clocks_++;
        if (wait_ < 0) {
            if (!top_.tx && n_clocks_ > 32)
                wait_ = clocks / 2 - 1, n_bits_ = 0;
        } else if (wait_-- == 0) {
            wait_ = clocks - 1;
            if (n_bits_ > 0 && n_bits_ < 9)
                byte_ = static_cast<uint8_t>(byte_ >> 1 | top_.tx << 7);
            if (n_bits_++ == 9) {
                if (!top_.tx) {
                    std::fprintf(stderr, "board_sim: a byte without its stop bit\n");
                    std::exit(1);
                }
                received.push_back(byte_);
                wait_ = -1;
            }
        }
    }
    Vbb_board top_;
    uint64_t n_clocks_ = 0;
    int wait_ = -1, n_bits_ = 0;
    uint8_t byte_ = 0;
};

[[noreturn]] void fail(const char *what)
{
    std::perror(what);
    std::exit(1);
}

} // namespace

int main(int argc, char **argv)
{
    const int master = posix_openpt(O_RDWR | O_NOCTTY);
    if (argc < 2 || master < 0 || grantpt(master) || unlockpt(master))
        fail("board_sim: pseudo-terminal");
    const char *const name = ptsname(master);
    const int held = open(name, O_RDWR | O_NOCTTY); // or the line would hang up before the program opens it
    termios raw;
    tcgetattr(held, &raw);
    cfmakeraw(&raw);
    tcsetattr(held, TCSANOW, &raw);
    const pid_t child = fork();
    if (child < 0)
        fail("board_sim: fork");
    if (child == 0) {
        std::vector<char *> words = {argv[1], const_cast<char *>(name)};
        words.insert(words.end(), argv + 2, argv + argc + 1);
        execv(argv[1], words.data());
        fail(argv[1]);
    }
    fcntl(master, F_SETFL, O_NONBLOCK);
    Verilated::randReset(0); // what a configuration leaves
    Line line;
    int status = 0;
    while (waitpid(child, &status, WNOHANG) == 0) {
        pollfd waiting = {master, POLLIN, 0}; // an idle line need not be simulated in full
        poll(&waiting, 1, 1);
        uint8_t bytes[512];
        const ssize_t n = read(master, bytes, sizeof(bytes));
        for (ssize_t i = 0; i < n; i++)
            line.send(bytes[i]);
        for (int i = 0; i < 8; i++)
            line.bit(true);
        for (size_t at = 0; at < line.received.size();) {
            const ssize_t some = write(master, line.received.data() + at, line.received.size() - at);
            at += some > 0 ? static_cast<size_t>(some) : 0;
        }
        line.received.clear();
    }
    std::printf("board_sim: %.1f million clocks, %d a bit\n", static_cast<double>(line.n_clocks()) / 1e6, clocks);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
