// SPDX-License-Identifier: MIT
// One output channel at a time: weights, and the weighted count of bits that differ. Four stages:
// memory, counts of seven, count, accumulator. `clear` and `twice` come with the count.
module bb_accumulate #(
    parameter integer SIMD = 32,
    parameter integer WIDTH = 20
) (
    input wire clk,
    input wire [SIMD-1:0] bits,
    input wire valid,  // of the count, two clocks behind the bits
    input wire clear,
    input wire twice,  // the next bit plane: shift what is there
    output reg [WIDTH-1:0] sum
);
    localparam integer GROUPS = (SIMD + 6) / 7;
    localparam integer COUNT = $clog2(SIMD + 1);
    wire [3*GROUPS-1:0] sevens;
    reg [3*GROUPS-1:0] sevens_held;
    wire [COUNT-1:0] count;
    reg [COUNT-1:0] count_held;
    bb_count_sevens #(.SIMD(SIMD)) first (.bits(bits), .counts(sevens));
    bb_count_sum #(.SIMD(SIMD)) second (.counts(sevens_held), .total(count));
    wire [WIDTH-1:0] earlier = clear ? {WIDTH{1'b0}} : twice ? {sum[WIDTH-2:0], 1'b0} : sum;
    always @(posedge clk) begin
        sevens_held <= sevens;
        count_held <= count;
        if (valid)
            sum <= earlier + {{(WIDTH-COUNT){1'b0}}, count_held};
    end
endmodule

module bb_lane #(
    parameter integer SIMD = 32,
    parameter integer WIDTH = 20,
    parameter integer WEIGHTS = 2048
) (
    input wire clk,
    input wire write,
    input wire [$clog2(WEIGHTS)-1:0] write_address,
    input wire [SIMD-1:0] write_data,
    input wire [$clog2(WEIGHTS)-1:0] read_address,
    input wire [SIMD-1:0] window_bits,
    input wire [SIMD-1:0] window_mask,
    input wire valid,
    input wire clear,
    input wire twice,
    output wire [WIDTH-1:0] differing
);
    wire [SIMD-1:0] weights;
    bb_memory #(.WIDTH(SIMD), .DEPTH(WEIGHTS)) memory (
        .clk(clk), .write(write), .write_address(write_address), .write_data(write_data),
        .read_address(read_address), .read_data(weights));
    bb_accumulate #(.SIMD(SIMD), .WIDTH(WIDTH)) counter (
        .clk(clk), .bits((window_bits ^ weights) & window_mask), .valid(valid), .clear(clear),
        .twice(twice), .sum(differing));
endmodule
