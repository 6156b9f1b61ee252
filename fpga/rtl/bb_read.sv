// SPDX-License-Identifier: MIT
// AXI4 read master: a run of 64-bit words as a stream. Bursts of up to 64 beats, one at a time,
// none across 4 KiB.
module bb_read (
    input wire clk,
    input wire rst_n,
    input wire start,            // when idle
    input wire [60:0] address,   // in 64-bit words
    input wire [31:0] words,     // 1 or more
    output wire idle,
    output reg failed,           // sticky until the next start
    output wire valid,
    input wire ready,
    output wire [63:0] data,
    output wire m_axi_arvalid,
    input wire m_axi_arready,
    output wire [63:0] m_axi_araddr,
    output wire [7:0] m_axi_arlen,
    input wire m_axi_rvalid,
    output wire m_axi_rready,
    input wire [63:0] m_axi_rdata,
    input wire m_axi_rresp_1     // the upper bit: an error
);
    reg asking, reading;
    reg [60:0] at;   // in words
    reg [31:0] left;
    reg [6:0] beats;
    wire [9:0] to_boundary = 10'd512 - {1'b0, at[8:0]};
    wire [6:0] allowed = to_boundary < 10'd64 ? to_boundary[6:0] : 7'd64;
    wire [6:0] burst = left < {25'd0, allowed} ? left[6:0] : allowed;
    wire beat = m_axi_rvalid && m_axi_rready;
    assign idle = !asking && !reading;
    assign m_axi_arvalid = asking;
    assign m_axi_araddr = {at, 3'd0};
    assign m_axi_arlen = {1'b0, burst - 7'd1};
    assign m_axi_rready = reading && ready;
    assign valid = reading && m_axi_rvalid;
    assign data = m_axi_rdata;
    always @(posedge clk) begin
        if (idle && start) begin
            at <= address;
            left <= words;
            failed <= 1'b0;
        end
        if (asking && m_axi_arready) begin
            at <= at + {54'd0, burst};
            left <= left - {25'd0, burst};
            beats <= burst;
        end else if (beat) begin
            beats <= beats - 7'd1;
            failed <= failed || m_axi_rresp_1;
        end
        if (!rst_n) begin
            asking <= 1'b0;
            reading <= 1'b0;
            failed <= 1'b0;
        end else begin
            asking <= idle ? start : asking ? !m_axi_arready : beat && beats == 7'd1 && left != 32'd0;
            reading <= (asking && m_axi_arready) || (reading && !(beat && beats == 7'd1));
        end
    end
endmodule
