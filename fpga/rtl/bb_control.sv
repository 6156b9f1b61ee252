// SPDX-License-Identifier: MIT
// The AXI4-Lite page of an ap_ctrl_hs kernel: control, interrupts, arguments, and what the engine is.
module bb_control #(
    parameter integer PE = 4,
    parameter integer SIMD = 32,
    parameter integer WINDOW = 256,
    parameter integer WEIGHTS = 2048,
    parameter integer INPUT = 2048,
    parameter integer MASKS = 2048,
    parameter integer ROWS = 32,
    parameter integer DRAWS = 4,
    parameter integer BORDER = 128
) (
    input wire clk,
    input wire rst_n,
    input wire s_axi_control_awvalid,
    output wire s_axi_control_awready,
    input wire [11:0] s_axi_control_awaddr,
    input wire s_axi_control_wvalid,
    output wire s_axi_control_wready,
    input wire [31:0] s_axi_control_wdata,
    input wire [3:0] s_axi_control_wstrb,
    output reg s_axi_control_bvalid,
    input wire s_axi_control_bready,
    output wire [1:0] s_axi_control_bresp,
    input wire s_axi_control_arvalid,
    output wire s_axi_control_arready,
    input wire [11:0] s_axi_control_araddr,
    output reg s_axi_control_rvalid,
    input wire s_axi_control_rready,
    output reg [31:0] s_axi_control_rdata,
    output wire [1:0] s_axi_control_rresp,
    output wire interrupt,
    // the engine
    output wire start,
    input wire done,           // one clock
    output reg [60:0] memory,
    output reg [31:0] calls,
    output reg [31:0] n_calls,
    input wire [7:0] error,
    input wire [31:0] call,
    input wire [63:0] cycles
);
    reg ap_start, ap_done, ap_idle, ap_ready, auto_restart, global_irq;
    reg [1:0] irq_enable, irq_status;
    assign s_axi_control_bresp = 2'd0;
    assign s_axi_control_rresp = 2'd0;
    assign interrupt = global_irq && irq_status != 2'd0;
    assign start = ap_start && ap_idle;

    // address and data are taken together
    wire write = s_axi_control_awvalid && s_axi_control_wvalid &&
                 (!s_axi_control_bvalid || s_axi_control_bready);
    assign s_axi_control_awready = write;
    assign s_axi_control_wready = write;
    wire [31:0] to = {20'd0, s_axi_control_awaddr[11:2], 2'd0};
    wire [31:0] from = {20'd0, s_axi_control_araddr[11:2], 2'd0};
    assign s_axi_control_arready = !s_axi_control_rvalid || s_axi_control_rready;
    wire read = s_axi_control_arvalid && s_axi_control_arready;
    wire [31:0] lanes = {{8{s_axi_control_wstrb[3]}}, {8{s_axi_control_wstrb[2]}},
                         {8{s_axi_control_wstrb[1]}}, {8{s_axi_control_wstrb[0]}}};
    wire [31:0] given = s_axi_control_wdata & lanes;
    wire byte_0 = write && s_axi_control_wstrb[0];

    always @(posedge clk) begin
        if (write && to == bb_regs::REG_MEMORY_LOW)
            memory[28:0] <= given[31:3] | (memory[28:0] & ~lanes[31:3]);
        if (write && to == bb_regs::REG_MEMORY_HIGH)
            memory[60:29] <= given | (memory[60:29] & ~lanes);
        if (write && to == bb_regs::REG_CALLS)
            calls <= given | (calls & ~lanes);
        if (write && to == bb_regs::REG_N_CALLS)
            n_calls <= given | (n_calls & ~lanes);
        if (read)
            case (from)
                bb_regs::REG_CONTROL:
                    s_axi_control_rdata <= {24'd0, auto_restart, 3'd0, ap_ready, ap_idle, ap_done,
                                            ap_start};
                bb_regs::REG_GLOBAL_IRQ: s_axi_control_rdata <= {31'd0, global_irq};
                bb_regs::REG_IRQ_ENABLE: s_axi_control_rdata <= {30'd0, irq_enable};
                bb_regs::REG_IRQ_STATUS: s_axi_control_rdata <= {30'd0, irq_status};
                bb_regs::REG_MEMORY_LOW: s_axi_control_rdata <= {memory[28:0], 3'd0};
                bb_regs::REG_MEMORY_HIGH: s_axi_control_rdata <= memory[60:29];
                bb_regs::REG_CALLS: s_axi_control_rdata <= calls;
                bb_regs::REG_N_CALLS: s_axi_control_rdata <= n_calls;
                bb_regs::REG_ERROR: s_axi_control_rdata <= {24'd0, error};
                bb_regs::REG_CALL: s_axi_control_rdata <= call;
                bb_regs::REG_CYCLES_LOW: s_axi_control_rdata <= cycles[31:0];
                bb_regs::REG_CYCLES_HIGH: s_axi_control_rdata <= cycles[63:32];
                bb_regs::REG_MAGIC: s_axi_control_rdata <= bb_regs::MAGIC_NUMBER;
                bb_regs::REG_PE: s_axi_control_rdata <= PE;
                bb_regs::REG_SIMD: s_axi_control_rdata <= SIMD;
                bb_regs::REG_WINDOW: s_axi_control_rdata <= WINDOW;
                bb_regs::REG_WEIGHTS: s_axi_control_rdata <= WEIGHTS;
                bb_regs::REG_INPUT: s_axi_control_rdata <= INPUT;
                bb_regs::REG_MASKS: s_axi_control_rdata <= MASKS;
                bb_regs::REG_ROWS: s_axi_control_rdata <= ROWS;
                bb_regs::REG_DRAWS: s_axi_control_rdata <= DRAWS;
                bb_regs::REG_BORDER: s_axi_control_rdata <= BORDER;
                default: s_axi_control_rdata <= 32'd0;
            endcase
        if (!rst_n) begin
            {ap_start, ap_done, ap_ready, auto_restart, global_irq} <= 5'd0;
            ap_idle <= 1'b1;
            {irq_enable, irq_status} <= 4'd0;
            s_axi_control_bvalid <= 1'b0;
            s_axi_control_rvalid <= 1'b0;
        end else begin
            s_axi_control_bvalid <= write || (s_axi_control_bvalid && !s_axi_control_bready);
            s_axi_control_rvalid <= read || (s_axi_control_rvalid && !s_axi_control_rready);
            if (byte_0 && to == bb_regs::REG_CONTROL) begin
                auto_restart <= given[7];
                if (given[0])
                    ap_start <= 1'b1;
            end else if (done) begin
                ap_start <= auto_restart;
            end
            ap_idle <= done || (ap_idle && !start);
            ap_ready <= done || (ap_ready && !(read && from == bb_regs::REG_CONTROL));
            ap_done <= done || (ap_done && !(read && from == bb_regs::REG_CONTROL));
            if (byte_0 && to == bb_regs::REG_GLOBAL_IRQ)
                global_irq <= given[0];
            if (byte_0 && to == bb_regs::REG_IRQ_ENABLE)
                irq_enable <= given[1:0];
            irq_status <= (irq_status ^ (byte_0 && to == bb_regs::REG_IRQ_STATUS ? given[1:0] : 2'd0)) |
                          (irq_enable & {2{done}});
        end
    end
endmodule
