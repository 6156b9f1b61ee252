// SPDX-License-Identifier: MIT
// The matrix unit without border classes and bit planes, for the budget: what both of them cost.
module bb_plain #(
    parameter integer PE = 4,
    parameter integer SIMD = 32,
    parameter integer WINDOW = 64,
    parameter integer WEIGHTS = 512,
    parameter integer DRAWS = 4,
    parameter integer SUM = $clog2(WINDOW * SIMD * 32) + 2
) (
    input wire clk,
    input wire rst_n,
    input wire [$clog2(WINDOW)-1:0] last_chunk,
    input wire [5:0] last_channel,
    input wire [$clog2(DRAWS)-1:0] last_draw,
    input wire sums,
    input wire weight_write,
    input wire [$clog2(PE)-1:0] weight_lane,
    input wire [$clog2(WEIGHTS)-1:0] weight_address,
    input wire [SIMD-1:0] weight_data,
    input wire window_write,
    input wire [$clog2(WINDOW):0] window_address,
    input wire [SIMD-1:0] window_bits,
    input wire [SIMD-1:0] window_mask,
    input wire bank_write,
    input wire [$clog2(DRAWS)+5:0] bank_address,
    input wire [SUM+1:0] bank_data,
    input wire job_valid,
    input wire job_first,
    input wire job_last,
    output wire job_done,
    output wire out_valid,
    input wire out_ready,
    output wire [5:0] out_index,
    output wire out_last,
    output wire [63:0] out_word,
    output wire signed [SUM-1:0] out_sum,
    output wire idle
);
    bb_matrix #(
        .PE(PE), .SIMD(SIMD), .WINDOW(WINDOW), .WEIGHTS(WEIGHTS), .ROWS(DRAWS), .DRAWS(DRAWS)
    ) matrix (.bytes(1'b0), .job_row({$clog2(DRAWS){1'b0}}), .*);
endmodule
