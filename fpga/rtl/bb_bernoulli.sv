// SPDX-License-Identifier: MIT
// A random bit that is 1 with probability p / 65536: a 32-bit Galois LFSR, stepped 16 bits a draw, whose
// low half is compared with p. One draw a clock; fpga/bernoulli.c is its twin in C.
module bb_bernoulli (
    input wire clk,
    input wire load,
    input wire [31:0] seed, // 0 stands for all ones: a register of zeros would stay
    input wire draw,
    input wire [15:0] p,
    output reg valid, // a clock behind `draw`
    output reg bit_out
);
    localparam [31:0] TAPS = 32'h80200003; // x^32 + x^22 + x^2 + x + 1, primitive
    reg [31:0] state;

    function [31:0] sixteen(input [31:0] from);
        integer i;
        begin
            sixteen = from;
            for (i = 0; i < 16; i = i + 1)
                sixteen = {1'b0, sixteen[31:1]} ^ (sixteen[0] ? TAPS : 32'd0);
        end
    endfunction

    wire [31:0] next = sixteen(state);

    always @(posedge clk) begin
        valid <= draw && !load;
        if (load) begin
            state <= seed == 32'd0 ? 32'hffffffff : seed;
        end else if (draw) begin
            state <= next;
            bit_out <= next[15:0] < p;
        end
    end
endmodule
