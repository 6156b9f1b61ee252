#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""table.py FOLDER [--check]: writes foldings.md beside itself: folding, resources, cycles of VGG-Small and LFC,
beside FINN's figures. Counts are yosys's, cycles simulated. --check compares with the file: all cycles, simulated
again, must be the same; the first folding is counted again, within 5 % (what else a run reads moves yosys's
counts by as much)."""
import pathlib
import re
import subprocess
import sys

from budget import CLASSES, cells

HERE = pathlib.Path(__file__).resolve().parent
FILE = HERE / "foldings.md"
FAMILY = "xc7"
FOLDS = ((4, 32), (8, 64), (16, 64), (32, 64))
KINDS = ("lut", "carry", "register", "RAMB36E1", "RAMB18E1", "small_ram", "dsp")
NOT_ESTIMATED = (
    "Operations per joule: not estimated. No source was found for the energy of a clock of these families' "
    "LUTs and block RAMs at this activity; the one public measurement found is of counters on another chip "
    "(iCE40 UltraPlus, tinyvision-ai-inc/ice40_power), and FINN's \"below 25 W\" is of another design.")
PUBLISHED = """| engine | device | images/s | LUT | block RAM (36 kbit) | how we know |
| --- | --- | --- | --- | --- | --- |
| CNV (CIFAR-10, SVHN), FPGA'17 | ZC706 | 21,906, latency 283 us | | | abstract |
| fastest MNIST network, FPGA'17 | ZC706, below 25 W | 12,300,000, latency 0.31 us | | | abstract |
| LFC W1A1 of BNN-PYNQ, 2048, 2048, 2048, 128 bits a clock by layer | | clock / 512: 416, 512, 512, 512 cycles | | | folding in its source; our arithmetic |
| LFC-max, FPGA'17 | ZC706 | 1,560,000 | 83,000 | 396 | recalled, not checked |
| CNV-max, FPGA'17 | ZC706 | 21,906 | 46,000 | 186 | recalled, not checked |"""


def parameters(pe, simd):
    return {"PE": pe, "SIMD": simd, "WINDOW": 512, "WEIGHTS": 64 // pe * 9 * 512 // simd, "INPUT": 8192}


def count(pe, simd):
    found = cells(FAMILY, "bb_engine", ",".join(f"{k}={v}" for k, v in parameters(pe, simd).items()))
    return [sum(n for cell, n in found.items() if re.fullmatch(CLASSES.get(kind, kind), cell)) for kind in KINDS]


def counted_before():
    """The rows of counts that the file holds."""
    rows = re.findall(r"^\| (\d+) \| (\d+) \| (\d[\d,]*(?: \| \d[\d,]*){%d}) \|$" % (len(KINDS) - 1),
                      FILE.read_text(), re.M)
    return {(int(pe), int(simd)): [int(n.replace(",", "")) for n in rest.split(" | ")] for pe, simd, rest in rows}


def simulate(out, pe, simd):
    """Rows of sim/folding.c: simulated cycles equal the model's and stages the reference, or this ends."""
    where = out / f"folding-{pe}-{simd}"
    settings = [f"-G{k}={v}" for k, v in parameters(pe, simd).items()]
    subprocess.run([HERE.parent / "sim" / "folding.sh", where, *settings], check=True)
    run = subprocess.run([where / "folding"], capture_output=True, text=True)
    if run.returncode:
        sys.exit(f"folding at PE {pe}, SIMD {simd}: {run.stdout}")
    return [line.split() for line in run.stdout.splitlines()]


def text(counts, rows):
    out = ["# Foldings", "",
           "Written by `fpga/synth/table.py` (`./run test-fpga` checks it); do not edit. One engine with PE output",
           "channels times SIMD bits, memories for VGG-Small: window 512 units, input 8,192, weights of 64 channels",
           "times 9 times 512 bits; 32 bank rows, 4 draws.", "", "## Measured", "",
           "Whole engine by yosys 0.23, `synth_xilinx -family xc7`, nothing placed or timed:", "",
           "| PE | SIMD | LUT | CARRY4 | registers | RAMB36 | RAMB18 | LUT RAM cells | DSP |",
           "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"]
    for fold in FOLDS:
        out.append("| " + " | ".join(f"{n:,}" for n in (*fold, *counts[fold])) + " |")
    out += ["", "Clock cycles of one image and one pass, simulated (Verilator, memory with 20 clocks' latency), every stage",
            "equal to the reference, and the same number by the cycle model:", "",
            "| network | PE | SIMD | cycles simulated | cycles by the model |", "| --- | --- | --- | --- | --- |"]
    for name, pe, simd, simulated, model, *_ in rows:
        out.append(f"| {name} | {pe} | {simd} | {int(simulated):,} | {int(model):,} |")
    out += ["", "## Computed", "",
            "By the cycle model; a work list of n images loads weights once. Images/s hold only if the clock were",
            "100 MHz, which nothing here has timed for this family. Use: operations / (2 PE SIMD cycles).", "",
            "| network | PE | SIMD | of these computing | loading weights | KiB read | use | images/s at 100 MHz |",
            "| --- | --- | --- | --- | --- | --- | --- | --- |"]
    for name, pe, simd, _, model, compute, weights, read, operations in rows:
        use = float(operations) / (2 * int(pe) * int(simd) * int(model))
        out.append(f"| {name} | {pe} | {simd} | {int(compute):,} | {int(weights):,} | {int(read) / 1024:,.0f} | "
                   f"{100 * use:.0f} % | {1e8 / int(model):,.1f} |")
    out += ["", NOT_ESTIMATED, "", "## Published by others: FINN", "",
            "Another kind of engine: one unit per layer, all weights on chip, one network per bitstream.", "", PUBLISHED, ""]
    return "\n".join(out)


def main():
    check = "--check" in sys.argv
    out = pathlib.Path(sys.argv[1])
    counts = counted_before() if check else {fold: count(*fold) for fold in FOLDS}
    if check:
        now = count(*FOLDS[0])
        if any(abs(a - b) > 0.05 * b for a, b in zip(now, counts[FOLDS[0]])):
            sys.exit(f"foldings.md: {counts[FOLDS[0]]} cells at {FOLDS[0]}, yosys counts {now}")
    rows = [row for fold in FOLDS for row in simulate(out, *fold)]
    made = text(counts, sorted(rows, key=lambda row: row[0] == "LFC"))
    if not check:
        FILE.write_text(made)
    elif "**Energy: not estimated.**" not in (HERE.parent / "README.md").read_text():
        sys.exit("fpga/README.md does not say that energy is not estimated")
    elif made != FILE.read_text():
        sys.exit("foldings.md is not what table.py writes:\n" + "\n".join(
            line for line in made.splitlines() if line not in FILE.read_text().splitlines()))
    for row in rows:
        print(f"{row[0]} at PE {row[1]}, SIMD {row[2]}: {int(row[3]):,} cycles simulated = model")
    print(NOT_ESTIMATED)


if __name__ == "__main__":
    main()
