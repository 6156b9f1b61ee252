# SPDX-License-Identifier: MIT
# The engine beside the processor of a Zynq, for Linux's generic-uio (bitbayes.dtsi):
# vivado -mode batch -source uio.tcl -tclargs BOARD IP OUT MHZ
# BOARD: zcu104, kv260 (UltraScale+) or pynq-z1, zybo-z7-20 (Zynq-7000). IP: OUT/ip of package_kernel.tcl.
# Written: OUT/BOARD.xsa and the bitstream in it. Written for Vivado 2022.1 to 2025.2, never run in one.
if {[llength $argv] != 4} {
    error "uio.tcl: BOARD IP OUT MHZ expected, found '$argv'"
}
lassign $argv board ip out mhz
# part, board files (they set the processor up; Digilent's are a download of their own), family
set boards {
    zcu104 {xczu7ev-ffvc1156-2-e xilinx.com:zcu104:part0:1.1 mp}
    kv260 {xck26-sfvc784-2LV-c xilinx.com:kv260_som:part0:1.4 mp}
    pynq-z1 {xc7z020clg400-1 www.digilentinc.com:pynq-z1:part0:1.0 7000}
    zybo-z7-20 {xc7z020clg400-1 digilentinc.com:zybo-z7-20:part0:1.0 7000}
}
if {![dict exists $boards $board]} {
    error "uio.tcl: no board '$board'; known: [dict keys $boards]"
}
lassign [dict get $boards $board] part board_part family
set control_base [expr {$family eq "mp" ? 0xa0000000 : 0x43c00000}]

create_project -force bitbayes_$board [file join $out project_$board] -part $part
set_property board_part $board_part [current_project]
set_property ip_repo_paths $ip [current_project]
update_ip_catalog
create_bd_design bitbayes

if {$family eq "mp"} {
    set ps [create_bd_cell -type ip -vlnv xilinx.com:ip:zynq_ultra_ps_e ps]
    apply_bd_automation -rule xilinx.com:bd_rule:zynq_ultra_ps_e -config {apply_board_preset 1} $ps
    # GP0 of the master side is HPM0_FPD, GP2 of the slave side is HP0_FPD
    set_property -dict [list CONFIG.PSU__USE__M_AXI_GP0 1 CONFIG.PSU__USE__M_AXI_GP1 0 \
        CONFIG.PSU__USE__M_AXI_GP2 0 CONFIG.PSU__USE__S_AXI_GP2 1 CONFIG.PSU__SAXIGP2__DATA_WIDTH 64 \
        CONFIG.PSU__USE__IRQ0 1 CONFIG.PSU__CRL_APB__PL0_REF_CTRL__FREQMHZ $mhz] $ps
    lassign {pl_clk0 pl_resetn0 M_AXI_HPM0_FPD S_AXI_HP0_FPD pl_ps_irq0} clock reset master slave interrupt
    set clocks {maxihpm0_fpd_aclk saxihp0_fpd_aclk}
} else {
    set ps [create_bd_cell -type ip -vlnv xilinx.com:ip:processing_system7 ps]
    apply_bd_automation -rule xilinx.com:bd_rule:processing_system7 \
        -config {make_external "FIXED_IO, DDR" apply_board_preset 1} $ps
    set_property -dict [list CONFIG.PCW_USE_M_AXI_GP0 1 CONFIG.PCW_USE_S_AXI_HP0 1 \
        CONFIG.PCW_S_AXI_HP0_DATA_WIDTH 64 CONFIG.PCW_USE_FABRIC_INTERRUPT 1 CONFIG.PCW_IRQ_F2P_INTR 1 \
        CONFIG.PCW_FPGA0_PERIPHERAL_FREQMHZ $mhz] $ps
    lassign {FCLK_CLK0 FCLK_RESET0_N M_AXI_GP0 S_AXI_HP0 IRQ_F2P} clock reset master slave interrupt
    set clocks {M_AXI_GP0_ACLK S_AXI_HP0_ACLK}
}

create_bd_cell -type ip -vlnv bitbayes:kernel:bb_engine:1.0 engine
create_bd_cell -type ip -vlnv xilinx.com:ip:proc_sys_reset reset
foreach name {control memory} {
    create_bd_cell -type ip -vlnv xilinx.com:ip:smartconnect $name
    set_property -dict [list CONFIG.NUM_SI 1 CONFIG.NUM_MI 1] [get_bd_cells $name]
}
foreach {from to} [list ps/$master control/S00_AXI control/M00_AXI engine/s_axi_control \
        engine/m_axi memory/S00_AXI memory/M00_AXI ps/$slave] {
    connect_bd_intf_net [get_bd_intf_pins $from] [get_bd_intf_pins $to]
}
set clocked {engine/ap_clk control/aclk memory/aclk reset/slowest_sync_clk}
foreach pin $clocks {
    lappend clocked ps/$pin
}
foreach pin $clocked {
    connect_bd_net [get_bd_pins ps/$clock] [get_bd_pins $pin]
}
connect_bd_net [get_bd_pins ps/$reset] [get_bd_pins reset/ext_reset_in]
foreach pin {engine/ap_rst_n control/aresetn memory/aresetn} {
    connect_bd_net [get_bd_pins reset/peripheral_aresetn] [get_bd_pins $pin]
}
connect_bd_net [get_bd_pins engine/interrupt] [get_bd_pins ps/$interrupt]

assign_bd_address -offset $control_base -range 4K [get_bd_addr_segs engine/s_axi_control/reg0]
assign_bd_address ;# and the processor's memory for m_axi
validate_bd_design
save_bd_design

set design [get_files bitbayes.bd]
add_files -norecurse [make_wrapper -files $design -top]
set_property top bitbayes_wrapper [current_fileset]
update_compile_order -fileset sources_1
launch_runs impl_1 -to_step write_bitstream
wait_on_runs impl_1
if {[get_property PROGRESS [get_runs impl_1]] ne "100%"} {
    error "uio.tcl: implementation ended at [get_property PROGRESS [get_runs impl_1]]"
}
open_run impl_1
set slack [get_property SLACK [get_timing_paths]]
if {$slack < 0} {
    error "uio.tcl: $mhz MHz is not met, worst slack $slack ns; ask for a lower clock"
}
write_hw_platform -fixed -include_bit -force [file join $out $board.xsa]
