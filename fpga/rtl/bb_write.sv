// SPDX-License-Identifier: MIT
// AXI4 write master: single 64-bit beats with strobes, acknowledged later.
module bb_write (
    input wire clk,
    input wire rst_n,
    input wire valid,
    output wire ready,
    input wire [60:0] address, // in 64-bit words
    input wire [63:0] data,
    input wire [1:0] halves,   // which 32-bit halves to write
    output wire idle,          // everything is acknowledged
    output reg failed,         // sticky until `clear`
    input wire clear,
    output reg m_axi_awvalid,
    input wire m_axi_awready,
    output reg [63:0] m_axi_awaddr,
    output reg m_axi_wvalid,
    input wire m_axi_wready,
    output reg [63:0] m_axi_wdata,
    output reg [7:0] m_axi_wstrb,
    input wire m_axi_bvalid,
    output wire m_axi_bready,
    input wire m_axi_bresp_1
);
    reg [7:0] unanswered;
    assign ready = !m_axi_awvalid && !m_axi_wvalid && unanswered != 8'hff;
    assign m_axi_bready = 1'b1;
    assign idle = unanswered == 8'd0;
    wire take = valid && ready;
    always @(posedge clk) begin
        if (take) begin
            m_axi_awaddr <= {address, 3'd0};
            m_axi_wdata <= data;
            m_axi_wstrb <= {{4{halves[1]}}, {4{halves[0]}}};
        end
        if (!rst_n) begin
            m_axi_awvalid <= 1'b0;
            m_axi_wvalid <= 1'b0;
            unanswered <= 8'd0;
            failed <= 1'b0;
        end else begin
            m_axi_awvalid <= take || (m_axi_awvalid && !m_axi_awready);
            m_axi_wvalid <= take || (m_axi_wvalid && !m_axi_wready);
            unanswered <= unanswered + {7'd0, take} - {7'd0, m_axi_bvalid};
            failed <= !clear && (failed || (m_axi_bvalid && m_axi_bresp_1));
        end
    end
endmodule
