// SPDX-License-Identifier: MIT
// 64-bit words to units of SIMD bits, one a clock. Words come in groups of `pack_units` units; what
// is left of a group's last word is the tail of a pixel and dropped.
module bb_unpack #(
    parameter integer SIMD = 32
) (
    input wire clk,
    input wire clear,
    input wire [15:0] pack_units,
    input wire valid,
    output wire ready,
    input wire [63:0] data,
    output wire unit_valid,
    output wire [SIMD-1:0] unit_data,
    output wire busy
);
    reg held;
    reg [63:0] word;
    reg [3:0] left;        // units of the word still to come
    reg [15:0] units_left; // of the group
    wire last_of_group = units_left == 16'd1;
    wire last_of_word = left == 4'd1 || last_of_group;
    assign ready = !held || last_of_word;
    assign unit_valid = held;
    assign unit_data = word[SIMD-1:0];
    assign busy = held;
    localparam integer PER_WORD = 64 / SIMD;
    always @(posedge clk) begin
        if (valid && ready) begin
            word <= data;
            left <= PER_WORD[3:0];
        end else begin
            word <= word >> SIMD;
            left <= left - 4'd1;
        end
        if (clear)
            units_left <= pack_units;
        else if (held)
            units_left <= last_of_group ? pack_units : units_left - 16'd1;
        held <= !clear && ((valid && ready) || (held && !last_of_word));
    end
endmodule
