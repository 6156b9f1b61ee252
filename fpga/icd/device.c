/* SPDX-License-Identifier: MIT */
/* The device: what it is, and what it says of itself in either mode. */
#include "icd.h"

#include <stdlib.h>
#include <string.h>

#ifndef ICD_SIM
#define ICD_SIM 0
#endif

static struct _cl_device_id device;

static const char *setting(const char *name, const char *default_text)
{
    const char *text = getenv(name);
    return text && *text ? text : default_text;
}

static bool choose_port(char *why, size_t size)
{
    const char *text = setting("BITBAYES_FPGA_PORT", ICD_SIM ? "sim" : "uio");
#if ICD_SIM
    if (strcmp(text, "sim") == 0)
        device.port = &port_sim;
#endif
    if (strcmp(text, "uio") == 0)
        device.port = &port_uio;
    if (!device.port)
        snprintf(why, size, "BITBAYES_FPGA_PORT is '%s', expected %suio", text,
                 ICD_SIM ? "sim or " : "");
    return device.port != NULL;
}

static bool read_engine(bb_fpga_engine *e, char *why, size_t size)
{
    uint32_t (*const read)(uint32_t) = device.port->read;
    const uint32_t magic = read(BB_FPGA_MAGIC);
    if (magic != BB_FPGA_MAGIC_NUMBER) {
        snprintf(why, size, "no engine: register MAGIC is 0x%08x, expected 0x%08x", magic,
                 BB_FPGA_MAGIC_NUMBER);
        return false;
    }
    *e = (bb_fpga_engine){read(BB_FPGA_PE),      read(BB_FPGA_SIMD),  read(BB_FPGA_WINDOW),
                          read(BB_FPGA_WEIGHTS), read(BB_FPGA_INPUT), read(BB_FPGA_MASKS),
                          read(BB_FPGA_ROWS),    read(BB_FPGA_DRAWS), read(BB_FPGA_BORDER)};
    return true;
}

static bool open_port(char *why, size_t size)
{
    const char *mode = setting("BITBAYES_FPGA_MODE", "custom");
    device.strict = strcmp(mode, "strict") == 0;
    if (!device.strict && strcmp(mode, "custom") != 0) {
        snprintf(why, size, "BITBAYES_FPGA_MODE is '%s', expected custom or strict", mode);
        return false;
    }
    if (!choose_port(why, size))
        return false;
    snprintf(device.image.kind, sizeof(device.image.kind), "%s", device.port->kind);
    snprintf(device.image.board, sizeof(device.image.board), "%s",
             setting("BITBAYES_FPGA_BOARD", device.port->board));
    return device.port->open(&device.memory, why, size) &&
           read_engine(&device.image.engine, why, size);
}

static void open_device(void)
{
    char why[160];
    device.dispatch = &icd_dispatch;
    device.mhz = (cl_uint)strtoul(setting("BITBAYES_FPGA_MHZ", "100"), NULL, 10);
    if (device.mhz == 0 || device.mhz > 1000)
        device.mhz = 100;
    device.available = open_port(why, sizeof(why));
    bb_fpga_engine_name(device.kernel, &device.image.engine);
    const char *board = *device.image.board ? device.image.board : "bitbayes engine";
    if (!device.available)
        snprintf(device.name, sizeof(device.name), "%s (%s)", board, why);
    else if (device.strict)
        snprintf(device.name, sizeof(device.name), "%s", board);
    else
        snprintf(device.name, sizeof(device.name), "%s, PE %u, SIMD %u", board,
                 device.image.engine.pe, device.image.engine.simd);
}

cl_device_id icd_device(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, open_device);
    return &device;
}

cl_int icd_GetDeviceIDs(cl_platform_id platform, cl_device_type type, cl_uint n, cl_device_id *out,
                        cl_uint *n_out)
{
    if (platform != &icd_platform)
        return CL_INVALID_PLATFORM;
    if ((out && !n) || (!out && !n_out))
        return CL_INVALID_VALUE;
    const cl_device_type own =
        icd_device()->strict ? CL_DEVICE_TYPE_ACCELERATOR : CL_DEVICE_TYPE_CUSTOM;
    const cl_device_type fits = own | CL_DEVICE_TYPE_DEFAULT; /* ALL has no bit of CUSTOM */
    const bool all = type == CL_DEVICE_TYPE_ALL && own == CL_DEVICE_TYPE_ACCELERATOR;
    if (!all && (type == CL_DEVICE_TYPE_ALL || !(type & fits)))
        return CL_DEVICE_NOT_FOUND;
    if (out)
        *out = icd_device();
    if (n_out)
        *n_out = 1;
    return CL_SUCCESS;
}

cl_int icd_RetainDevice(cl_device_id id)
{
    return id == &device ? CL_SUCCESS : CL_INVALID_DEVICE;
}

cl_int icd_ReleaseDevice(cl_device_id id)
{
    return id == &device ? CL_SUCCESS : CL_INVALID_DEVICE;
}

/* A text of the device, or NULL. */
static const char *text_of(cl_device_info what)
{
    switch (what) {
    case CL_DEVICE_NAME:
        return device.name;
    case CL_DEVICE_VENDOR:
        return "bitbayes";
    case CL_DRIVER_VERSION:
        return "1.0";
    case CL_DEVICE_PROFILE:
        return "EMBEDDED_PROFILE";
    case CL_DEVICE_VERSION:
        return device.strict ? "OpenCL 1.0" : "OpenCL 1.2";
    case CL_DEVICE_OPENCL_C_VERSION:
        return device.strict ? "OpenCL C 1.0" : ""; /* a custom device has no OpenCL C */
    case CL_DEVICE_BUILT_IN_KERNELS:
        return device.strict || !device.available ? "" : device.kernel;
    case CL_DEVICE_EXTENSIONS:
        return "";
    default:
        return NULL;
    }
}

/* Numbers, each with its size. Strict mode has limits that no program may size anything from. */
static cl_int answer_number(cl_device_info what, size_t room, void *out, size_t *size_out)
{
    const size_t u32 = sizeof(cl_uint), u64 = sizeof(cl_ulong), size = sizeof(size_t);
    const cl_ulong memory = device.memory.size;
    const struct {
        cl_device_info what;
        size_t size;
        cl_ulong value;
    } rows[] = {
        {CL_DEVICE_TYPE, u64, device.strict ? CL_DEVICE_TYPE_ACCELERATOR : CL_DEVICE_TYPE_CUSTOM},
        {CL_DEVICE_MAX_COMPUTE_UNITS, u32, !device.strict},
        {CL_DEVICE_MAX_WORK_GROUP_SIZE, size, device.strict ? UINT32_MAX : 1},
        {CL_DEVICE_MAX_WORK_ITEM_DIMENSIONS, u32, 3},
        {CL_DEVICE_MAX_CLOCK_FREQUENCY, u32, device.mhz},
        {CL_DEVICE_ADDRESS_BITS, u32, 64},
        {CL_DEVICE_GLOBAL_MEM_SIZE, u64, memory},
        {CL_DEVICE_MAX_MEM_ALLOC_SIZE, u64, memory},
        {CL_DEVICE_LOCAL_MEM_SIZE, u64, 0},
        {CL_DEVICE_GLOBAL_MEM_CACHE_SIZE, u64, 0},
        {CL_DEVICE_MAX_CONSTANT_BUFFER_SIZE, u64, 0},
        {CL_DEVICE_SINGLE_FP_CONFIG, u64, 0},
        {CL_DEVICE_DOUBLE_FP_CONFIG, u64, 0},
        {CL_DEVICE_MAX_PARAMETER_SIZE, size, 256},
        {CL_DEVICE_PROFILING_TIMER_RESOLUTION, size, 1000 / device.mhz},
        {CL_DEVICE_MEM_BASE_ADDR_ALIGN, u32, 4096 * 8},
        {CL_DEVICE_ENDIAN_LITTLE, u32, CL_TRUE},
        {CL_DEVICE_AVAILABLE, u32, device.available},
        {CL_DEVICE_REFERENCE_COUNT, u32, 1},
        {CL_DEVICE_QUEUE_PROPERTIES, u64, CL_QUEUE_PROFILING_ENABLE},
        {CL_DEVICE_EXECUTION_CAPABILITIES, u64, CL_EXEC_KERNEL},
    };
    static const cl_device_info zeros[] = {
        CL_DEVICE_IMAGE_SUPPORT,
        CL_DEVICE_COMPILER_AVAILABLE,
        CL_DEVICE_LINKER_AVAILABLE,
        CL_DEVICE_ERROR_CORRECTION_SUPPORT,
        CL_DEVICE_HOST_UNIFIED_MEMORY,
        CL_DEVICE_GLOBAL_MEM_CACHE_TYPE,
        CL_DEVICE_LOCAL_MEM_TYPE,
        CL_DEVICE_GLOBAL_MEM_CACHELINE_SIZE,
        CL_DEVICE_VENDOR_ID,
        CL_DEVICE_MAX_CONSTANT_ARGS,
        CL_DEVICE_MAX_READ_IMAGE_ARGS,
        CL_DEVICE_MAX_WRITE_IMAGE_ARGS,
        CL_DEVICE_MAX_SAMPLERS,
        CL_DEVICE_PARTITION_MAX_SUB_DEVICES,
        CL_DEVICE_MIN_DATA_TYPE_ALIGN_SIZE,
        CL_DEVICE_PREFERRED_VECTOR_WIDTH_CHAR,
        CL_DEVICE_PREFERRED_VECTOR_WIDTH_SHORT,
        CL_DEVICE_PREFERRED_VECTOR_WIDTH_INT,
        CL_DEVICE_PREFERRED_VECTOR_WIDTH_LONG,
        CL_DEVICE_PREFERRED_VECTOR_WIDTH_FLOAT,
        CL_DEVICE_PREFERRED_VECTOR_WIDTH_DOUBLE,
        CL_DEVICE_PREFERRED_VECTOR_WIDTH_HALF,
        CL_DEVICE_NATIVE_VECTOR_WIDTH_CHAR,
        CL_DEVICE_NATIVE_VECTOR_WIDTH_SHORT,
        CL_DEVICE_NATIVE_VECTOR_WIDTH_INT,
        CL_DEVICE_NATIVE_VECTOR_WIDTH_LONG,
        CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT,
        CL_DEVICE_NATIVE_VECTOR_WIDTH_DOUBLE,
        CL_DEVICE_NATIVE_VECTOR_WIDTH_HALF,
    };
    for (size_t i = 0; i < BB_COUNT_OF(rows); i++)
        if (rows[i].what == what) /* little-endian: the first bytes are the smaller number */
            return icd_answer(&rows[i].value, rows[i].size, room, out, size_out);
    for (size_t i = 0; i < BB_COUNT_OF(zeros); i++)
        if (zeros[i] == what)
            return icd_answer(&(cl_uint){0}, u32, room, out, size_out);
    return CL_INVALID_VALUE;
}

cl_int icd_GetDeviceInfo(cl_device_id id, cl_device_info what, size_t room, void *out,
                         size_t *size_out)
{
    if (id != icd_device())
        return CL_INVALID_DEVICE;
    const char *text = text_of(what);
    if (text)
        return icd_answer_text(text, room, out, size_out);
    if (what == CL_DEVICE_PLATFORM) {
        const cl_platform_id platform = &icd_platform;
        return icd_answer(&platform, sizeof(platform), room, out, size_out);
    }
    if (what == CL_DEVICE_MAX_WORK_ITEM_SIZES) {
        const size_t largest = device.strict ? UINT32_MAX : 1,
                     sizes[3] = {largest, largest, largest};
        return icd_answer(sizes, sizeof(sizes), room, out, size_out);
    }
    return answer_number(what, room, out, size_out);
}
