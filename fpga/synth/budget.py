#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""budget.py [FAMILY...]: synthesises what budget.txt names (BUDGET in the environment: another file) with yosys
and compares the cell counts. Prints each; fails if one is over its budget. --raw prints every cell."""
import os
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
RTL = pathlib.Path(os.environ.get("RTL", HERE.parent / "rtl"))
FILES = ["regs", "count", "memory", "lane", "matrix", "gather", "read", "write", "unpack", "control",
         "engine", "small", "bernoulli"]
SCRIPTS = {
    "ice40": "synth_ice40 -top {top}",
    "ecp5": "synth_ecp5 -nowidelut -top {top}",
    "xc7": "synth_xilinx -family xc7 -flatten -top {top}",
    "xcup": "synth_xilinx -family xcup -flatten -top {top}",
    "cyclonev": "synth_intel_alm -family cyclonev -nodsp -top {top}",
}
# cells that a class counts
CLASSES = {
    "lut": r"SB_LUT4|LUT\d|INV|MISTRAL_(NOT|ALUT\d)",
    "carry": r"SB_CARRY|CCU2C|CARRY\d|MISTRAL_ALUT_ARITH",
    "register": r"SB_DFF.*|TRELLIS_FF|FD.*|MISTRAL_FF",
    "block_ram": r"SB_RAM40_4K|DP16KD|PDPW16KD|RAMB\d+E\d|MISTRAL_M10K",
    "small_ram": r"TRELLIS_DPR16X4|RAM\d+[XM].*|MISTRAL_MLAB",
    "dsp": r"MULT18X18D|DSP48E\d|MISTRAL_MUL.*|SB_MAC16",
}


def cells(family, top, parameters):
    files = [RTL / f"bb_{name}.sv" for name in FILES] + [HERE / "plain.sv"] * (top == "bb_plain")
    sources = " ".join(str(path) for path in files)
    settings = " ".join(f"-set {p.replace('=', ' ')}" for p in parameters.split(",") if p != "-")
    script = f"read_verilog -sv {sources}; " + (f"chparam {settings} {top}; " if settings else "")
    script += SCRIPTS[family].format(top=top) + "; flatten; tee -o /dev/stdout stat"
    run = subprocess.run(["yosys", "-q", "-p", script], capture_output=True, text=True, timeout=500)
    if run.returncode:
        sys.exit(f"yosys, {family} {top}: {run.stderr[-800:]}")
    counts = {}
    for name, count in re.findall(r"^ {5}([\w$\\]+) +(\d+)$", run.stdout, re.M):
        counts[name] = int(count)
    return counts


def main():
    wanted = [a for a in sys.argv[1:] if not a.startswith("-")]
    made, over = {}, 0
    for line in pathlib.Path(os.environ.get("BUDGET", HERE / "budget.txt")).read_text().splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        family, top, parameters, kind, most = line.split()
        if wanted and family not in wanted:
            continue
        key = (family, top, parameters)
        if key not in made:
            made[key] = cells(*key)
            if "--raw" in sys.argv:
                print(key, made[key])
        count = sum(n for cell, n in made[key].items() if re.fullmatch(CLASSES[kind], cell))
        over += count > int(most)
        note = "" if count <= int(most) else "  OVER"
        print(f"{family:9} {top:10} {parameters:40} {kind:10} {count:6} of {most}{note}", flush=True)
    sys.exit(over > 0)


if __name__ == "__main__":
    main()
