/* SPDX-License-Identifier: MIT */
/*
 * The device on a Zynq-class board, through Linux's userspace I/O: map 0 of the UIO device is the
 * control page, map 1 memory that the engine's AXI master reaches, uncached or coherent. The fabric
 * must hold the engine already. Tested with a file in place of the device (standin.cpp); never run on
 * a board.
 *   BITBAYES_FPGA_UIO       the device, default /dev/uio0
 *   BITBAYES_FPGA_UIO_MAPS  where map0/, map1/ with addr and size stand; default in /sys/class/uio
 *   BITBAYES_FPGA_TIMEOUT   seconds that one run may take, default 60
 */
#include "fpga/regs/bb_regs.h"
#include "port.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static volatile uint32_t *page;

static const char *setting(const char *name, const char *default_text)
{
    const char *text = getenv(name);
    return text && *text ? text : default_text;
}

/* A number that sysfs shows as 0x... */
static bool read_number(uint64_t *out, const char *device, int map, const char *what, char *why,
                        size_t why_size)
{
    char path[512];
    const char *slash = strrchr(device, '/'), *folder = setting("BITBAYES_FPGA_UIO_MAPS", NULL);
    if (folder)
        snprintf(path, sizeof(path), "%.400s/map%d/%s", folder, map, what);
    else
        snprintf(path, sizeof(path), "/sys/class/uio/%.200s/maps/map%d/%s",
                 slash ? slash + 1 : device, map, what);
    char text[64] = "", *end = text;
    FILE *file = fopen(path, "r");
    if (file && fgets(text, sizeof(text), file))
        *out = strtoull(text, &end, 0);
    if (file)
        fclose(file);
    if (end == text)
        snprintf(why, why_size, "%.120s: no number", path);
    return end != text;
}

static void *map(int file, const char *device, int number, uint64_t size, char *why,
                 size_t why_size)
{
    /* UIO counts maps in pages of the offset */
    void *mapped =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, number * sysconf(_SC_PAGESIZE));
    if (mapped != MAP_FAILED)
        return mapped;
    snprintf(why, why_size, "%.60s: map %d of %llu bytes: %s", device, number,
             (unsigned long long)size, strerror(errno));
    return NULL;
}

static bool open_device(port_memory *memory, char *why, size_t why_size)
{
    const char *device = setting("BITBAYES_FPGA_UIO", "/dev/uio0");
    uint64_t page_size, size;
    const int file = open(device, O_RDWR | O_SYNC | O_CLOEXEC);
    if (file < 0) {
        snprintf(why, why_size, "%.60s: %s", device, strerror(errno));
        return false;
    }
    bool good = read_number(&page_size, device, 0, "size", why, why_size) &&
                read_number(&size, device, 1, "size", why, why_size) &&
                read_number(&memory->address, device, 1, "addr", why, why_size);
    if (good && (page_size < BB_FPGA_BORDER + 4 || memory->address % 4096)) {
        snprintf(why, why_size,
                 "%.60s: map 0 has %llu bytes, map 1 begins at 0x%llx; expected a "
                 "page of registers and memory on a page",
                 device, (unsigned long long)page_size, (unsigned long long)memory->address);
        good = false;
    }
    if (good) {
        page = map(file, device, 0, page_size, why, why_size);
        memory->bytes = page ? map(file, device, 1, size, why, why_size) : NULL;
        memory->size = size;
        good = memory->bytes != NULL;
    }
    close(file); /* the maps stay */
    return good;
}

static uint32_t read_register(uint32_t at)
{
    return page[at / 4];
}

static void write_register(uint32_t at, uint32_t value)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST); /* the memory before the start */
    page[at / 4] = value;
}

static bool wait_done(char *why, size_t why_size)
{
    const double limit = strtod(setting("BITBAYES_FPGA_TIMEOUT", "60"), NULL);
    const struct timespec pause = {0, 50000};
    struct timespec begun, now;
    clock_gettime(CLOCK_MONOTONIC, &begun);
    while (!(read_register(BB_FPGA_CONTROL) & 2)) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        if ((double)(now.tv_sec - begun.tv_sec) > limit) {
            snprintf(why, why_size, "the engine does not end within %g s: CONTROL is 0x%x, CALL %u",
                     limit, read_register(BB_FPGA_CONTROL), read_register(BB_FPGA_CALL));
            return false;
        }
        nanosleep(&pause, NULL);
    }
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return true;
}

const port port_uio = {"hw",          "bitbayes-uio", 0,        open_device,
                       read_register, write_register, wait_done};
