/* SPDX-License-Identifier: MIT */
/** @file device.h  Devices: what this machine has, and how one is named. */
#ifndef BITBAYES_DEVICE_H
#define BITBAYES_DEVICE_H

#include <bitbayes/context.h>
#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * One device. Texts are owned by the list.
 *
 * Devices are named by `P:D` (platforms that have devices, sorted by name and version; devices by
 * type in the order below and then in the platform's order: stable as long as the drivers stay), by a
 * part of the name in any case, or by type (cpu, gpu, accelerator, custom). "ref" is the plain C reference and never
 * a silent fallback.
 */
typedef struct bb_device_info {
    char id[24];               /**< "0:1", or "ref" */
    const char *name;
    const char *platform;      /**< name and version of the platform */
    const char *driver;        /**< driver version */
    const char *type;          /**< "cpu", "gpu", "accelerator", "custom", "reference" */
    const char *version;       /**< OpenCL C version text */
    char pci[16];              /**< "0000:3b:00.0"; "" where the driver does not tell */
    bool image_only;           /**< has no compiler: needs an offline binary, or built-in kernels */
    bool available;            /**< has a compiler or takes binaries, and says it is available */
    uint32_t compute_units;
    uint64_t global_bytes;     /**< global memory */
    uint64_t largest_buffer_bytes;
    uint64_t cache_bytes;      /**< of the cache of global memory; 0: none, or not told */
    uint64_t local_bytes;
    uint64_t max_work_group;
    const char *popcount;      /**< the popcount path that kernels will use: "portable", "x86 vpopcntq", ... */
    const char *popcount_why;  /**< why */
} bb_device_info;

typedef struct bb_device_list bb_device_list;

/** List every OpenCL device of the machine (CPU, GPU, ACCELERATOR and CUSTOM are asked for
 * explicitly) and, last, "ref". No platform at all is not an error: the list then holds "ref" only.
 * Free with bb_device_list_free(). BB_OK, BB_MEMORY, BB_DEVICE. */
bb_status bb_device_list_create(bb_device_list **out, bb_context *context);
uint32_t bb_device_list_count(const bb_device_list *list);
/** Borrowed. The first look at a CPU device runs a small kernel, to fill in the popcount path. */
const bb_device_info *bb_device_list_get(const bb_device_list *list, uint32_t index);
/** Platforms that the loader offers, whether or not they have devices; names borrowed from the list. */
uint32_t bb_device_list_platform_count(const bb_device_list *list);
const char *bb_device_list_platform(const bb_device_list *list, uint32_t index);
void bb_device_list_free(bb_device_list *list); /**< takes NULL */

/** Resolve a device text to its index in the list; NULL means the first available OpenCL device, a type
 * the first available device of that type.
 * BB_NO_DEVICE (the text lists what there is), BB_ARGUMENT when a name part fits several devices. */
bb_status bb_device_find(const bb_device_list *list, bb_context *context, const char *text, uint32_t *index);

/** How kernels are chosen and programs built. NULL members mean the default. */
typedef struct bb_device_options {
    const char *variants;     /**< comma list of variant names; only these may be chosen (tests). NAME:SET:LAUNCH asks
                                   for one set of tunables and one launch, as the texts of bb_engine_variant() show */
    const char *popcount;     /**< force a popcount path: "portable", "avx2", "x86" (error if the device lacks it) */
    const char *image;        /**< file with an offline program binary for the device, instead of sources */
    const char *cache_folder; /**< of built programs; NULL: $BITBAYES_CACHE, else $XDG_CACHE_HOME/bitbayes,
                                   else ~/.cache/bitbayes; "" switches caching off */
    const char *tune;         /**< trial runs of kernels: "off": chosen by rule; "cached": what an earlier trial found,
                                   else by rule; "quick": the likely candidates, for at most 2 s, kept for later;
                                   "full": all candidates; NULL: "cached". The results are the same bits. Nothing
                                   is tried with an image or on an FPGA engine: there is one kernel */
} bb_device_options;

/** The folder that NULL above resolves to, "" if none; `out` owned by the caller (bb_allocator of the context). */
bb_status bb_device_cache_folder(char **out, bb_context *context);

#ifdef __cplusplus
}
#endif
#endif
