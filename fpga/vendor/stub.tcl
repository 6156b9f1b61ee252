# SPDX-License-Identifier: MIT
# Runs a vendor's script without the vendor: tclsh stub.tcl PORTS COMMANDS SCRIPT [ARGUMENT...]
# PORTS: what a packaged core would have. COMMANDS: what the tool is known to have; another ends the run.
# Each command is printed, its words apart by tabs; it answers with its own name and first operand.
set ports [split [string trim [read [open [lindex $argv 0]]]] "\n"]
set commands [split [string trim [read [open [lindex $argv 1]]]] "\n"]
set script [lindex $argv 2]
set argv [lrange $argv 3 end]
set argc [llength $argv]

proc unknown {name args} {
    global ports commands
    set name [string trimleft $name :]
    if {$name ni $commands} {
        error "stub.tcl: the vendor has no command '$name'"
    }
    puts [join [list $name {*}$args] "\t"]
    switch -- $name {
        ipx::get_ports { return [expr {[lindex $args 0] in $ports ? [lindex $args 0] : ""}] }
        ipx::get_bus_interfaces {
            # a port of its own, or what the names of several begin with
            return [lindex $ports [lsearch -glob $ports [lindex $args 0]*]]
        }
        ipx::get_user_parameters { return {PE SIMD} }
        get_property { return [expr {[lindex $args 0] eq "PROGRESS" ? "100%" : 1}] }
        default { return "$name:[lindex $args 0]" }
    }
}
source $script
