/* SPDX-License-Identifier: MIT */
/*
 * NVIDIA's management library, opened at run time. Its energy counter covers the whole board. The
 * board is found by PCI address; without one only if there is a single board: NVML's order is not
 * OpenCL's.
 */
#include "energy/meter.h"

#include <dlfcn.h>
#include <string.h>

typedef struct nvml_device nvml_device;

typedef struct nvml {
    void *library;
    bool started;
    nvml_device *device;
    int (*init)(void);
    int (*shutdown)(void);
    int (*count)(unsigned *);
    int (*by_index)(unsigned, nvml_device **);
    int (*by_pci)(const char *, nvml_device **);
    int (*energy)(nvml_device *, unsigned long long *mJ);
    const char *(*error)(int);
} nvml;

static bool load(void *library, const char *name, void *function)
{
    void *const symbol = dlsym(library, name);
    memcpy(function, &symbol, sizeof(symbol)); /* POSIX: a function fits a void * */
    return symbol != NULL;
}

static bool load_all(nvml *self)
{
    void *const library = self->library;
    return load(library, "nvmlInit_v2", &self->init) &&
           load(library, "nvmlShutdown", &self->shutdown) &&
           load(library, "nvmlDeviceGetCount_v2", &self->count) &&
           load(library, "nvmlDeviceGetHandleByIndex_v2", &self->by_index) &&
           load(library, "nvmlDeviceGetHandleByPciBusId_v2", &self->by_pci) &&
           load(library, "nvmlDeviceGetTotalEnergyConsumption", &self->energy) &&
           load(library, "nvmlErrorString", &self->error);
}

static bool find_device(bb_meter *meter, const char *pci)
{
    nvml *self = meter->state;
    unsigned n = 0;
    int code = pci ? self->by_pci(pci, &self->device) : self->count(&n);
    if (!pci && code == 0 && n != 1) {
        bb_meter_excuse(meter, "name the board by its PCI address",
                        "NVML lists %u boards and the device's PCI address is unknown", n);
        return false;
    }
    if (!pci && code == 0)
        code = self->by_index(0, &self->device);
    if (code != 0)
        bb_meter_excuse(meter, "compare the address with nvidia-smi", "NVML: %s: %s",
                        pci ? pci : "board 0", self->error(code));
    return code == 0;
}

static bool read_nvml(bb_meter *meter, uint64_t *uJ)
{
    const nvml *self = meter->state;
    unsigned long long mJ;
    const int code = self->energy(self->device, &mJ);
    if (code != 0) {
        bb_meter_excuse(meter, "the counter exists since the Volta generation",
                        "nvmlDeviceGetTotalEnergyConsumption: %s", self->error(code));
        return false;
    }
    uJ[0] = (uint64_t)mJ * 1000;
    return true;
}

static bb_status open_nvml(bb_meter *meter, const char *argument, const char *pci)
{
    nvml *self = bb_allocate(meter->context, 1, sizeof(*self));
    if (!self)
        return BB_MEMORY;
    meter->state = self;
    const char *name = argument ? argument : "libnvidia-ml.so.1";
    self->library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (!self->library || !load_all(self)) {
        bb_meter_excuse(meter, "install NVIDIA's driver with its management library", "%.80s: %s",
                        name, self->library ? "a function is missing" : "not found");
        return BB_OK;
    }
    const int code = self->init();
    self->started = code == 0;
    if (!self->started)
        bb_meter_excuse(meter, "check the driver with nvidia-smi", "nvmlInit_v2: %s",
                        self->error(code));
    else if (find_device(meter, pci)) {
        snprintf(meter->domains[0].name, sizeof(meter->domains[0].name), "board");
        meter->n_domains = 1;
    }
    return BB_OK;
}

static void close_nvml(bb_meter *meter)
{
    nvml *self = meter->state;
    if (self && self->started)
        self->shutdown();
    if (self && self->library)
        dlclose(self->library);
    bb_release(meter->context, self);
    meter->state = NULL;
}

const bb_meter_operations bb_meter_nvml = {
    .name = "nvml",
    .what = "energy counter of an NVIDIA board (NVML)",
    .device_type = "gpu",
    .open = open_nvml,
    .read = read_nvml,
    .close = close_nvml,
};
