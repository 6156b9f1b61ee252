// SPDX-License-Identifier: MIT
// What the solver is asked: does the counter tree equal a plain sum of bits, for every input?
module count_proof #(
    parameter integer SIMD = 32
) (
    input wire [SIMD-1:0] bits,
    output wire same
);
    localparam integer WIDTH = $clog2(SIMD + 1);
    wire [3*((SIMD+6)/7)-1:0] counts;
    wire [WIDTH-1:0] total;
    reg [WIDTH-1:0] plain;
    integer i;
    bb_count_sevens #(.SIMD(SIMD)) sevens (.bits(bits), .counts(counts));
    bb_count_sum #(.SIMD(SIMD)) adder (.counts(counts), .total(total));
    always @* begin
        plain = {WIDTH{1'b0}};
        for (i = 0; i < SIMD; i = i + 1)
            plain = plain + {{(WIDTH-1){1'b0}}, bits[i]};
    end
    assign same = total == plain;
endmodule
