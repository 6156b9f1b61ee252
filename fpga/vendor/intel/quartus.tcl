# SPDX-License-Identifier: MIT
# bb_engine alone, its ports on virtual pins: quartus_sh -t quartus.tcl BOARD RTL MHZ
# RTL: folder of fold.sh. Reports bb_engine.{map,fit,sta}.rpt. Written for Quartus Prime 18.1, never run in one.
load_package flow
if {[llength $argv] != 3} {
    error "quartus.tcl: BOARD RTL MHZ expected, found '$argv'"
}
lassign $argv board rtl mhz
set devices {
    de10-standard {"Cyclone V" 5CSXFC6D6F31C6}
    de1-soc {"Cyclone V" 5CSEMA5F31C6}
    a10 {"Arria 10" 10AX115S2F45I1SG}
}
if {![dict exists $devices $board]} {
    error "quartus.tcl: no board '$board'; known: [dict keys $devices]"
}
lassign [dict get $devices $board] family device

set list [open [file join $rtl files]]
set sources [split [string trim [read $list]] "\n"]
close $list
set constraints [open bb_engine.sdc w]
puts $constraints "create_clock -name ap_clk -period [format %.3f [expr {1000.0 / $mhz}]] \[get_ports ap_clk\]"
close $constraints

project_new -overwrite bb_engine
set_global_assignment -name FAMILY $family
set_global_assignment -name DEVICE $device
set_global_assignment -name TOP_LEVEL_ENTITY bb_engine
foreach name $sources {
    set_global_assignment -name SYSTEMVERILOG_FILE [file join $rtl $name]
}
set_global_assignment -name SDC_FILE bb_engine.sdc
set_instance_assignment -name VIRTUAL_PIN ON -to *
set_instance_assignment -name VIRTUAL_PIN OFF -to ap_clk
export_assignments
execute_module -tool map
execute_module -tool fit
execute_module -tool sta
project_close
