// SPDX-License-Identifier: MIT
// The matrix unit alone behind an AXI4-Lite page, for an iCE40: the host fills windows, weights and
// banks word by word, hands over jobs and reads output words. No memory port, no sequencer.
module bb_small #(
    parameter integer PE = 4,
    parameter integer SIMD = 32, // at most 32 here
    parameter integer WINDOW = 64,
    parameter integer WEIGHTS = 512,
    parameter integer ROWS = 4,
    parameter integer DRAWS = 2
) (
    input wire clk,
    input wire rst_n,
    input wire awvalid,
    output wire awready,
    input wire [5:0] awaddr,
    input wire wvalid,
    output wire wready,
    input wire [31:0] wdata,
    output reg bvalid,
    input wire bready,
    input wire arvalid,
    output wire arready,
    input wire [5:0] araddr,
    output reg rvalid,
    input wire rready,
    output reg [31:0] rdata
);
    localparam integer SUM = $clog2(WINDOW * SIMD * 32) + 2;
    localparam integer WA = $clog2(WINDOW);
    localparam integer KA = $clog2(WEIGHTS);
    localparam integer RA = $clog2(ROWS);
    localparam integer DA = $clog2(DRAWS);
    localparam integer PA = $clog2(PE);

    // a write is done a clock after it was taken
    wire take = awvalid && wvalid && (!bvalid || bready);
    reg write;
    reg [5:0] to;
    reg [31:0] data;
    assign awready = take;
    assign wready = take;
    wire read = arvalid && (!rvalid || rready);
    assign arready = read;

    reg [28:0] settings;
    reg [20:0] at;
    reg [SIMD-1:0] mask;
    reg half, job_half;
    reg [1:0] n_full;
    reg [RA-1:0] rows [0:1];
    reg [1:0] firsts, lasts;
    wire job_done, out_valid, out_last, idle;
    wire [5:0] out_index;
    wire [63:0] out_word;
    wire signed [SUM-1:0] out_sum;
    wire weight_write = write && {26'd0, to} == bb_regs::SMALL_WEIGHT;
    wire window_write = write && {26'd0, to} == bb_regs::SMALL_WINDOW;
    wire bank_write = write && {26'd0, to} == bb_regs::SMALL_BANK;
    wire job = write && {26'd0, to} == bb_regs::SMALL_JOB;
    wire next = write && {26'd0, to} == bb_regs::SMALL_NEXT;

    always @(posedge clk) begin
        if (take) begin
            to <= {awaddr[5:2], 2'd0};
            data <= wdata;
        end
        if (write && {26'd0, to} == bb_regs::SMALL_CONFIG)
            settings <= data[28:0];
        if (write && {26'd0, to} == bb_regs::SMALL_ADDRESS)
            at <= data[20:0];
        else if (weight_write || window_write || bank_write)
            at[15:0] <= at[15:0] + 16'd1;
        if (write && {26'd0, to} == bb_regs::SMALL_MASK)
            mask <= data[SIMD-1:0];
        if (job) begin
            rows[half] <= data[RA-1:0];
            firsts[half] <= data[8];
            lasts[half] <= data[9];
        end
        if (read)
            case ({26'd0, araddr[5:2], 2'd0})
                bb_regs::SMALL_STATUS: rdata <= {21'd0, out_last, out_index, n_full, idle, out_valid};
                bb_regs::SMALL_LOW: rdata <= out_word[31:0];
                bb_regs::SMALL_SUM: rdata <= {{(32-SUM){out_sum[SUM-1]}}, out_sum};
                default: rdata <= out_word[63:32];
            endcase
        if (!rst_n) begin
            write <= 1'b0;
            bvalid <= 1'b0;
            rvalid <= 1'b0;
            half <= 1'b0;
            job_half <= 1'b0;
            n_full <= 2'd0;
        end else begin
            write <= take;
            bvalid <= take || (bvalid && !bready);
            rvalid <= read || (rvalid && !rready);
            half <= half ^ job;
            job_half <= job_half ^ job_done;
            n_full <= n_full + {1'b0, job} - {1'b0, job_done};
        end
    end

    bb_matrix #(
        .PE(PE), .SIMD(SIMD), .WINDOW(WINDOW), .WEIGHTS(WEIGHTS), .ROWS(ROWS), .DRAWS(DRAWS)
    ) matrix (
        .clk(clk), .rst_n(rst_n), .last_chunk(settings[WA-1:0]), .bytes(settings[8]),
        .last_channel(settings[21:16]), .last_draw(settings[24 +: DA]), .sums(settings[28]),
        .weight_write(weight_write), .weight_lane(at[16 +: PA]), .weight_address(at[KA-1:0]),
        .weight_data(data[SIMD-1:0]), .window_write(window_write), .window_address({half, at[WA-1:0]}),
        .window_bits(data[SIMD-1:0]), .window_mask(mask), .bank_write(bank_write),
        .bank_address(at[RA+5:0]), .bank_data({data[31:30], data[SUM-1:0]}),
        .job_valid(n_full != 2'd0), .job_row(rows[job_half]), .job_first(firsts[job_half]),
        .job_last(lasts[job_half]), .job_done(job_done), .out_valid(out_valid), .out_ready(next),
        .out_index(out_index), .out_last(out_last), .out_word(out_word), .out_sum(out_sum),
        .idle(idle));
endmodule
