/* SPDX-License-Identifier: MIT */
/* The estimate of the chip beside the measurement of the device. */
#include "energy/meter.h"

void bb_energy_compare(bb_energy_comparison *out, const bb_energy_report *report,
                       const bb_measurement *device, uint64_t images)
{
    *out = (bb_energy_comparison){
        .chip_J = report->image_total_J,
        .chip_shared_J = report->shared_total_J,
        .device = *device,
        .caveat =
            "chip: an early-design estimate without I/O, DRAM and control; device: all that its "
            "counter covers, a whole board or package",
    };
    if (device->status != BB_METER_MEASURED || images == 0)
        return;
    const double net_J = device->net_J / (double)images;
    out->device_gross_J = device->gross_J / (double)images;
    out->device_net_J = net_J;
    if (out->chip_J.low > 0.0)
        out->ratio = (bb_range){net_J / out->chip_J.high, net_J / out->chip_J.nominal,
                                net_J / out->chip_J.low};
}
