// SPDX-License-Identifier: MIT
// Popcount in two halves with room for a register between them: sevens of bits to 3-bit counts
// (four full adders each), then the sum of the counts.
module bb_count_sevens #(
    parameter integer SIMD = 32,
    parameter integer GROUPS = (SIMD + 6) / 7
) (
    input wire [SIMD-1:0] bits,
    output wire [3*GROUPS-1:0] counts
);
    wire [7*GROUPS-1:0] padded = {{(7*GROUPS-SIMD){1'b0}}, bits};
    genvar i;
    generate
        for (i = 0; i < GROUPS; i = i + 1) begin : seven
            wire [6:0] b = padded[7*i +: 7];
            wire sum_a = b[0] ^ b[1] ^ b[2];
            wire carry_a = (b[0] & b[1]) | (b[2] & (b[0] | b[1]));
            wire sum_b = b[3] ^ b[4] ^ b[5];
            wire carry_b = (b[3] & b[4]) | (b[5] & (b[3] | b[4]));
            wire carry_c = (sum_a & sum_b) | (b[6] & (sum_a | sum_b));
            assign counts[3*i] = sum_a ^ sum_b ^ b[6];
            assign counts[3*i + 1] = carry_a ^ carry_b ^ carry_c;
            assign counts[3*i + 2] = (carry_a & carry_b) | (carry_c & (carry_a | carry_b));
        end
    endgenerate
endmodule

module bb_count_sum #(
    parameter integer SIMD = 32,
    parameter integer GROUPS = (SIMD + 6) / 7,
    parameter integer WIDTH = $clog2(SIMD + 1)
) (
    input wire [3*GROUPS-1:0] counts,
    output reg [WIDTH-1:0] total
);
    integer i;
    always @* begin
        total = {WIDTH{1'b0}};
        for (i = 0; i < GROUPS; i = i + 1)
            total = total + {{(WIDTH-3){1'b0}}, counts[3*i +: 3]};
    end
endmodule
