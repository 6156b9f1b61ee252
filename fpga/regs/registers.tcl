# SPDX-License-Identifier: MIT
# Written by fpga/regs/generate.py from table.txt and kernels/shared.h; do not edit.
# bitbayes_registers BLOCK: adds every register to an ipx address block.
proc bitbayes_registers {block} {
    set register [ipx::add_register CONTROL $block]
    set_property description {bit 0 ap_start, 1 ap_done (read clears), 2 ap_idle, 3 ap_ready, 7 auto_restart} $register
    set_property address_offset 0x000 $register
    set_property size 32 $register
    set_property access read-write $register
    set register [ipx::add_register GLOBAL_IRQ $block]
    set_property description {bit 0: interrupts on} $register
    set_property address_offset 0x004 $register
    set_property size 32 $register
    set_property access read-write $register
    set register [ipx::add_register IRQ_ENABLE $block]
    set_property description {bit 0 ap_done, 1 ap_ready} $register
    set_property address_offset 0x008 $register
    set_property size 32 $register
    set_property access read-write $register
    set register [ipx::add_register IRQ_STATUS $block]
    set_property description {bit 0 ap_done, 1 ap_ready; writing 1 toggles} $register
    set_property address_offset 0x00c $register
    set_property size 32 $register
    set_property access read-write $register
    set register [ipx::add_register MEMORY_LOW $block]
    set_property description {arena address, low half; a multiple of 8} $register
    set_property address_offset 0x010 $register
    set_property size 32 $register
    set_property access read-write $register
    set register [ipx::add_register MEMORY_HIGH $block]
    set_property description {arena address, high half} $register
    set_property address_offset 0x014 $register
    set_property size 32 $register
    set_property access read-write $register
    set register [ipx::add_register CALLS $block]
    set_property description {offset of the first call record in the arena, in 64-bit words} $register
    set_property address_offset 0x01c $register
    set_property size 32 $register
    set_property access read-write $register
    set register [ipx::add_register N_CALLS $block]
    set_property description {how many call records follow each other there} $register
    set_property address_offset 0x024 $register
    set_property size 32 $register
    set_property access read-write $register
    set register [ipx::add_register ERROR $block]
    set_property description {why the run stopped, see `error`; 0: it did not} $register
    set_property address_offset 0x040 $register
    set_property size 32 $register
    set_property access read-only $register
    set register [ipx::add_register CALL $block]
    set_property description {the call that failed, else how many were run} $register
    set_property address_offset 0x044 $register
    set_property size 32 $register
    set_property access read-only $register
    set register [ipx::add_register CYCLES_LOW $block]
    set_property description {clock cycles of the last run, low half} $register
    set_property address_offset 0x048 $register
    set_property size 32 $register
    set_property access read-only $register
    set register [ipx::add_register CYCLES_HIGH $block]
    set_property description {high half} $register
    set_property address_offset 0x04c $register
    set_property size 32 $register
    set_property access read-only $register
    set register [ipx::add_register MAGIC $block]
    set_property description {0x42424631, "BBF1"} $register
    set_property address_offset 0x050 $register
    set_property size 32 $register
    set_property access read-only $register
    set register [ipx::add_register PE $block]
    set_property description {output channels at a time} $register
    set_property address_offset 0x054 $register
    set_property size 32 $register
    set_property access read-only $register
    set register [ipx::add_register SIMD $block]
    set_property description {bits at a time} $register
    set_property address_offset 0x058 $register
    set_property size 32 $register
    set_property access read-only $register
    set register [ipx::add_register WINDOW $block]
    set_property description {units (of SIMD bits) of one kernel window, times 8 planes for bytes} $register
    set_property address_offset 0x05c $register
    set_property size 32 $register
    set_property access read-only $register
    set register [ipx::add_register WEIGHTS $block]
    set_property description {units of weights per PE} $register
    set_property address_offset 0x060 $register
    set_property size 32 $register
    set_property access read-only $register
    set register [ipx::add_register INPUT $block]
    set_property description {units of one input map} $register
    set_property address_offset 0x064 $register
    set_property size 32 $register
    set_property access read-only $register
    set register [ipx::add_register MASKS $block]
    set_property description {units of one mask} $register
    set_property address_offset 0x068 $register
    set_property size 32 $register
    set_property access read-only $register
    set register [ipx::add_register ROWS $block]
    set_property description {bank rows of 64 channels: border classes times draws} $register
    set_property address_offset 0x06c $register
    set_property size 32 $register
    set_property access read-only $register
    set register [ipx::add_register DRAWS $block]
    set_property description {draws of one stage} $register
    set_property address_offset 0x070 $register
    set_property size 32 $register
    set_property access read-only $register
    set register [ipx::add_register BORDER $block]
    set_property description {border words: sum_h + sum_w} $register
    set_property address_offset 0x074 $register
    set_property size 32 $register
    set_property access read-only $register
    set register [ipx::get_registers MEMORY_LOW -of_objects $block]
    ipx::add_register_parameter ASSOCIATED_BUSIF $register
    set_property value m_axi [ipx::get_register_parameters ASSOCIATED_BUSIF -of_objects $register]
}

set bitbayes_kernel bb_engine
# bus interface, its kind
set bitbayes_interfaces {
    ap_clk clock
    ap_rst_n reset
    interrupt interrupt
    s_axi_control aximm
    m_axi aximm
}
set bitbayes_ports {
    ap_clk
    ap_rst_n
    interrupt
    s_axi_control_awvalid
    s_axi_control_awready
    s_axi_control_awaddr
    s_axi_control_wvalid
    s_axi_control_wready
    s_axi_control_wdata
    s_axi_control_wstrb
    s_axi_control_bvalid
    s_axi_control_bready
    s_axi_control_bresp
    s_axi_control_arvalid
    s_axi_control_arready
    s_axi_control_araddr
    s_axi_control_rvalid
    s_axi_control_rready
    s_axi_control_rdata
    s_axi_control_rresp
    m_axi_awvalid
    m_axi_awready
    m_axi_awaddr
    m_axi_awlen
    m_axi_awsize
    m_axi_awburst
    m_axi_wvalid
    m_axi_wready
    m_axi_wdata
    m_axi_wstrb
    m_axi_wlast
    m_axi_bvalid
    m_axi_bready
    m_axi_bresp
    m_axi_arvalid
    m_axi_arready
    m_axi_araddr
    m_axi_arlen
    m_axi_arsize
    m_axi_arburst
    m_axi_rvalid
    m_axi_rready
    m_axi_rdata
    m_axi_rresp
    m_axi_rlast
}
