/* SPDX-License-Identifier: MIT */
/* The register page of bb_board at the other end of a serial line. */
#ifndef BITBAYES_FPGA_SERIAL_H
#define BITBAYES_FPGA_SERIAL_H

#include "small.h"

/* Opens a terminal device at `baud` and brings the board to the start of a command. On failure
 * false, and one line on standard error that names the device. */
bool bb_serial_open(bb_small_port *port, const char *path, unsigned baud);
void bb_serial_close(bb_small_port *port);

#endif
