// SPDX-License-Identifier: MIT
// One write port, one read port with a register: what every family has as block RAM. Nobody reads
// an address in the clock in which it is written.
module bb_memory #(
    parameter integer WIDTH = 32,
    parameter integer DEPTH = 512,
    parameter integer ADDRESS = $clog2(DEPTH)
) (
    input wire clk,
    input wire write,
    input wire [ADDRESS-1:0] write_address,
    input wire [WIDTH-1:0] write_data,
    input wire [ADDRESS-1:0] read_address,
    output reg [WIDTH-1:0] read_data
);
    (* no_rw_check *) reg [WIDTH-1:0] words [0:DEPTH-1];
    always @(posedge clk) begin
        if (write)
            words[write_address] <= write_data;
        read_data <= words[read_address];
    end
endmodule
