#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check.py FOLDER: the vendor folders without the vendors. Their Tcl is run with stubbed commands and must
name every port and register; their Makefiles are run with stubbed tools; the constraints must name every
port of the top they are for. Then one thing at a time is broken, and each check must notice."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import xml.dom.minidom

VENDOR = pathlib.Path(__file__).resolve().parent
FPGA = VENDOR.parent
OUT = pathlib.Path(sys.argv[1]).resolve()
# What the scripts may call: Vivado UG835/UG1118, Quartus scripting manual.
COMMANDS = {
    "vivado": """create_project add_files set_property get_property current_fileset current_project close_project
        update_compile_order ipx::package_project ipx::unload_core ipx::edit_ip_in_project ipx::current_core
        ipx::get_ports ipx::get_bus_interfaces ipx::associate_bus_interfaces ipx::get_user_parameters
        ipx::remove_user_parameter ipx::add_bus_parameter ipx::add_memory_map ipx::add_address_block
        ipx::add_register ipx::get_registers ipx::add_register_parameter ipx::get_register_parameters
        ipx::create_xgui_files ipx::update_checksums ipx::check_integrity ipx::save_core package_xo
        update_ip_catalog create_bd_design create_bd_cell apply_bd_automation get_bd_cells connect_bd_intf_net
        get_bd_intf_pins connect_bd_net get_bd_pins assign_bd_address get_bd_addr_segs validate_bd_design
        save_bd_design get_files make_wrapper launch_runs wait_on_runs get_runs open_run get_timing_paths
        write_hw_platform""",
    "quartus": """load_package project_new set_global_assignment set_instance_assignment export_assignments
        execute_module project_close""",
}


class Wrong(Exception):
    pass


def need(condition, message):
    if not condition:
        raise Wrong(message)


def call(*words, **options):
    run = subprocess.run([str(w) for w in words], capture_output=True, text=True, timeout=120, **options)
    need(run.returncode == 0, f"{words[0]}: {run.stderr.strip().splitlines()[:1] or run.stdout[-200:]}")
    return run.stdout


def ports_of(top, rtl):
    """Of a module header, read here once more: not by regs/generate.py, which the Tcl comes from."""
    names, inside = [], False
    for line in (rtl / f"{top}.sv").read_text().splitlines():
        inside = inside or line == ") ("
        if inside and line == ");":
            return names
        match = re.match(r" +(input|output) .*?(\w+),?( *//.*)?$", line)
        if inside and match:
            names.append(match.group(2))
    raise Wrong(f"{top}: no end of its ports")


def table():
    registers, arguments = {}, {}
    for line in (FPGA / "regs" / "table.txt").read_text().splitlines():
        words = line.split()
        if words[:1] == ["register"]:
            registers[words[3]] = int(words[1], 0)
        if words[:1] == ["arg"]:
            arguments[words[2]] = registers[words[1]]
    return registers, arguments


def run_tcl(tool, rtl, script, *arguments):
    """The commands of a script, each a list of words."""
    where = OUT / "tcl"
    where.mkdir(parents=True, exist_ok=True)
    (where / "ports").write_text("\n".join(ports_of("bb_engine", rtl)))
    (where / "commands").write_text("\n".join(COMMANDS[tool].split()))
    lines = call("tclsh", VENDOR / "stub.tcl", where / "ports", where / "commands", script, *arguments,
                 cwd=where)
    return [line.split("\t") for line in lines.splitlines()]


def check_package(amd=VENDOR / "amd", regs=FPGA / "regs", rtl=FPGA / "rtl"):
    said = run_tcl("vivado", rtl, amd / "package_kernel.tcl", rtl, regs, OUT / "tcl", 150)
    ports = ports_of("bb_engine", rtl)
    named = {words[1] for words in said if words[0] == "ipx::get_ports"}
    need(set(ports) == named, f"package_kernel.tcl: ports not named: {sorted(set(ports) ^ named)}")
    registers, _ = table()
    added, last = {}, None
    for words in said:
        if words[0] == "ipx::add_register":
            last = words[1]
        if words[:2] == ["set_property", "address_offset"]:
            added[last] = int(words[2], 0)
    need(added == registers, f"package_kernel.tcl: registers: {sorted(set(added.items()) ^ set(registers.items()))}")
    sources = [pathlib.Path(words[-1]).name for words in said if words[0] == "add_files"]
    need(sources == (rtl / "files").read_text().split(), "package_kernel.tcl: not the files of rtl/files")
    xo = [words for words in said if words[0] == "package_xo"]
    need(len(xo) == 1 and "bb_engine" in xo[0] and str(regs / "kernel.xml") in xo[0], "package_kernel.tcl: package_xo")
    for wanted in ("sdx_kernel\ttrue", "sdx_kernel_type\trtl"):
        need(any(wanted in "\t".join(words) for words in said), f"package_kernel.tcl: no {wanted}")
    return f"package_kernel.tcl: {len(ports)} ports, {len(registers)} registers, {len(sources)} files"


def check_kernel_xml(regs=FPGA / "regs"):
    kernel = xml.dom.minidom.parse(str(regs / "kernel.xml"))
    found = {a.getAttribute("name"): int(a.getAttribute("offset"), 0) for a in kernel.getElementsByTagName("arg")}
    need(found == table()[1], f"kernel.xml: arguments {found}")
    return f"kernel.xml: {len(found)} arguments"


def check_uio(amd=VENDOR / "amd", rtl=FPGA / "rtl"):
    boards = re.findall(r"^ {4}([\w-]+) \{xc", (amd / "uio.tcl").read_text(), re.M)
    need(len(boards) == 4, "uio.tcl: boards")
    for board in boards:
        said = run_tcl("vivado", rtl, amd / "uio.tcl", board, OUT / "ip", OUT / "tcl", 100)
        flat = ["\t".join(words) for words in said]
        for pin in ("ap_clk", "ap_rst_n", "interrupt"):
            need(f"get_bd_pins\tengine/{pin}" in flat, f"uio.tcl, {board}: engine/{pin} is not connected")
        for interface in ("s_axi_control", "m_axi"):
            need(f"get_bd_intf_pins\tengine/{interface}" in flat, f"uio.tcl, {board}: {interface} is not connected")
        base = [words[2] for words in said if words[0] == "assign_bd_address" and "-offset" in words]
        need(len(base) == 1, f"uio.tcl, {board}: address of the registers")
        if board == "zcu104":
            check_tree(amd, int(base[0], 0))
    return f"uio.tcl: {', '.join(boards)}; bitbayes.dtsi" + ("" if shutil.which("dtc") else " (no dtc: only read)")


def check_tree(amd, base):
    text = (amd / "bitbayes.dtsi").read_text()
    need(f"bitbayes@{base:x}" in text and f"reg = <0x0 0x{base:x} 0x0 0x1000>" in text, "bitbayes.dtsi: registers")
    arena = re.findall(r"<0x0 (0x7\w+) 0x0 (0x\w+)>", text)
    need(len(arena) == 2 and arena[0] == arena[1], "bitbayes.dtsi: the arena is not what is reserved")
    if shutil.which("dtc"):
        board = OUT / "board.dts"
        board.write_text("/dts-v1/;\n/ { #address-cells = <2>; #size-cells = <2>;\n"
                         "gic: interrupt-controller { interrupt-controller; #interrupt-cells = <3>;\n"
                         "#address-cells = <0>; }; };\n" + text)
        call("dtc", "-q", "-I", "dts", "-O", "dtb", "-o", OUT / "board.dtb", board)


def check_quartus(intel=VENDOR / "intel", rtl=FPGA / "rtl"):
    boards = re.findall(r"^ {4}([\w-]+) \{\"", (intel / "quartus.tcl").read_text(), re.M)
    for board in boards:
        said = run_tcl("quartus", rtl, intel / "quartus.tcl", board, rtl, 100)
        sources = [pathlib.Path(words[-1]).name for words in said if "SYSTEMVERILOG_FILE" in words]
        need(sources == (rtl / "files").read_text().split(), f"quartus.tcl, {board}: files")
        need(["set_global_assignment", "-name", "TOP_LEVEL_ENTITY", "bb_engine"] in said, "quartus.tcl: top")
    need(len(boards) == 3, "quartus.tcl: boards")
    return f"quartus.tcl: {', '.join(boards)}"


TOOLS = """#!/bin/sh
# prints its call; makes what the Makefile waits for
echo "$(basename "$0") $*" >>"$CALLS"
while [ $# -gt 1 ]; do
    case $1 in
    -o | --output) : >"$2" ;;
    --od) : >"$2/emconfig.json" ;;
    -tclargs) shift; case $# in 4) : >"$3/bb_engine.xo" ;; *) echo "vivado: arguments $*"; exit 1 ;; esac ;;
    esac
    shift
done
"""


def make(folder, *words):
    """Runs a Makefile with tools that only note their calls; those."""
    tools = OUT / "tools"
    tools.mkdir(parents=True, exist_ok=True)
    for name in ("vivado", "v++", "emconfigutil", "aoc", "quartus_sh", "bitbayes", "image", "xclbinutil"):
        (tools / name).write_text(TOOLS)
        (tools / name).chmod(0o755)
    calls = OUT / "calls"
    calls.write_text("")
    environment = dict(os.environ, PATH=f"{tools}:{os.environ['PATH']}", CALLS=str(calls))
    environment.pop("MAKEFLAGS", None)
    shutil.rmtree(OUT / "build", ignore_errors=True)
    call("make", "-s", "-C", folder, f"BUILD={OUT}/build", f"BITBAYES={tools}/bitbayes", f"IMAGE_TOOL={tools}/image",
         *words, env=environment)
    return [line.split() for line in calls.read_text().splitlines()]


def refused(folder, *words):
    try:
        make(folder, *words)
    except Wrong:
        return
    raise Wrong(f"{folder.name}/Makefile takes {' '.join(words)}")


def check_amd_make(amd=VENDOR / "amd"):
    _, arguments = table()
    boards = sorted(path.stem for path in (amd / "boards").glob("*.cfg"))
    for board in boards:
        text = (amd / "boards" / f"{board}.cfg").read_text()
        need("nk=bb_engine:1:bb_engine_1\n" in text, f"{board}.cfg: the kernel")
        for argument in re.findall(r"^sp=bb_engine_1\.(\w+):", text, re.M):
            need(argument in arguments or argument == "m_axi", f"{board}.cfg: no argument '{argument}'")
        for flow in ("hw_emu", "hw"):
            said = make(amd, f"FLOW={flow}", f"BOARD={board}", "DEVICE=x", "run")
            link = [words for words in said if words[:2] == ["v++", "-l"]]
            need(len(link) == 1 and link[0][2:4] == ["-t", flow], f"amd: v++ -l for {board}, {flow}")
            platform = link[0][link[0].index("--platform") + 1]
            need(platform.startswith("xilinx_" + board) and platform in text, f"amd: platform {platform} of {board}")
            need(link[0][-1].endswith("bb_engine.xo"), "amd: v++ -l does not link the kernel")
            order = [words[0] + (words[1] if words[0] == "v++" else "") for words in said]
            wanted = ["vivado", "v++-l", "v++-p", "image", "xclbinutil"] + \
                ["emconfigutil"] * (flow == "hw_emu") + ["bitbayes"]
            need(order == wanted, f"amd: {board}, {flow}: {order}")
            header = " ".join(said[3])
            need(f"--kind {flow} --board x --pe 8 --simd 64 --window 512" in header, f"amd: {header}")
            need(said[-1][-1].endswith(f"bb_engine.{flow}.xclbin"), "amd: the image of the run")
    refused(amd)  # no DEVICE
    need([words[0] for words in make(amd, "BOARD=kv260", "uio")] == ["vivado", "vivado"], "amd: uio")
    refused(amd, "FLOW=sw_emu")
    refused(amd, "BOARD=nowhere")
    return f"amd/Makefile: {', '.join(boards)} by hw_emu and hw"


def check_intel_make(intel=VENDOR / "intel"):
    flags = {"emulator": "-march=emulator", "report": "-rtl", "hw": "-report"}
    boards = re.findall(r"^board_([\w-]+) :=", (intel / "Makefile").read_text(), re.M)
    for board in boards:
        for flow, flag in flags.items():
            said = make(intel, f"FLOW={flow}", f"BOARD={board}")
            need([words[0] for words in said] == ["aoc"] and flag in said[0], f"intel: {board}, {flow}: {said}")
            need(any(word.startswith("-board=") for word in said[0]), f"intel: {board}: no board")
    said = make(intel, "BOARD=de1-soc", "rtl")
    need(said[0][:2] == ["quartus_sh", "-t"] and said[0][3] == "de1-soc", "intel: rtl")
    refused(intel, "FLOW=hw_emu")
    refused(intel, "BOARD=nowhere")
    return f"intel/Makefile: {', '.join(boards)} by {', '.join(flags)}"


def check_open_make(folder=VENDOR / "open"):
    """hx8k is run for real by the step `board`; of ulx3s what would be run."""
    said = call("make", "-n", "-C", folder, "BOARD=ulx3s", "ECP5=45k", f"BUILD={OUT}/none", "TTY=/dev/ttyUSB0", "load",
                "run")
    place = [line for line in said.replace("\\\n", " ").splitlines() if "nextpnr-ecp5" in line]
    need(len(place) == 1 and place[0].startswith("timeout "), "open: nextpnr-ecp5 without timeout")
    for word in ("--45k", "--package CABGA381", "ulx3s.lpf", "bb_board.json"):
        need(word in place[0], f"open: nextpnr-ecp5 without {word}")
    for word in ("CLOCKS=25", "synth_ecp5", "ecppack --compress", "openFPGALoader -b ulx3s", "/board /dev/ttyUSB0 1000000"):
        need(word in said, f"open: ulx3s without {word}")
    refused(folder, "BOARD=nowhere")
    return "open/Makefile: ulx3s as make -n says"


def check_fold():
    folded = OUT / "fold"
    call("sh", VENDOR / "fold.sh", "bb_engine", folded, "PE=16", "SIMD=64")
    text = (folded / "bb_engine.sv").read_text()
    need("parameter integer PE = 16," in text and "parameter integer SIMD = 64," in text, "fold.sh")
    for wrong in ("NO=1", "PE=", "PE=x"):
        run = subprocess.run(["sh", str(VENDOR / "fold.sh"), "bb_engine", str(folded), wrong], capture_output=True)
        need(run.returncode == 2, f"fold.sh takes {wrong}")
    return "fold.sh: sets parameters, refuses others"


def constrained(path):
    text = re.sub(r"#.*", "", path.read_text())
    pattern = r"set_io +(\S+) +\w+" if path.suffix == ".pcf" else r'LOCATE COMP "([^"]+)" SITE "\w+";'
    pins = re.findall(pattern, text)
    sites = re.findall(r"set_io +\S+ +(\w+)" if path.suffix == ".pcf" else r'SITE "(\w+)"', text)
    need(len(set(sites)) == len(sites), f"{path.name}: a pin is named twice")
    return pins


def check_pins(folder=VENDOR / "open", rtl=FPGA / "rtl"):
    wanted = []
    for line in (rtl / "bb_board.sv").read_text().split(") (")[1].split(");")[0].splitlines():
        match = re.match(r" +(?:input|output) (?:wire|reg) (?:\[(\d+):0\] )?(\w+)", line)
        if match:
            wanted += [match[2]] if match[1] is None else [f"{match[2]}[{i}]" for i in range(int(match[1]) + 1)]
    for path in sorted(folder.glob("*.[pl][cp]f")):
        missing = sorted(set(wanted) ^ set(constrained(path)))
        need(not missing, f"{path.name}: not as the ports of bb_board: {missing}")
    return f"hx8k.pcf, ulx3s.lpf: {len(wanted)} pins"


def broken():
    """Each of these must be noticed."""
    def change(name, path, old, new, check, **where):
        copy = OUT / "broken" / "fpga"
        shutil.rmtree(copy, ignore_errors=True)
        for part in ("regs", "rtl", "vendor"):
            shutil.copytree(FPGA / part, copy / part)
        text = (copy / path).read_text()
        need(old in text, f"fault '{name}': nothing to change")
        (copy / path).write_text(text.replace(old, new, 1))
        try:
            check(**{key: copy / value for key, value in where.items()})
        except Wrong as error:
            print(f"fault '{name}': {str(error)[:90]}")
            return
        raise Wrong(f"fault '{name}' was not noticed")
    package = {"amd": "vendor/amd", "regs": "regs", "rtl": "rtl"}
    change("a port of another name", "rtl/bb_engine.sv", "m_axi_wlast", "m_axi_wend", check_package, **package)
    change("a port the Tcl lacks", "regs/registers.tcl", "    m_axi_rlast\n", "", check_package, **package)
    change("a register the Tcl lacks", "regs/registers.tcl", "add_register CYCLES_HIGH", "get_registers CYCLES_HIGH",
           check_package, **package)
    change("a register elsewhere", "regs/registers.tcl", "0x044", "0x144", check_package, **package)
    change("a command Vivado lacks", "vendor/amd/package_kernel.tcl", "ipx::save_core", "ipx::keep_core",
           check_package, **package)
    change("an argument elsewhere", "regs/kernel.xml", 'offset="0x1c"', 'offset="0x18"', check_kernel_xml, regs="regs")
    change("no interrupt", "vendor/amd/uio.tcl", "engine/interrupt", "engine/interupt", check_uio, amd="vendor/amd")
    change("an arena that is not reserved", "vendor/amd/bitbayes.dtsi", "reg = <0x0 0x70000000 0x0 0x08000000>;",
           "reg = <0x0 0x70000000 0x0 0x04000000>;", check_uio, amd="vendor/amd")
    change("a kernel argument of no name", "vendor/amd/boards/u280.cfg", ".memory:", ".gmem:", check_amd_make,
           amd="vendor/amd")
    change("a source Quartus lacks", "vendor/intel/quartus.tcl", "foreach name $sources",
           "foreach name [lrange $sources 1 end]", check_quartus, intel="vendor/intel")
    change("a port without a pin", "vendor/open/hx8k.pcf", "set_io tx B12\n", "", check_pins, folder="vendor/open")
    change("a pin without a port", "vendor/open/ulx3s.lpf", '"led[7]"', '"led[8]"', check_pins, folder="vendor/open")


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    try:
        for check in (check_package, check_kernel_xml, check_uio, check_quartus, check_fold, check_amd_make,
                      check_intel_make, check_open_make, check_pins):
            print(check(), flush=True)
        broken()
    except Wrong as error:
        sys.exit(f"fpga/vendor: {error}")


if __name__ == "__main__":
    main()
