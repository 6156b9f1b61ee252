// SPDX-License-Identifier: MIT
// The engine in a plain simulator (Icarus): runs +first to +last of +folder, as fpga/sim/dump.c wrote
// them, over a memory that stalls at random. Prints each difference and one line at the end.
`timescale 1ns / 1ns
module bench;
    parameter integer PE = 4, SIMD = 32, WINDOW = 256, WEIGHTS = 2048, INPUT = 2048, MASKS = 256;
    parameter integer ROWS = 32, DRAWS = 4, BORDER = 128;
    localparam integer WORDS = 1 << 18;
    localparam [63:0] BASE = 64'h123456000;
    reg clk = 0, rst_n = 0;
    always #5 clk = !clk;

    reg awvalid = 0, wvalid = 0, bready = 0, arvalid = 0, rready = 0;
    reg [11:0] awaddr, araddr;
    reg [31:0] wdata;
    wire awready, wready, bvalid, arready, rvalid;
    wire [31:0] rdata;
    wire m_awvalid, m_wvalid, m_bready, m_arvalid, m_rready;
    reg m_awready = 0, m_wready = 0, m_bvalid = 0, m_arready = 0, m_rvalid = 0;
    wire [63:0] m_awaddr, m_wdata, m_araddr;
    wire [7:0] m_wstrb, m_arlen;
    reg [63:0] m_rdata;
    bb_engine #(
        .PE(PE), .SIMD(SIMD), .WINDOW(WINDOW), .WEIGHTS(WEIGHTS), .INPUT(INPUT), .MASKS(MASKS),
        .ROWS(ROWS), .DRAWS(DRAWS), .BORDER(BORDER)
    ) engine (
        .ap_clk(clk), .ap_rst_n(rst_n), .interrupt(), .s_axi_control_awvalid(awvalid),
        .s_axi_control_awready(awready), .s_axi_control_awaddr(awaddr),
        .s_axi_control_wvalid(wvalid), .s_axi_control_wready(wready), .s_axi_control_wdata(wdata),
        .s_axi_control_wstrb(4'hf), .s_axi_control_bvalid(bvalid), .s_axi_control_bready(bready),
        .s_axi_control_bresp(), .s_axi_control_arvalid(arvalid), .s_axi_control_arready(arready),
        .s_axi_control_araddr(araddr), .s_axi_control_rvalid(rvalid),
        .s_axi_control_rready(rready), .s_axi_control_rdata(rdata), .s_axi_control_rresp(),
        .m_axi_awvalid(m_awvalid), .m_axi_awready(m_awready), .m_axi_awaddr(m_awaddr),
        .m_axi_awlen(), .m_axi_awsize(), .m_axi_awburst(), .m_axi_wvalid(m_wvalid),
        .m_axi_wready(m_wready), .m_axi_wdata(m_wdata), .m_axi_wstrb(m_wstrb), .m_axi_wlast(),
        .m_axi_bvalid(m_bvalid), .m_axi_bready(m_bready), .m_axi_bresp(2'd0),
        .m_axi_arvalid(m_arvalid), .m_axi_arready(m_arready), .m_axi_araddr(m_araddr),
        .m_axi_arlen(m_arlen), .m_axi_arsize(), .m_axi_arburst(), .m_axi_rvalid(m_rvalid),
        .m_axi_rready(m_rready), .m_axi_rdata(m_rdata), .m_axi_rresp(2'd0), .m_axi_rlast(1'b0));

    // ---- memory: one read burst and one write at a time, random gaps ---------------------------
    reg [63:0] memory [0:2*WORDS-1];
    integer at, beats = 0, i, address_taken = 0, data_taken = 0;
    reg [63:0] write_address, write_data;
    reg [7:0] write_strobes;
    always @(posedge clk) begin
        m_arready <= beats == 0 && !(m_arvalid && m_arready) && $urandom % 3 != 0;
        if (m_arvalid && m_arready) begin
            at <= (m_araddr - BASE) >> 3;
            beats <= m_arlen + 1;
            m_arready <= 0;
        end
        if (m_rvalid && m_rready) begin
            at <= at + 1;
            beats <= beats - 1;
            m_rvalid <= 0;
        end
        if (beats > 0 && !m_rvalid && $urandom % 4 != 0) begin
            m_rdata <= memory[at];
            m_rvalid <= 1;
        end
        m_awready <= !address_taken && !(m_awvalid && m_awready) && $urandom % 2 == 0;
        m_wready <= !data_taken && !(m_wvalid && m_wready) && $urandom % 2 == 0;
        if (m_awvalid && m_awready) begin
            write_address <= (m_awaddr - BASE) >> 3;
            address_taken <= 1;
        end
        if (m_wvalid && m_wready) begin
            write_data <= m_wdata;
            write_strobes <= m_wstrb;
            data_taken <= 1;
        end
        if (address_taken && data_taken && !m_bvalid) begin
            for (i = 0; i < 8; i = i + 1)
                if (write_strobes[i])
                    memory[write_address][8*i +: 8] <= write_data[8*i +: 8];
            m_bvalid <= 1;
        end
        if (m_bvalid && m_bready) begin
            m_bvalid <= 0;
            address_taken <= 0;
            data_taken <= 0;
        end
    end

    // ---- control -------------------------------------------------------------------------------
    task write(input [31:0] to, input [31:0] value);
        begin
            awaddr <= to[11:0];
            wdata <= value;
            awvalid <= 1;
            wvalid <= 1;
            bready <= 1;
            @(posedge clk);
            while (!(awready && wready)) @(posedge clk);
            awvalid <= 0;
            wvalid <= 0;
            @(posedge clk);
            while (!bvalid) @(posedge clk);
            bready <= 0;
            @(posedge clk);
        end
    endtask
    reg [31:0] value;
    task read(input [31:0] from);
        begin
            araddr <= from[11:0];
            arvalid <= 1;
            rready <= 1;
            @(posedge clk);
            while (!arready) @(posedge clk);
            arvalid <= 0;
            @(posedge clk);
            while (!rvalid) @(posedge clk);
            value = rdata;
            rready <= 0;
            @(posedge clk);
        end
    endtask

    reg [31:0] arguments [0:4]; // words, calls, n_calls, error, error call
    reg [8*256-1:0] folder, path;
    integer run, first, last, word, wrong = 0, n_wrong = 0;
    initial begin
        if (!$value$plusargs("folder=%s", folder) || !$value$plusargs("first=%d", first) ||
            !$value$plusargs("last=%d", last))
            $finish;
        repeat (4) @(posedge clk);
        rst_n <= 1;
        repeat (2) @(posedge clk);
        for (run = first; run <= last; run = run + 1) begin
            $sformat(path, "%0s/%0d.args", folder, run);
            $readmemh(path, arguments);
            $sformat(path, "%0s/%0d.mem", folder, run);
            $readmemh(path, memory, 0, 2 * arguments[0] - 1);
            write(bb_regs::REG_MEMORY_LOW, BASE[31:0]);
            write(bb_regs::REG_MEMORY_HIGH, BASE[63:32]);
            write(bb_regs::REG_CALLS, arguments[1]);
            write(bb_regs::REG_N_CALLS, arguments[2]);
            write(bb_regs::REG_CONTROL, 1);
            value = 0;
            while (!value[1]) read(bb_regs::REG_CONTROL);
            wrong = 0;
            read(bb_regs::REG_ERROR);
            if (value != arguments[3]) begin
                $display("run %0d: error %0d, expected %0d", run, value, arguments[3]);
                wrong = 1;
            end
            read(bb_regs::REG_CALL);
            if (value != arguments[4])
                wrong = 1;
            for (word = 0; word < arguments[0]; word = word + 1)
                if (memory[word] !== memory[arguments[0] + word]) begin
                    if (!wrong)
                        $display("run %0d, word %0d: found %h, expected %h", run, word,
                                 memory[word], memory[arguments[0] + word]);
                    wrong = 1;
                end
            n_wrong = n_wrong + wrong;
        end
        $display("%0d runs: %0s", last - first + 1, n_wrong == 0 ? "equal" : "WRONG");
        $finish;
    end
endmodule
