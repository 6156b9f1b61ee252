/* SPDX-License-Identifier: MIT */
/*
 * Linux powercap: RAPL counters of CPU packages and their memory, also on AMD Zen. Sub-zones core
 * and uncore lie inside their package and psys around all of them, so only packages and dram count.
 */
#include "energy/meter.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_ROOT "/sys/class/powercap"

typedef struct powercap {
    int files[BB_MAX_METER_DOMAINS];
    char root[256];
} powercap;

/* A small text file; -1 with errno set. */
static int read_text(const char *root, const char *zone, const char *name, char *text, size_t size)
{
    char path[640];
    snprintf(path, sizeof(path), "%s/%s/%s", root, zone, name);
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return -1;
    const ssize_t n = read(file, text, size - 1);
    const int error = errno;
    close(file);
    errno = error;
    if (n < 0)
        return -1;
    text[n] = 0;
    text[strcspn(text, "\n")] = 0;
    return 0;
}

static bool is_counted(const char *name)
{
    return !strncmp(name, "package-", 8) || !strcmp(name, "dram");
}

static void excuse_file(bb_meter *meter, const char *zone, int error)
{
    const powercap *self = meter->state;
    if (error == EACCES || error == EPERM)
        bb_meter_excuse(meter, "run as root, or let your group read energy_uj by a udev rule",
                        "%.120s/%.60s/energy_uj: permission denied (readable by root only)",
                        self->root, zone);
    else
        bb_meter_excuse(meter, "check the powercap driver (intel_rapl_msr)",
                        "%.120s/%.60s/energy_uj: %s", self->root, zone, strerror(error));
}

/* False: an excuse was made. */
static bool add_zone(bb_meter *meter, const char *zone)
{
    powercap *self = meter->state;
    char name[32], range[32], path[640];
    if (read_text(self->root, zone, "name", name, sizeof(name)) != 0 || !is_counted(name))
        return true;
    if (meter->n_domains == BB_MAX_METER_DOMAINS)
        return true;
    snprintf(path, sizeof(path), "%s/%s/energy_uj", self->root, zone);
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        excuse_file(meter, zone, errno);
        return false;
    }
    bb_meter_domain *domain = &meter->domains[meter->n_domains];
    snprintf(domain->name, sizeof(domain->name), "%.23s", name);
    if (read_text(self->root, zone, "max_energy_range_uj", range, sizeof(range)) == 0)
        domain->range_uJ = strtoull(range, NULL, 10);
    self->files[meter->n_domains++] = file;
    return true;
}

static int is_zone(const struct dirent *entry)
{
    return !strncmp(entry->d_name, "intel-rapl:", 11);
}

static void close_powercap(bb_meter *meter)
{
    powercap *self = meter->state;
    for (uint32_t i = 0; self && i < BB_MAX_METER_DOMAINS; i++)
        if (self->files[i] >= 0)
            close(self->files[i]);
    bb_release(meter->context, self);
    meter->state = NULL;
}

static bb_status open_powercap(bb_meter *meter, const char *argument, const char *pci)
{
    (void)pci;
    powercap *self = bb_allocate(meter->context, 1, sizeof(*self));
    if (!self)
        return BB_MEMORY;
    meter->state = self;
    memset(self->files, 0xff, sizeof(self->files));
    snprintf(self->root, sizeof(self->root), "%s", argument ? argument : DEFAULT_ROOT);
    struct dirent **entries = NULL;
    const int n = scandir(self->root, &entries, is_zone, alphasort);
    bool good = true;
    for (int i = 0; i < n; i++) {
        good = good && add_zone(meter, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    if (good && meter->n_domains == 0)
        bb_meter_excuse(meter,
                        "run on the machine itself: containers and most virtual machines hide the "
                        "counters; load intel_rapl_msr",
                        "no RAPL zone under %.200s", self->root);
    if (!good)
        meter->n_domains = 0;
    return BB_OK;
}

static bool read_powercap(bb_meter *meter, uint64_t *uJ)
{
    const powercap *self = meter->state;
    for (uint32_t i = 0; i < meter->n_domains; i++) {
        char text[32];
        const ssize_t n = pread(self->files[i], text, sizeof(text) - 1, 0);
        if (n <= 0) {
            excuse_file(meter, meter->domains[i].name, n < 0 ? errno : ENODATA);
            return false;
        }
        text[n] = 0;
        uJ[i] = strtoull(text, NULL, 10);
    }
    return true;
}

const bb_meter_operations bb_meter_powercap = {
    .name = "powercap",
    .what = "RAPL counters of all CPU packages and their memory (Linux powercap)",
    .device_type = "cpu",
    .open = open_powercap,
    .read = read_powercap,
    .close = close_powercap,
};
