/* SPDX-License-Identifier: MIT */
/* The commands of the program: entry points that return an exit code, and their descriptions. */
#ifndef BITBAYES_HOST_COMMANDS_H
#define BITBAYES_HOST_COMMANDS_H

#include "options.h"

/* argv[0] is the command's name. */
typedef int command_entry(int argc, char **argv);

command_entry command_devices, command_doctor, command_info, command_import, command_verify,
    command_score, command_bench, command_energy;

extern const command_description devices_description, doctor_description, info_description,
    import_description, verify_description, score_description, bench_description, energy_description;

/* The man page of the whole program, in roff. */
void print_manual(FILE *stream);

/* X(name): the commands in the order of the pipeline. */
#define COMMAND_LIST(X)                                                                            \
    X(devices) X(doctor) X(info) X(import) X(verify) X(score) X(bench) X(energy)

#endif
