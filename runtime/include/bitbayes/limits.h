/* SPDX-License-Identifier: MIT */
/** @file limits.h  What a device was last measured to be able to do; kept in the cache folder. */
#ifndef BITBAYES_LIMITS_H
#define BITBAYES_LIMITS_H

#include <bitbayes/device.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Medians of the last `bitbayes bench` run on a device. */
typedef struct bb_device_limits {
    char popcount[24];      /**< the popcount path: "x86", "avx2", "portable" */
    double operations_rate; /**< binary operations (2 per bit: XOR and count) per second, in
                               registers */
    double bytes_rate;      /**< bytes per second, streamed through memory */
    double launch_seconds;  /**< from enqueuing an empty kernel until it is waited for */
    char date[32];          /**< of the measurement, UTC, ISO 8601 */
} bb_device_limits;

/**
 * Read what was stored for a device, told by platform, name and driver.
 *
 * @param found         Receives false where nothing (or nothing readable) is stored: no error.
 * @param cache_folder  As in bb_device_options.
 * @return BB_OK, BB_MEMORY
 */
bb_status bb_device_limits_load(bb_device_limits *out, bool *found, bb_context *context,
                                const bb_device_info *device, const char *cache_folder);

/** Store them. Without a cache folder nothing is stored and nothing is wrong. BB_OK, BB_OUTPUT,
 * BB_MEMORY. */
bb_status bb_device_limits_store(const bb_device_limits *limits, bb_context *context,
                                 const bb_device_info *device, const char *cache_folder);

#ifdef __cplusplus
}
#endif
#endif
