/* SPDX-License-Identifier: MIT */
/* The protocol of fpga/rtl/bb_board.sv over a terminal device. */
#include "serial.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define ANSWER_MS 10000
#define QUIET_MS 100

typedef struct line {
    int file;
    size_t held;
    uint8_t out[4096];
} line;

static bool flush(line *l)
{
    for (size_t at = 0; at < l->held;) {
        const ssize_t n = write(l->file, l->out + at, l->held - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        at += (size_t)n;
    }
    l->held = 0;
    return true;
}

static bool hold(line *l, const uint8_t *bytes, size_t n)
{
    if (l->held + n > sizeof(l->out) && !flush(l))
        return false;
    memcpy(l->out + l->held, bytes, n);
    l->held += n;
    return true;
}

/* Bytes until there are n or nothing came for a while; how many. */
static size_t receive(line *l, uint8_t *bytes, size_t n, int wait_ms)
{
    size_t got = 0;
    while (got < n) {
        struct pollfd waiting = {.fd = l->file, .events = POLLIN};
        if (poll(&waiting, 1, wait_ms) <= 0)
            return got;
        const ssize_t some = read(l->file, bytes + got, n - got);
        if (some <= 0)
            return got;
        got += (size_t)some;
    }
    return got;
}

static bool write_register(void *context, uint32_t at, uint32_t value)
{
    const uint8_t bytes[5] = {(uint8_t)(0x80 | at), (uint8_t)value, (uint8_t)(value >> 8),
                              (uint8_t)(value >> 16), (uint8_t)(value >> 24)};
    return hold(context, bytes, sizeof(bytes));
}

static bool read_register(void *context, uint32_t at, uint32_t *value)
{
    line *l = context;
    const uint8_t command = (uint8_t)at;
    uint8_t bytes[4];
    if (!hold(l, &command, 1) || !flush(l) || receive(l, bytes, 4, ANSWER_MS) != 4) {
        fprintf(stderr, "serial: register 0x%02x: no answer\n", at);
        return false;
    }
    *value =
        bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
    return true;
}

static speed_t speed_of(unsigned baud)
{
    switch (baud) {
    case 115200:
        return B115200;
    case 230400:
        return B230400;
    case 460800:
        return B460800;
    case 500000:
        return B500000;
    case 921600:
        return B921600;
    case 1000000:
        return B1000000;
    case 2000000:
        return B2000000;
    case 3000000:
        return B3000000;
    default:
        return B0;
    }
}

static bool set_line(int file, unsigned baud)
{
    struct termios settings;
    if (speed_of(baud) == B0 || tcgetattr(file, &settings))
        return false;
    cfmakeraw(&settings);
    settings.c_cflag |= CLOCAL | CREAD;
    settings.c_cflag &= ~(tcflag_t)(CRTSCTS | CSTOPB);
    return !cfsetspeed(&settings, speed_of(baud)) && !tcsetattr(file, TCSANOW, &settings);
}

/* Ends a write that a reset or noise has begun, and takes what the zeros read. */
static bool begin(line *l)
{
    static const uint8_t zeros[8];
    uint8_t dropped[64];
    if (!hold(l, zeros, sizeof(zeros)) || !flush(l))
        return false;
    return receive(l, dropped, sizeof(dropped), QUIET_MS) >= 4;
}

bool bb_serial_open(bb_small_port *port, const char *path, unsigned baud)
{
    line *l = calloc(1, sizeof(*l));
    if (!l)
        return false;
    l->file = open(path, O_RDWR | O_NOCTTY);
    *port = (bb_small_port){write_register, read_register, l};
    if (l->file >= 0 && set_line(l->file, baud) && begin(l))
        return true;
    fprintf(stderr, "%s: %s\n", path,
            l->file < 0            ? strerror(errno)
            : speed_of(baud) == B0 ? "not a speed of serial lines"
                                   : "no board answers as bb_board does");
    bb_serial_close(port);
    return false;
}

void bb_serial_close(bb_small_port *port)
{
    line *l = port->context;
    if (l->file >= 0)
        close(l->file);
    free(l);
}
