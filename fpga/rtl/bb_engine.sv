// SPDX-License-Identifier: MIT
// The kernel: runs a list of stage calls from memory, one after another. A call record is the stage
// descriptor of kernels/shared.h and some words that the driver derived from it (bb_regs). Per 64
// output channels ("tile") the weights and banks are loaded, then every entry of the work list runs.
module bb_engine #(
    parameter integer PE = 4,         // output channels at a time: 2, 4, 8, 16, 32
    parameter integer SIMD = 32,      // bits at a time: 8, 16, 32, 64
    parameter integer WINDOW = 256,   // units of SIMD bits of one kernel window (bytes: times 8)
    parameter integer WEIGHTS = 2048, // units per PE, for 64 output channels
    parameter integer INPUT = 2048,   // units of an input map
    parameter integer MASKS = 256,    // units of a mask
    parameter integer ROWS = 32,      // border classes times draws
    parameter integer DRAWS = 4,      // a power of two
    parameter integer BORDER = 128    // sum_h + sum_w, with border classes
) (
    input wire ap_clk,
    input wire ap_rst_n,
    output wire interrupt,
    input wire s_axi_control_awvalid,
    output wire s_axi_control_awready,
    input wire [11:0] s_axi_control_awaddr,
    input wire s_axi_control_wvalid,
    output wire s_axi_control_wready,
    input wire [31:0] s_axi_control_wdata,
    input wire [3:0] s_axi_control_wstrb,
    output wire s_axi_control_bvalid,
    input wire s_axi_control_bready,
    output wire [1:0] s_axi_control_bresp,
    input wire s_axi_control_arvalid,
    output wire s_axi_control_arready,
    input wire [11:0] s_axi_control_araddr,
    output wire s_axi_control_rvalid,
    input wire s_axi_control_rready,
    output wire [31:0] s_axi_control_rdata,
    output wire [1:0] s_axi_control_rresp,
    output wire m_axi_awvalid,
    input wire m_axi_awready,
    output wire [63:0] m_axi_awaddr,
    output wire [7:0] m_axi_awlen,
    output wire [2:0] m_axi_awsize,
    output wire [1:0] m_axi_awburst,
    output wire m_axi_wvalid,
    input wire m_axi_wready,
    output wire [63:0] m_axi_wdata,
    output wire [7:0] m_axi_wstrb,
    output wire m_axi_wlast,
    input wire m_axi_bvalid,
    output wire m_axi_bready,
    /* verilator lint_off UNUSEDSIGNAL */
    input wire [1:0] m_axi_bresp,
    /* verilator lint_on UNUSEDSIGNAL */
    output wire m_axi_arvalid,
    input wire m_axi_arready,
    output wire [63:0] m_axi_araddr,
    output wire [7:0] m_axi_arlen,
    output wire [2:0] m_axi_arsize,
    output wire [1:0] m_axi_arburst,
    input wire m_axi_rvalid,
    output wire m_axi_rready,
    input wire [63:0] m_axi_rdata,
    /* verilator lint_off UNUSEDSIGNAL */
    input wire [1:0] m_axi_rresp,
    input wire m_axi_rlast
    /* verilator lint_on UNUSEDSIGNAL */
);
    localparam integer UA = $clog2(INPUT) + $clog2(SIMD / 8);
    localparam integer WA = $clog2(WINDOW);
    localparam integer KA = $clog2(WEIGHTS);
    localparam integer PA = $clog2(PE);
    localparam integer DA = $clog2(DRAWS);
    localparam integer RA = $clog2(ROWS);
    localparam integer BA = $clog2(BORDER);
    localparam integer SUM = $clog2(WINDOW * SIMD * 32) + 2;
    localparam [4:0] IDLE = 5'd0, FETCH = 5'd1, CHECK = 5'd2, BORDERS = 5'd3, TILE = 5'd4,
                     WEIGHT = 5'd5, BANK = 5'd6, LIST = 5'd7, SOURCE = 5'd8, LOAD = 5'd9,
                     MASK_AT = 5'd10, MASK = 5'd11, SLOTS = 5'd12, RUN = 5'd13, NEXT = 5'd14,
                     FINISH = 5'd15, DONE = 5'd16;
    wire clk = ap_clk;
    wire rst_n = ap_rst_n;

    // ---- control page ------------------------------------------------------------------------
    wire start;
    wire [60:0] memory;
    wire [31:0] calls, n_calls;
    reg [4:0] state;
    reg [7:0] error;
    reg [31:0] call;
    reg [63:0] cycles;
    bb_control #(
        .PE(PE), .SIMD(SIMD), .WINDOW(WINDOW), .WEIGHTS(WEIGHTS), .INPUT(INPUT), .MASKS(MASKS),
        .ROWS(ROWS), .DRAWS(DRAWS), .BORDER(BORDER)
    ) control (
        .clk(clk), .rst_n(rst_n), .s_axi_control_awvalid(s_axi_control_awvalid),
        .s_axi_control_awready(s_axi_control_awready), .s_axi_control_awaddr(s_axi_control_awaddr),
        .s_axi_control_wvalid(s_axi_control_wvalid), .s_axi_control_wready(s_axi_control_wready),
        .s_axi_control_wdata(s_axi_control_wdata), .s_axi_control_wstrb(s_axi_control_wstrb),
        .s_axi_control_bvalid(s_axi_control_bvalid), .s_axi_control_bready(s_axi_control_bready),
        .s_axi_control_bresp(s_axi_control_bresp), .s_axi_control_arvalid(s_axi_control_arvalid),
        .s_axi_control_arready(s_axi_control_arready), .s_axi_control_araddr(s_axi_control_araddr),
        .s_axi_control_rvalid(s_axi_control_rvalid), .s_axi_control_rready(s_axi_control_rready),
        .s_axi_control_rdata(s_axi_control_rdata), .s_axi_control_rresp(s_axi_control_rresp),
        .interrupt(interrupt), .start(start), .done(state == DONE), .memory(memory), .calls(calls),
        .n_calls(n_calls), .error(error), .call(call), .cycles(cycles));

    // ---- the call record ---------------------------------------------------------------------
    (* ram_style = "logic" *) reg [31:0] words [0:bb_regs::CALL_WORDS-1];
    reg [6:0] fetched;
    wire stream_valid, stream_ready;
    wire [63:0] stream;
    always @(posedge clk)
        if (state == FETCH && stream_valid) begin
            words[fetched] <= stream[31:0];
            words[fetched + 7'd1] <= stream[63:32];
        end
    wire [31:0] sum = words[bb_regs::CALL_SUM];
    wire [31:0] emit = words[bb_regs::CALL_EMIT];
    wire bytes = sum == bb_regs::SUM_BYTES;
    wire sums = emit == bb_regs::EMIT_SUMS;
    wire [31:0] chunks = words[bb_regs::CALL_AT_CHUNKS];
    wire [31:0] n_draws = words[bb_regs::CALL_N_DRAWS];
    wire [31:0] n_rows = words[bb_regs::CALL_AT_N_ROWS];
    wire [31:0] out_channels = words[bb_regs::CALL_OUT_CHANNELS];
    wire [31:0] sum_h = words[bb_regs::CALL_SUM_H], sum_w = words[bb_regs::CALL_SUM_W];
    wire [31:0] in_stride = words[bb_regs::CALL_IN_STRIDE];
    wire [31:0] mask_words = words[bb_regs::CALL_AT_MASK_WORDS];
    wire classes = !sums && (words[bb_regs::CALL_N_ROW_CLASSES] != 32'd1 ||
                             words[bb_regs::CALL_N_COLUMN_CLASSES] != 32'd1);
    wire pools = (words[bb_regs::CALL_POOL_H] & words[bb_regs::CALL_POOL_W]) != 32'd1 ||
                 (words[bb_regs::CALL_POOL_H] | words[bb_regs::CALL_POOL_W]) != 32'd1;
    wire [63:0] tail = {words[bb_regs::CALL_AT_TAIL_HIGH], words[bb_regs::CALL_AT_TAIL_LOW]};

    // what is refused, first reason first
    wire [7:0] refusal =
        words[bb_regs::CALL_AT_MAGIC] != bb_regs::MAGIC_NUMBER ? bb_regs::ERROR_MAGIC[7:0] :
        sum != bb_regs::SUM_BITS && !bytes ? bb_regs::ERROR_SUM[7:0] :
        emit != bb_regs::EMIT_BITS && !sums ? bb_regs::ERROR_EMIT[7:0] :
        words[bb_regs::CALL_SECOND] != 32'd0 || words[bb_regs::CALL_IN_OFFSET] != 32'd0
            ? bb_regs::ERROR_SECOND[7:0] :
        words[bb_regs::CALL_GROUPS] != 32'd1 ? bb_regs::ERROR_GROUPS[7:0] :
        words[bb_regs::CALL_DILATION_H] != 32'd1 || words[bb_regs::CALL_DILATION_W] != 32'd1
            ? bb_regs::ERROR_DILATION[7:0] :
        n_draws == 32'd0 || n_draws > (sums ? 32'd1 : DRAWS) ? bb_regs::ERROR_DRAWS[7:0] :
        words[bb_regs::CALL_IN_TYPE] != (bytes ? bb_regs::TYPE_BYTES : bb_regs::TYPE_BITS)
            ? bb_regs::ERROR_TYPE[7:0] :
        bytes && words[bb_regs::CALL_MASKED] != 32'd0 ? bb_regs::ERROR_MASK[7:0] :
        sums && pools ? bb_regs::ERROR_POOL[7:0] :
        chunks > (bytes ? WINDOW / 8 : WINDOW) ? bb_regs::ERROR_WINDOW[7:0] :
        n_rows > ROWS ? bb_regs::ERROR_ROWS[7:0] :
        classes && (sum_h > BORDER || sum_w > BORDER || sum_h + sum_w > BORDER)
            ? bb_regs::ERROR_BORDER[7:0] : 8'd0;

    // ---- reads -------------------------------------------------------------------------------
    reg read_start;
    reg [31:0] read_at, read_words;
    // CALL_WORDS / 2 words, without a multiplier
    wire [31:0] next_record = calls + ((call + 32'd1) << 5) + ((call + 32'd1) << 2);
    wire read_idle, read_failed;
    wire read_over = read_idle && !read_start;
    bb_read reader (
        .clk(clk), .rst_n(rst_n), .start(read_start), .address(memory + {29'd0, read_at}),
        .words(read_words), .idle(read_idle), .failed(read_failed), .valid(stream_valid),
        .ready(stream_ready), .data(stream), .m_axi_arvalid(m_axi_arvalid),
        .m_axi_arready(m_axi_arready), .m_axi_araddr(m_axi_araddr), .m_axi_arlen(m_axi_arlen),
        .m_axi_rvalid(m_axi_rvalid), .m_axi_rready(m_axi_rready), .m_axi_rdata(m_axi_rdata),
        .m_axi_rresp_1(m_axi_rresp[1]));
    assign m_axi_arsize = 3'd3;
    assign m_axi_arburst = 2'd1;

    wire packs = state == WEIGHT || state == LOAD || state == MASK;
    wire unpack_ready, unit_valid, unpack_busy;
    wire [SIMD-1:0] unit;
    bb_unpack #(.SIMD(SIMD)) unpack (
        .clk(clk), .clear(read_start),
        .pack_units(state == WEIGHT ? words[bb_regs::CALL_AT_PACK_UNITS][15:0]
                                    : words[bb_regs::CALL_AT_IN_UNITS][15:0]),
        .valid(stream_valid && packs), .ready(unpack_ready), .data(stream), .unit_valid(unit_valid),
        .unit_data(unit), .busy(unpack_busy));

    // borders and list entries are 32-bit: the second half takes another clock
    reg high;
    wire halves = state == BORDERS || state == LIST;
    wire [31:0] half_word = high ? stream[63:32] : stream[31:0];
    assign stream_ready = packs ? unpack_ready : !halves || high;
    reg [31:0] n_units; // also counts halves and bank entries

    // weights: CHUNKS units of one channel, then the next lane
    reg [PA-1:0] lane;
    reg [KA:0] weight_at, lane_base;
    reg [31:0] chunk;
    reg overflow;
    wire weight_write = state == WEIGHT && unit_valid;
    wire last_chunk = chunk + 32'd1 == chunks;

    // bank entries: thresholds are cut to what a sum can reach
    wire signed [31:0] threshold = stream[31:0];
    wire in_range = threshold[31:SUM-1] == {(33-SUM){threshold[31]}};
    wire [SUM-1:0] cut = in_range ? threshold[SUM-1:0] : {threshold[31], {(SUM-1){!threshold[31]}}};
    reg [RA:0] bank_row;
    wire [31:0] bank_rows = {{(31-RA){1'b0}}, bank_row};

    // ---- one multiplier, a bit of `factor` a clock -----------------------------------------------
    reg [31:0] times, factor, product;
    wire multiplied = factor == 32'd0;

    // ---- the entry ---------------------------------------------------------------------------
    reg [31:0] entry, list_at, in_slot, mask_row;
    reg [31:0] slots [0:DRAWS-1];      // output slots, then offsets of output slots
    reg [DRAWS-1:0] wanted;
    reg [DA:0] slot;
    reg [31:0] tile;                   // first channel
    wire [31:0] channels_left = out_channels - tile;
    wire [6:0] tile_channels = channels_left > 32'd64 ? 7'd64 : channels_left[6:0];
    reg [31:0] weights_at, bank_at;
    reg run_started;
    wire matrix_idle, gather_idle, write_idle, write_failed;
    wire last_entry = entry + 32'd1 == words[bb_regs::CALL_AT_N_ENTRIES];
    wire last_tile = channels_left <= 32'd64;

    // ---- writes ------------------------------------------------------------------------------
    wire out_valid, out_last, write_ready;
    wire [5:0] out_index;
    wire [63:0] out_word;
    wire signed [SUM-1:0] out_sum;
    wire signed [31:0] out_sum_32 = {{(32-SUM){out_sum[SUM-1]}}, out_sum};
    reg [31:0] pixel_at; // words, or sums
    wire [31:0] sum_at = pixel_at + tile + {26'd0, out_index};
    wire [DA-1:0] out_slot = sums ? {DA{1'b0}} : out_index[DA-1:0];
    wire out_wanted = wanted[out_slot];
    wire [31:0] out_offset = slots[out_slot] + (sums ? {1'b0, sum_at[31:1]}
                                                     : pixel_at + {6'd0, tile[31:6]});
    wire out_ready = write_ready || !out_wanted;
    bb_write writer (
        .clk(clk), .rst_n(rst_n), .valid(out_valid && out_wanted), .ready(write_ready),
        .address(memory + {29'd0, out_offset}), .data(sums ? {2{out_sum_32}} : out_word),
        .halves(sums ? {sum_at[0], !sum_at[0]} : 2'd3), .idle(write_idle), .failed(write_failed),
        .clear(state == IDLE), .m_axi_awvalid(m_axi_awvalid), .m_axi_awready(m_axi_awready),
        .m_axi_awaddr(m_axi_awaddr), .m_axi_wvalid(m_axi_wvalid), .m_axi_wready(m_axi_wready),
        .m_axi_wdata(m_axi_wdata), .m_axi_wstrb(m_axi_wstrb), .m_axi_bvalid(m_axi_bvalid),
        .m_axi_bready(m_axi_bready), .m_axi_bresp_1(m_axi_bresp[1]));
    assign m_axi_awlen = 8'd0;
    assign m_axi_awsize = 3'd3;
    assign m_axi_awburst = 2'd1;
    assign m_axi_wlast = 1'b1;

    // ---- the sequence ------------------------------------------------------------------------
    wire loaded = read_over && !unpack_busy;
    wire list_odd = list_at[0];
    wire [31:0] entry_words = 32'd2 + n_draws;
    wire [31:0] slot_word = n_units - 32'd2 - {31'd0, list_odd};
    integer d;
    always @(posedge clk) begin
        read_start <= 1'b0;
        if (!multiplied) begin
            product <= product + (factor[0] ? times : 32'd0);
            times <= times << 1;
            factor <= factor >> 1;
        end
        if (state != IDLE)
            cycles <= cycles + 64'd1;
        case (state)
            IDLE: if (start) begin
                state <= n_calls == 32'd0 ? DONE : FETCH;
                read_start <= n_calls != 32'd0;
                read_at <= calls;
                read_words <= bb_regs::CALL_WORDS / 2;
                fetched <= 7'd0;
                call <= 32'd0;
                error <= 8'd0;
                cycles <= 64'd0;
                overflow <= 1'b0;
            end
            FETCH: begin
                if (stream_valid)
                    fetched <= fetched + 7'd2;
                if (read_over)
                    state <= CHECK;
            end
            CHECK: begin
                error <= refusal;
                state <= refusal != 8'd0 ? FINISH :
                         words[bb_regs::CALL_AT_N_ENTRIES] == 32'd0 ? FINISH :
                         classes ? BORDERS : TILE;
                read_start <= refusal == 8'd0 && classes;
                read_at <= words[bb_regs::CALL_AT_BORDER];
                read_words <= (sum_h + sum_w + 32'd1) >> 1;
                n_units <= 32'd0;
                high <= 1'b0;
                tile <= 32'd0;
                weights_at <= words[bb_regs::CALL_AT_WEIGHTS];
                bank_at <= words[bb_regs::CALL_AT_BANK];
                times <= words[bb_regs::CALL_AT_ROW_WORDS];
                factor <= {25'd0, out_channels > 32'd64 ? 7'd64 : out_channels[6:0]};
                product <= 32'd0;
            end
            BORDERS: begin
                if (stream_valid) begin
                    high <= !high;
                    n_units <= n_units + 32'd1;
                end
                if (read_over)
                    state <= TILE;
            end
            TILE: if (multiplied) begin // words of the tile's weights
                state <= WEIGHT;
                read_start <= 1'b1;
                read_at <= weights_at;
                read_words <= product;
                weights_at <= weights_at + product;
                lane <= {PA{1'b0}};
                {weight_at, lane_base} <= {(2*KA+2){1'b0}};
                chunk <= 32'd0;
                bank_row <= {(RA+1){1'b0}};
            end
            WEIGHT: begin
                if (unit_valid) begin
                    overflow <= overflow || weight_at[KA];
                    chunk <= last_chunk ? 32'd0 : chunk + 32'd1;
                    weight_at <= weight_at + {{KA{1'b0}}, 1'b1};
                    if (last_chunk) begin
                        lane <= lane + 1'b1;
                        if (lane == {PA{1'b1}})
                            lane_base <= weight_at + {{KA{1'b0}}, 1'b1};
                        else
                            weight_at <= lane_base;
                    end
                end
                if (loaded) begin
                    error <= overflow ? bb_regs::ERROR_WEIGHTS[7:0] : 8'd0;
                    state <= overflow ? FINISH : sums ? LIST : BANK;
                    read_start <= !overflow;
                    read_at <= sums ? words[bb_regs::CALL_AT_LIST] : bank_at + tile;
                    read_words <= sums ? (entry_words + 32'd1) >> 1 : {25'd0, tile_channels};
                    entry <= 32'd0;
                    list_at <= 32'd0;
                    n_units <= 32'd0;
                    high <= 1'b0;
                end
            end
            BANK: begin
                if (stream_valid)
                    n_units <= n_units + 32'd1;
                if (read_over) begin
                    n_units <= 32'd0;
                    bank_row <= bank_row + 1'b1;
                    bank_at <= bank_at + out_channels;
                    read_start <= 1'b1;
                    read_at <= bank_at + out_channels + tile;
                    if (bank_rows + 32'd1 == n_rows) begin
                        bank_at <= words[bb_regs::CALL_AT_BANK];
                        state <= LIST;
                        read_at <= words[bb_regs::CALL_AT_LIST];
                        read_words <= (entry_words + 32'd1) >> 1;
                        high <= 1'b0;
                    end
                end
            end
            LIST: begin // halves: [odd] input, mask, slots
                if (stream_valid) begin
                    high <= !high;
                    n_units <= n_units + 32'd1;
                    if (n_units == {31'd0, list_odd})
                        in_slot <= half_word;
                    else if (n_units == {31'd0, list_odd} + 32'd1)
                        mask_row <= half_word;
                    for (d = 0; d < DRAWS; d = d + 1)
                        if (slot_word == d) begin
                            slots[d] <= half_word;
                            wanted[d] <= half_word != 32'hffffffff;
                        end
                end
                if (read_over) begin
                    state <= SOURCE;
                    times <= in_stride;
                    factor <= in_slot;
                    product <= 32'd0;
                end
            end
            SOURCE: if (multiplied) begin
                state <= LOAD;
                read_start <= 1'b1;
                read_at <= words[bb_regs::CALL_AT_INPUT] + product;
                read_words <= in_stride;
                n_units <= 32'd0;
            end
            LOAD: begin
                if (unit_valid) begin
                    overflow <= overflow || n_units >= INPUT;
                    n_units <= n_units + 32'd1;
                end
                if (loaded) begin
                    error <= overflow ? bb_regs::ERROR_INPUT[7:0] : 8'd0;
                    state <= overflow ? FINISH : mask_row == 32'hffffffff ? SLOTS : MASK_AT;
                    times <= mask_row == 32'hffffffff ? words[bb_regs::CALL_OUT_STRIDE] : mask_words;
                    factor <= mask_row == 32'hffffffff ? (wanted[0] ? slots[0] : 32'd0) : mask_row;
                    product <= 32'd0;
                    slot <= {(DA+1){1'b0}};
                end
            end
            MASK_AT: if (multiplied) begin
                state <= MASK;
                read_start <= 1'b1;
                read_at <= words[bb_regs::CALL_AT_MASKS] + product;
                read_words <= mask_words;
                n_units <= 32'd0;
            end
            MASK: begin
                if (unit_valid) begin
                    overflow <= overflow || n_units >= MASKS;
                    n_units <= n_units + 32'd1;
                end
                if (loaded) begin
                    error <= overflow ? bb_regs::ERROR_MASKS[7:0] : 8'd0;
                    state <= overflow ? FINISH : SLOTS;
                    times <= words[bb_regs::CALL_OUT_STRIDE];
                    factor <= wanted[0] ? slots[0] : 32'd0;
                    product <= 32'd0;
                end
            end
            SLOTS: if (multiplied) begin
                slots[slot[DA-1:0]] <= words[bb_regs::CALL_AT_OUTPUT] + product;
                slot <= slot + 1'b1;
                times <= words[bb_regs::CALL_OUT_STRIDE];
                product <= 32'd0;
                factor <= wanted[slot[DA-1:0] + 1'b1] ? slots[slot[DA-1:0] + 1'b1] : 32'd0;
                if ({{(31-DA){1'b0}}, slot} + 32'd1 == n_draws) begin
                    factor <= 32'd0;
                    state <= RUN;
                    run_started <= 1'b0;
                    pixel_at <= 32'd0;
                end
            end
            RUN: begin
                run_started <= 1'b1;
                if (out_valid && out_ready && out_last)
                    pixel_at <= pixel_at + (sums ? out_channels : words[bb_regs::CALL_OUT_WORDS]);
                if (run_started && gather_idle && matrix_idle)
                    state <= NEXT;
            end
            NEXT: begin
                entry <= entry + 32'd1;
                list_at <= list_at + entry_words;
                n_units <= 32'd0;
                high <= 1'b0;
                if (!last_entry) begin
                    state <= LIST;
                    read_start <= 1'b1;
                    read_at <= words[bb_regs::CALL_AT_LIST] + ((list_at + entry_words) >> 1);
                    read_words <= (entry_words + {31'd0, list_at[0] ^ entry_words[0]} + 32'd1) >> 1;
                end else begin
                    tile <= tile + 32'd64;
                    times <= words[bb_regs::CALL_AT_ROW_WORDS];
                    factor <= channels_left - 32'd64 > 32'd64 ? 32'd64 : channels_left - 32'd64;
                    product <= 32'd0;
                    state <= last_tile ? FINISH : TILE;
                    if (last_tile)
                        factor <= 32'd0;
                end
            end
            FINISH: if (write_idle) begin
                overflow <= 1'b0;
                if (error != 8'd0) begin
                    state <= DONE;
                end else if (write_failed) begin
                    error <= bb_regs::ERROR_BUS[7:0];
                    state <= DONE;
                end else begin
                    call <= call + 32'd1;
                    fetched <= 7'd0;
                    read_start <= call + 32'd1 != n_calls;
                    read_at <= next_record;
                    read_words <= bb_regs::CALL_WORDS / 2;
                    state <= call + 32'd1 == n_calls ? DONE : FETCH;
                end
            end
            default: state <= IDLE; // DONE
        endcase
        if (read_failed) begin
            error <= bb_regs::ERROR_BUS[7:0];
            if (read_over && state != IDLE && state != DONE)
                state <= FINISH;
        end
        if (state == FINISH && write_idle && read_failed)
            state <= DONE;
        if (!rst_n) begin
            state <= IDLE;
            error <= 8'd0;
            factor <= 32'd0;
            read_start <= 1'b0;
        end
    end

    // ---- window and matrix -------------------------------------------------------------------
    wire window_write, job_valid, job_first, job_last, job_done;
    wire [WA:0] window_address;
    wire [SIMD-1:0] window_bits, window_mask;
    wire [RA-1:0] job_row;
    wire [WA-1:0] last_window_chunk = chunks[WA-1:0] - 1'b1;
    bb_gather #(
        .SIMD(SIMD), .WINDOW(WINDOW), .INPUT(INPUT), .MASKS(MASKS), .ROWS(ROWS), .BORDER(BORDER)
    ) gather (
        .clk(clk), .rst_n(rst_n), .start(state == RUN && !run_started), .idle(gather_idle),
        .bytes(bytes), .classes(classes), .masked(mask_row != 32'hffffffff),
        .mask_per_element(words[bb_regs::CALL_MASK_PER_ELEMENT][0]),
        .in_h(words[bb_regs::CALL_IN_H][15:0]), .in_w(words[bb_regs::CALL_IN_W][15:0]),
        .kernel_h(words[bb_regs::CALL_KERNEL_H][15:0]),
        .kernel_w(words[bb_regs::CALL_KERNEL_W][15:0]),
        .step_h(words[bb_regs::CALL_STEP_H][15:0]), .step_w(words[bb_regs::CALL_STEP_W][15:0]),
        .sum_h(sum_h[15:0]), .sum_w(sum_w[15:0]), .out_h(words[bb_regs::CALL_OUT_H][15:0]),
        .out_w(words[bb_regs::CALL_OUT_W][15:0]), .pool_h(words[bb_regs::CALL_POOL_H][15:0]),
        .pool_w(words[bb_regs::CALL_POOL_W][15:0]),
        .pool_step_h(words[bb_regs::CALL_POOL_STEP_H][15:0]),
        .pool_step_w(words[bb_regs::CALL_POOL_STEP_W][15:0]),
        .pool_top(words[bb_regs::CALL_POOL_TOP][15:0]),
        .pool_left(words[bb_regs::CALL_POOL_LEFT][15:0]),
        .y_first(words[bb_regs::CALL_AT_Y_FIRST][15:0]),
        .x_first(words[bb_regs::CALL_AT_X_FIRST][15:0]),
        .y_step(words[bb_regs::CALL_AT_Y_STEP][15:0]),
        .x_step(words[bb_regs::CALL_AT_X_STEP][15:0]),
        .pixel_units(words[bb_regs::CALL_AT_PIXEL_UNITS][15:0]),
        .row_units(words[bb_regs::CALL_AT_ROW_UNITS][UA-1:0]),
        .row_first(words[bb_regs::CALL_AT_ROW_FIRST][UA-1:0]),
        .column_first(words[bb_regs::CALL_AT_COLUMN_FIRST][UA-1:0]),
        .row_step(words[bb_regs::CALL_AT_ROW_STEP][UA-1:0]),
        .column_step(words[bb_regs::CALL_AT_COLUMN_STEP][UA-1:0]),
        .row_pool(words[bb_regs::CALL_AT_ROW_POOL][UA-1:0]),
        .column_pool(words[bb_regs::CALL_AT_COLUMN_POOL][UA-1:0]),
        .last_chunk(last_window_chunk), .tail(tail[SIMD-1:0]),
        .input_write(state == LOAD && unit_valid), .input_address(n_units[$clog2(INPUT)-1:0]),
        .input_data(unit), .mask_write(state == MASK && unit_valid),
        .mask_address(n_units[$clog2(MASKS)-1:0]), .mask_data(unit),
        .border_write(state == BORDERS && stream_valid), .border_address(n_units[BA-1:0]),
        .border_data(half_word[RA-1:0]), .window_write(window_write),
        .window_address(window_address), .window_bits(window_bits), .window_mask(window_mask),
        .job_valid(job_valid), .job_row(job_row), .job_first(job_first), .job_last(job_last),
        .job_done(job_done));
    wire [6:0] tile_last = tile_channels - 7'd1;
    wire [31:0] last_draw = n_draws - 32'd1;
    bb_matrix #(
        .PE(PE), .SIMD(SIMD), .WINDOW(WINDOW), .WEIGHTS(WEIGHTS), .ROWS(ROWS), .DRAWS(DRAWS)
    ) matrix (
        .clk(clk), .rst_n(rst_n), .last_chunk(last_window_chunk), .bytes(bytes),
        .last_channel(tile_last[5:0]), .last_draw(last_draw[DA-1:0]), .sums(sums),
        .weight_write(weight_write), .weight_lane(lane), .weight_address(weight_at[KA-1:0]),
        .weight_data(unit), .window_write(window_write), .window_address(window_address),
        .window_bits(window_bits), .window_mask(window_mask),
        .bank_write(state == BANK && stream_valid),
        .bank_address({bank_row[RA-1:0], n_units[5:0]}), .bank_data({stream[33:32], cut}),
        .job_valid(job_valid), .job_row(job_row), .job_first(job_first), .job_last(job_last),
        .job_done(job_done), .out_valid(out_valid), .out_ready(out_ready), .out_index(out_index),
        .out_last(out_last), .out_word(out_word), .out_sum(out_sum),
        .idle(matrix_idle));
endmodule
