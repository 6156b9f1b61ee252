// SPDX-License-Identifier: MIT
// bb_bernoulli against the clocks that bernoulli.c writes: +vectors=FILE.
`timescale 1ns / 1ns
module bernoulli;
    reg clk = 1'b0;
    always #5 clk = !clk;

    reg load, draw;
    reg [31:0] seed;
    reg [15:0] p;
    wire valid, bit_out;
    bb_bernoulli unit (.clk(clk), .load(load), .seed(seed), .draw(draw), .p(p), .valid(valid), .bit_out(bit_out));

    integer file, got, clocks, draws, differ;
    reg expect_valid, expect_bit;
    reg [8*256-1:0] name;
    initial begin
        clocks = 0;
        draws = 0;
        differ = 0;
        if (!$value$plusargs("vectors=%s", name)) begin
            $display("no +vectors=FILE");
            $finish;
        end
        file = $fopen(name, "r");
        got = $fscanf(file, "%d %d %h %h %d %d", load, draw, seed, p, expect_valid, expect_bit);
        while (got == 6) begin
            @(posedge clk);
            @(negedge clk);
            clocks = clocks + 1;
            draws = draws + (valid === 1'b1 ? 1 : 0);
            if (valid !== expect_valid || (expect_valid && bit_out !== expect_bit))
                differ = differ + 1;
            got = $fscanf(file, "%d %d %h %h %d %d", load, draw, seed, p, expect_valid, expect_bit);
        end
        $display("%0d clocks, %0d draws, %0d differ: %0s", clocks, draws, differ,
                 differ == 0 && draws > 0 ? "equal" : "DIFFERENT");
        $finish;
    end
endmodule
