// SPDX-License-Identifier: MIT
// bb_small behind a serial line (8 data bits, no parity): a top for boards with a clock and a USB serial
// port. A byte from the host is a command: bit 7 write, bits 5-0 the register's offset. Four bytes follow
// a write, lowest first; four bytes answer a read. Zeros are reads of offset 0: enough of them end a write
// that was begun by noise.
module bb_board #(
    parameter integer CLOCKS = 12, // of one bit on the line, at least 4: 12 MHz at 1 Mbaud
    parameter integer PE = 4,
    parameter integer SIMD = 32,
    parameter integer WINDOW = 64,
    parameter integer WEIGHTS = 512,
    parameter integer ROWS = 4,
    parameter integer DRAWS = 2
) (
    input wire clk,
    input wire rx,
    output wire tx,
    output wire [7:0] led
);
    localparam integer CA = $clog2(CLOCKS);
    localparam integer LAST = CLOCKS - 1, MIDDLE = CLOCKS / 2 - 1;

    // the configuration clears registers: this is the reset
    reg [4:0] since_power = 5'd0;
    wire rst_n = since_power[4];
    always @(posedge clk)
        if (!rst_n)
            since_power <= since_power + 5'd1;

    // ---- from the host: sampled in the middle of each bit ---------------------------------------
    reg [2:0] line;
    reg [3:0] bits_left; // start, 8 data, stop; 0: none under way
    reg [CA-1:0] rx_wait;
    reg [7:0] shifted;
    wire sample = bits_left != 4'd0 && rx_wait == {CA{1'b0}};
    wire received = sample && bits_left == 4'd1 && line[2];
    always @(posedge clk) begin
        line <= {line[1:0], rx};
        if (sample && bits_left != 4'd1 && bits_left != 4'd10)
            shifted <= {line[2], shifted[7:1]};
        rx_wait <= bits_left == 4'd0 ? MIDDLE[CA-1:0] : sample ? LAST[CA-1:0] : rx_wait - 1'b1;
        if (!rst_n)
            bits_left <= 4'd0;
        else if (bits_left == 4'd0)
            bits_left <= line[2] ? 4'd0 : 4'd10;
        else if (sample)
            bits_left <= bits_left == 4'd10 && line[2] ? 4'd0 : bits_left - 4'd1;
    end

    // ---- commands --------------------------------------------------------------------------------
    reg [5:0] address;
    reg [2:0] data_left;
    reg [31:0] data;
    reg write, read, alive;
    wire awready, wready, bvalid, arready, rvalid;
    wire [31:0] rdata;
    wire command = received && data_left == 3'd0;
    always @(posedge clk) begin
        if (command)
            address <= shifted[5:0];
        if (received && data_left != 3'd0)
            data <= {shifted, data[31:8]};
        if (!rst_n) begin
            data_left <= 3'd0;
            write <= 1'b0;
            read <= 1'b0;
            alive <= 1'b0;
        end else begin
            if (command)
                data_left <= shifted[7] ? 3'd4 : 3'd0;
            else if (received)
                data_left <= data_left - 3'd1;
            write <= (write && !(awready && wready)) || (received && data_left == 3'd1);
            read <= (read && !arready) || (command && !shifted[7]);
            alive <= alive ^ command;
        end
    end
    bb_small #(
        .PE(PE), .SIMD(SIMD), .WINDOW(WINDOW), .WEIGHTS(WEIGHTS), .ROWS(ROWS), .DRAWS(DRAWS)
    ) unit (
        .clk(clk), .rst_n(rst_n), .awvalid(write), .awready(awready), .awaddr(address), .wvalid(write),
        .wready(wready), .wdata(data), .bvalid(bvalid), .bready(1'b1), .arvalid(read),
        .arready(arready), .araddr(address), .rvalid(rvalid), .rready(1'b1), .rdata(rdata));

    // ---- to the host -----------------------------------------------------------------------------
    reg [39:0] sending; // lowest bit on the line; idle is 1
    reg [5:0] send_left;
    reg [CA-1:0] tx_wait;
    assign tx = sending[0];
    always @(posedge clk)
        if (!rst_n) begin
            sending <= {40{1'b1}};
            send_left <= 6'd0;
        end else if (rvalid) begin
            sending <= {1'b1, rdata[31:24], 2'b01, rdata[23:16], 2'b01, rdata[15:8], 2'b01, rdata[7:0], 1'b0};
            send_left <= 6'd40;
            tx_wait <= LAST[CA-1:0];
        end else if (send_left != 6'd0) begin
            tx_wait <= tx_wait == {CA{1'b0}} ? LAST[CA-1:0] : tx_wait - 1'b1;
            if (tx_wait == {CA{1'b0}}) begin
                sending <= {1'b1, sending[39:1]};
                send_left <= send_left - 6'd1;
            end
        end

    assign led = {address, alive, rst_n};
    /* verilator lint_off UNUSEDSIGNAL */
    wire unused = bvalid;
    /* verilator lint_on UNUSEDSIGNAL */
endmodule
