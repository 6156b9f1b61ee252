#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes what follows from table.txt, kernels/shared.h and the ports of the kernel: the C header, the
SystemVerilog package, kernel.xml and the Tcl that packages it. `generate.py --check` compares instead."""
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
SHARED = HERE.parent.parent / "kernels" / "shared.h"
NOTE = "Written by fpga/regs/generate.py from table.txt and kernels/shared.h; do not edit."
KERNEL = "bb_engine"


def without_comments(text):
    return re.sub(r"/\*.*?\*/", "", text, flags=re.S)


def read_shared():
    """Names of the descriptor's members in order, and the BB_SUM/TYPE/EMIT numbers."""
    text = without_comments(SHARED.read_text())
    body = re.search(r"struct bb_stage_descriptor \{(.*?)\}", text, re.S).group(1)
    members = []
    for line in re.findall(r"bb_u32 ([^;]*);", body):
        members += [name.strip() for name in line.split(",")]
    constants = []
    for enum in re.findall(r"enum \{(.*?)\}", text, re.S):
        names = [name.strip() for name in enum.split(",") if name.strip()]
        constants += [(name[3:], value) for value, name in enumerate(names)]
    for name, value in re.findall(r"#define (BB_(?:FLIP|POOL_AND|NONE|ENTRY_\w+)) (\w+)\n", text):
        constants.append((name[3:], int(value.rstrip("u"), 0)))
    return members, constants


def read_ports():
    """Ports of the kernel, in the order of its module header."""
    text = re.sub(r"//.*", "", (HERE.parent / "rtl" / f"{KERNEL}.sv").read_text())
    header = re.search(rf"module {KERNEL}\b.*?\)\s*\((.*?)\);", without_comments(text), re.S).group(1)
    return re.findall(r"(?:in|out)put\s+(?:wire|reg)\s+(?:signed\s+)?(?:\[[^]]*\]\s*)?(\w+)", header)


def read_table():
    table = {"register": [], "small": [], "arg": [], "error": [], "call": [], "constant": []}
    for number, line in enumerate((HERE / "table.txt").read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        kind, rest = line.split(None, 1)
        if kind not in table:
            sys.exit(f"table.txt:{number}: unknown kind '{kind}'")
        if kind in ("register", "small"):
            offset, access, name, text = rest.split(None, 3)
            table[kind].append((name, int(offset, 0), access, text))
        elif kind == "arg":
            name, arg, *typed, size = rest.split()
            table[kind].append((name, arg, typed[0], typed[1], int(size)))
        elif kind == "call":
            name, text = rest.split(None, 1)
            table[kind].append((name, text))
        elif kind == "error":
            code, name, text = rest.split(None, 2)
            table[kind].append((name, int(code, 0), text))
        else:
            name, value, text = rest.split(None, 2)
            table[kind].append((name, int(value, 0), text))
    return table


def call_words(members, table):
    names = [(name.upper(), None) for name in members]
    names += [("AT_" + name, text) for name, text in table["call"]]
    limit = dict((name, value) for name, value, _ in table["constant"])["CALL_WORDS"]
    if len(names) > limit:
        sys.exit(f"a call record has {len(names)} words, {limit} fit")
    return names


def c_header(members, shared, table):
    out = ["/* SPDX-License-Identifier: MIT */", f"/* {NOTE} */", "#ifndef BITBAYES_FPGA_REGS_H",
           "#define BITBAYES_FPGA_REGS_H", "", '#include "kernels/shared.h"', "",
           "/* Byte offsets of the registers. */", "enum {"]
    out += [f"    /* {access}: {text} */\n    BB_FPGA_{name} = 0x{offset:02x},"
            for name, offset, access, text in table["register"]]
    out += ["};", "", "/* The same of the small top. */", "enum {"]
    out += [f"    /* {access}: {text} */\n    BB_FPGA_SMALL_{name} = 0x{offset:02x},"
            for name, offset, access, text in table["small"]]
    out += ["};", "", "/* Why a run stopped. */", "#define BB_FPGA_ERRORS(X) \\"]
    rows = [f'    X({name}, {code}, "{text}")' for name, code, text in table["error"]]
    out += [" \\\n".join(rows), "", "enum {"]
    out += [f"    BB_FPGA_ERROR_{name} = {code}," for name, code, _ in table["error"]]
    out += ["};", "", "enum {"]
    out += [f"    BB_FPGA_{name} = 0x{value:x}, /* {text} */" for name, value, text in table["constant"]]
    out += ["};", "", "/* One stage call in the arena: the descriptor, then 32-bit words. */",
            "typedef struct bb_fpga_call {", "    bb_stage_descriptor stage;"]
    out += [f"    bb_u32 {name.lower()}; /* {text} */" for name, text in table["call"]]
    n = len(call_words(members, table))
    left = dict((name, value) for name, value, _ in table["constant"])["CALL_WORDS"] - n
    out += [f"    bb_u32 unused[{left}];"] if left else []
    out += ["} bb_fpga_call;", "", "#endif", ""]
    return "\n".join(out)


def package(members, shared, table):
    out = ["// SPDX-License-Identifier: MIT", f"// {NOTE}", "package bb_regs;"]

    def line(name, value, text=None):
        note = f" // {text}" if text else ""
        out.append(f"    localparam integer {name} = {value};{note}")
    for name, offset, access, text in table["register"]:
        line("REG_" + name, f"'h{offset:02x}", f"{access}: {text}")
    for name, offset, access, text in table["small"]:
        line("SMALL_" + name, f"'h{offset:02x}", f"{access}: {text}")
    for name, code, text in table["error"]:
        line("ERROR_" + name, code, text)
    for name, value, text in table["constant"]:
        line(name, f"'h{value:x}", text)
    for index, (name, text) in enumerate(call_words(members, table)):
        line("CALL_" + name, index, text)
    for name, value in shared:
        if value < 1 << 31:
            line(name, value)
    out += ["endpackage", ""]
    return "\n".join(out)


def kernel_xml(members, shared, table):
    offsets = {name: offset for name, offset, _, _ in table["register"]}
    out = ['<?xml version="1.0" encoding="UTF-8"?>', f"<!-- {NOTE} -->",
           '<root versionMajor="1" versionMinor="6">',
           f'  <kernel name="{KERNEL}" language="ip_c" vlnv="bitbayes:kernel:{KERNEL}:1.0" attributes=""'
           ' preferredWorkGroupSizeMultiple="0" workGroupSize="1" interrupt="true"'
           ' hwControlProtocol="ap_ctrl_hs">',
           "    <ports>",
           '      <port name="s_axi_control" mode="slave" range="0x1000" dataWidth="32"'
           ' portType="addressable" base="0x0"/>',
           '      <port name="m_axi" mode="master" range="0xFFFFFFFFFFFFFFFF" dataWidth="64"'
           ' portType="addressable" base="0x0"/>',
           "    </ports>", "    <args>"]
    for number, (name, arg, kind, c_type, size) in enumerate(table["arg"]):
        qualifier, port = (1, "m_axi") if kind == "global" else (0, "s_axi_control")
        out.append(f'      <arg name="{arg}" addressQualifier="{qualifier}" id="{number}" port="{port}"'
                   f' size="0x{size:x}" offset="0x{offsets[name]:x}" type="{c_type}" hostOffset="0x0"'
                   f' hostSize="0x{size:x}"/>')
    out += ["    </args>", "  </kernel>", "</root>", ""]
    return "\n".join(out)


def tcl(members, shared, table):
    out = ["# SPDX-License-Identifier: MIT", f"# {NOTE}",
           "# bitbayes_registers BLOCK: adds every register to an ipx address block.",
           "proc bitbayes_registers {block} {"]
    for name, offset, access, text in table["register"]:
        mode = "read-write" if access == "rw" else "read-only"
        out += [f"    set register [ipx::add_register {name} $block]",
                f'    set_property description {{{text}}} $register',
                f"    set_property address_offset 0x{offset:03x} $register",
                "    set_property size 32 $register", f"    set_property access {mode} $register"]
    for name, arg, kind, c_type, size in table["arg"]:
        if kind == "global":
            out += [f"    set register [ipx::get_registers {name} -of_objects $block]",
                    "    ipx::add_register_parameter ASSOCIATED_BUSIF $register",
                    "    set_property value m_axi [ipx::get_register_parameters ASSOCIATED_BUSIF"
                    " -of_objects $register]"]
    out += ["}", "", f"set bitbayes_kernel {KERNEL}",
            "# bus interface, its kind", "set bitbayes_interfaces {", "    ap_clk clock", "    ap_rst_n reset",
            "    interrupt interrupt", "    s_axi_control aximm", "    m_axi aximm", "}",
            "set bitbayes_ports {"]
    out += [f"    {port}" for port in read_ports()]
    out += ["}", ""]
    return "\n".join(out)


def main():
    members, shared = read_shared()
    table = read_table()
    files = {"bb_regs.h": c_header, "../rtl/bb_regs.sv": package, "kernel.xml": kernel_xml,
             "registers.tcl": tcl}
    stale = []
    for name, write in files.items():
        text = write(members, shared, table)
        path = HERE / name
        if "--check" not in sys.argv:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            stale.append(name)
    if stale:
        sys.exit("fpga/regs: not what generate.py writes: " + ", ".join(stale))


if __name__ == "__main__":
    main()
