# SPDX-License-Identifier: MIT
# Packages bb_engine as an RTL kernel: vivado -mode batch -source package_kernel.tcl -tclargs RTL REGS OUT MHZ
# RTL: folder of fold.sh. REGS: fpga/regs. Written: OUT/ip (also for uio.tcl) and OUT/bb_engine.xo.
# Written for Vivado 2022.1 to 2025.2, never run in one.
if {[llength $argv] != 4} {
    error "package_kernel.tcl: RTL REGS OUT MHZ expected, found '$argv'"
}
lassign $argv rtl regs out mhz
source [file join $regs registers.tcl]

set list [open [file join $rtl files]]
set sources [split [string trim [read $list]] "\n"]
close $list
create_project -force bitbayes_pack [file join $out project]
foreach name $sources {
    add_files -norecurse [file join $rtl $name]
}
set_property top $bitbayes_kernel [current_fileset]
update_compile_order -fileset sources_1

ipx::package_project -root_dir [file join $out ip] -vendor bitbayes -library kernel \
    -taxonomy /KernelIP -import_files -set_current false
ipx::unload_core [file join $out ip component.xml]
ipx::edit_ip_in_project -upgrade true -name bitbayes_edit -directory [file join $out ip] \
    [file join $out ip component.xml]
set core [ipx::current_core]
set_property version 1.0 $core
set_property core_revision 1 $core

# Vivado infers the interfaces from the names of the ports; what it missed must not go unnoticed.
foreach port $bitbayes_ports {
    if {[ipx::get_ports $port -of_objects $core] eq ""} {
        error "package_kernel.tcl: the packaged core has no port '$port'"
    }
}
foreach {interface kind} $bitbayes_interfaces {
    if {[ipx::get_bus_interfaces $interface -of_objects $core] eq ""} {
        error "package_kernel.tcl: no $kind interface '$interface' was inferred"
    }
    if {$kind eq "aximm"} {
        ipx::associate_bus_interfaces -busif $interface -clock ap_clk $core
    }
}
# a kernel has no parameters: the folding is in the sources
foreach parameter [ipx::get_user_parameters -of_objects $core] {
    ipx::remove_user_parameter [get_property NAME $parameter] $core
}

set clock [ipx::get_bus_interfaces ap_clk -of_objects $core]
set frequency [ipx::add_bus_parameter -quiet FREQ_HZ $clock]
set_property value [expr {$mhz * 1000000}] $frequency
set_property value_resolve_type user $frequency

set map [ipx::add_memory_map -quiet s_axi_control $core]
set block [ipx::add_address_block -quiet reg0 $map]
set_property range 4096 $block
set_property width 32 $block
bitbayes_registers $block
set_property slave_memory_map_ref s_axi_control [ipx::get_bus_interfaces s_axi_control -of_objects $core]

set_property sdx_kernel true $core
set_property sdx_kernel_type rtl $core
set_property supported_families {} $core
set_property auto_family_support_level level_2 $core
ipx::create_xgui_files $core
ipx::update_checksums $core
ipx::check_integrity -kernel $core
ipx::save_core $core
close_project -delete

# our own kernel.xml: read-only registers are no arguments, which a generated one would make of them
set xo [file join $out $bitbayes_kernel.xo]
file delete -force $xo
package_xo -xo_path $xo -kernel_name $bitbayes_kernel -ip_directory [file join $out ip] \
    -kernel_xml [file join $regs kernel.xml] -ctrl_protocol ap_ctrl_hs
