/* SPDX-License-Identifier: MIT */
/* What the device stands on: the control page of one engine, and memory that the engine sees. */
#ifndef BITBAYES_FPGA_PORT_H
#define BITBAYES_FPGA_PORT_H

#ifdef __cplusplus
extern "C" {
#endif

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Memory that host and engine share, as each of them addresses it. */
typedef struct port_memory {
    uint8_t *bytes;
    size_t size;
    uint64_t address; /* the engine's, on a 4 KiB page */
} port_memory;

/* Functions that can fail write a sentence to `why`. */
typedef struct port {
    const char *kind;  /* of images: "sim", "hw" */
    const char *board; /* default name of the device in strict mode */
    uint32_t latency;  /* clocks from an address to its word, where that is fixed; else 0 */
    bool (*open)(port_memory *memory, char *why, size_t why_size);
    uint32_t (*read)(uint32_t at); /* a register, byte offset */
    void (*write)(uint32_t at, uint32_t value);
    bool (*wait)(char *why, size_t why_size); /* until CONTROL says done */
} port;

extern const port port_sim, port_uio;

#ifdef __cplusplus
}
#endif
#endif
