// SPDX-License-Identifier: MIT
// The folded XNOR-popcount unit with its threshold banks. A job is one pixel of the sum map: a
// window of {bits, mask} units in one half of the window memory against up to 64 output channels,
// PE at a time. A unit whose mask is 0 is padding; a bit plane of bytes is a mask over ones.
// The sum n - 2 differing of each channel is compared for one (channel, draw) a clock behind the
// sweep, pooled over the jobs of an output pixel, and leaves as one 64-bit word per draw; or as sums.
module bb_matrix #(
    parameter integer PE = 4,         // a power of two, 2 to 32
    parameter integer SIMD = 32,      // 8, 16, 32 or 64
    parameter integer WINDOW = 256,   // units of one window
    parameter integer WEIGHTS = 2048, // units per PE
    parameter integer ROWS = 32,      // bank rows of 64 channels
    parameter integer DRAWS = 4,      // a power of two
    parameter integer SUM = $clog2(WINDOW * SIMD * 32) + 2
) (
    input wire clk,
    input wire rst_n,
    // the stage; constant while jobs run
    input wire [$clog2(WINDOW)-1:0] last_chunk,
    input wire bytes,                       // 8 planes, highest first
    input wire [5:0] last_channel,          // 0 .. 63
    input wire [$clog2(DRAWS)-1:0] last_draw,
    input wire sums,                        // no bank: i32 sums, draw 0 only
    // memories
    input wire weight_write,
    input wire [$clog2(PE)-1:0] weight_lane,
    input wire [$clog2(WEIGHTS)-1:0] weight_address,
    input wire [SIMD-1:0] weight_data,
    input wire window_write,
    input wire [$clog2(WINDOW):0] window_address, // half on top
    input wire [SIMD-1:0] window_bits,
    input wire [SIMD-1:0] window_mask,
    input wire bank_write,
    input wire [$clog2(ROWS)+5:0] bank_address,   // {row, channel}
    input wire [SUM+1:0] bank_data,               // {POOL_AND, FLIP, threshold}
    // jobs; the halves are taken in turn
    input wire job_valid,
    input wire [$clog2(ROWS)-1:0] job_row,  // bank row of draw 0
    input wire job_first,                   // of its output pixel
    input wire job_last,
    output wire job_done,                   // the window may be overwritten
    // out: words by draw, or sums by channel
    output reg out_valid,
    input wire out_ready,
    output reg [5:0] out_index,
    output reg out_last,                    // the last one of an output pixel
    output reg [63:0] out_word,
    output wire signed [SUM-1:0] out_sum,
    output wire idle
);
    localparam integer WA = $clog2(WINDOW);
    localparam integer KA = $clog2(WEIGHTS);
    localparam integer PA = $clog2(PE);
    localparam integer DA = $clog2(DRAWS);
    localparam integer GROUPS = 64 / PE;
    localparam integer GA = $clog2(GROUPS);
    localparam integer RA = $clog2(ROWS);
    localparam integer EA = $clog2(PE * DRAWS + 2);

    wire [GA-1:0] last_group = last_channel[5 -: GA];

    // ---- the sweep: window and weight addresses ----------------------------------------------
    reg half;
    reg running;
    reg [WA-1:0] chunk;
    reg [2:0] plane;
    reg [GA-1:0] group;
    reg [WA-1:0] window_at;
    reg [KA-1:0] weight_at, weight_base;
    reg [EA-1:0] wait_left; // clocks until another group may end
    reg sums_busy;
    reg [1:0] pixels_open;  // halves of the pool memory in use
    reg row_first, row_last;
    reg [RA-1:0] row;

    wire last_of_plane = chunk == last_chunk;
    wire last_of_group = last_of_plane && (plane == 3'd7 || !bytes);
    wire last_of_job = last_of_group && group == last_group;
    wire opens = row_first && group == {GA{1'b0}} && !sums;
    wire may_end = wait_left == {EA{1'b0}} && !sums_busy && !(opens && pixels_open[1]);
    wire issue = running && (!last_of_group || may_end);
    wire ends = issue && last_of_group;
    assign job_done = issue && last_of_job;
    wire pixel_closed;
    wire sum_group_done;
    // PE compares per draw; at least 3 clocks, or end_group would change before it is captured
    wire [EA-1:0] epilogue = (({{(EA-DA){1'b0}}, last_draw} + 1'b1) << PA) |
                             {{(EA-1){1'b0}}, PE == 2};

    always @(posedge clk) begin
        if (!running || job_done) begin
            chunk <= {WA{1'b0}};
            plane <= 3'd0;
            group <= {GA{1'b0}};
            window_at <= {WA{1'b0}};
            weight_at <= {KA{1'b0}};
            weight_base <= {KA{1'b0}};
        end else if (issue) begin
            chunk <= last_of_plane ? {WA{1'b0}} : chunk + 1'b1;
            window_at <= last_of_group ? {WA{1'b0}} : window_at + 1'b1;
            weight_at <= last_of_plane && !last_of_group ? weight_base : weight_at + 1'b1;
            if (last_of_plane)
                plane <= last_of_group ? 3'd0 : plane + 3'd1;
            if (last_of_group) begin
                group <= group + 1'b1;
                weight_base <= weight_at + 1'b1;
            end
        end
        if (!running) begin
            row <= job_row;
            row_first <= job_first;
            row_last <= job_last;
        end
        if (ends && !sums)
            wait_left <= epilogue;
        else if (wait_left != {EA{1'b0}})
            wait_left <= wait_left - 1'b1;
        if (!rst_n) begin
            running <= 1'b0;
            half <= 1'b0;
            sums_busy <= 1'b0;
            pixels_open <= 2'd0;
            wait_left <= {EA{1'b0}};
        end else begin
            running <= running ? !job_done : job_valid;
            half <= half ^ job_done;
            sums_busy <= (sums_busy || (ends && sums)) && !sum_group_done;
            pixels_open <= pixels_open + {1'b0, ends && opens} - {1'b0, pixel_closed};
        end
    end

    // ---- the lanes ---------------------------------------------------------------------------
    wire [2*SIMD-1:0] unit;
    bb_memory #(.WIDTH(2 * SIMD), .DEPTH(2 * WINDOW)) window (
        .clk(clk), .write(window_write), .write_address(window_address),
        .write_data({window_mask, window_bits}), .read_address({half, window_at}),
        .read_data(unit));

    reg [3:1] valid, clear, twice, done;
    always @(posedge clk) begin
        valid <= {valid[2:1], issue};
        clear <= {clear[2:1], chunk == {WA{1'b0}} && plane == 3'd0};
        twice <= {twice[2:1], chunk == {WA{1'b0}}};
        done <= {done[2:1], ends};
        if (!rst_n) begin
            valid <= 3'd0;
            done <= 3'd0;
        end
    end

    wire [SUM-3:0] n_valid;
    bb_accumulate #(.SIMD(SIMD), .WIDTH(SUM - 2)) counter (
        .clk(clk), .bits(unit[SIMD +: SIMD]), .valid(valid[3]), .clear(clear[3]),
        .twice(twice[3]), .sum(n_valid));
    wire [PE*(SUM-2)-1:0] differing;
    genvar i;
    generate
        for (i = 0; i < PE; i = i + 1) begin : pe
            bb_lane #(.SIMD(SIMD), .WIDTH(SUM - 2), .WEIGHTS(WEIGHTS)) lane (
                .clk(clk), .write(weight_write && weight_lane == i), .write_address(weight_address),
                .write_data(weight_data), .read_address(weight_at), .window_bits(unit[0 +: SIMD]),
                .window_mask(unit[SIMD +: SIMD]), .valid(valid[3]), .clear(clear[3]),
                .twice(twice[3]), .differing(differing[i*(SUM-2) +: SUM-2]));
        end
    endgenerate

    // ---- behind the sweep: one (channel, draw) a clock ---------------------------------------
    reg [PE*(SUM-2)-1:0] held;
    reg [SUM-3:0] held_n;
    reg capture;
    reg [GA-1:0] end_group, held_group;
    reg end_first, end_last, held_first, held_last; // of the pool; last: and of the job
    reg [RA-1:0] end_row, held_row;
    reg active, step_waits;
    reg [PA-1:0] step_lane;
    reg [DA-1:0] step_draw;
    wire step = active && !step_waits;
    wire last_lane = step_lane == {PA{1'b1}};
    wire sum_taken = out_valid && out_ready && sums;
    wire [5:0] step_channel = {held_group, step_lane};
    wire last_sum = last_lane || step_channel == last_channel;
    assign sum_group_done = sum_taken && last_sum;

    always @(posedge clk) begin
        capture <= done[3];
        if (ends) begin
            end_group <= group;
            end_row <= row;
            end_first <= row_first;
            end_last <= row_last && last_of_job;
        end
        if (capture) begin
            held <= differing;
            held_n <= n_valid;
            held_group <= end_group;
            held_row <= end_row;
            held_first <= end_first;
            held_last <= end_last;
            step_lane <= {PA{1'b0}};
            step_draw <= {DA{1'b0}};
        end else if (sums ? sum_taken : step) begin
            step_lane <= step_lane + 1'b1;
            if (last_lane)
                step_draw <= step_draw + 1'b1;
        end
        if (!rst_n) begin
            active <= 1'b0;
            step_waits <= 1'b0;
            capture <= 1'b0;
        end else begin
            active <= capture || (active && !(sums ? sum_group_done
                                                   : last_lane && step_draw == last_draw));
            step_waits <= sums && (step || (step_waits && !sum_taken));
        end
    end

    // A: select; B: sum; C: compare; D: pool
    wire [SUM+1:0] bank;
    bb_memory #(.WIDTH(SUM + 2), .DEPTH(64 * ROWS)) banks (
        .clk(clk), .write(bank_write), .write_address(bank_address), .write_data(bank_data),
        .read_address({held_row + {{(RA-DA){1'b0}}, step_draw}, step_channel}), .read_data(bank));

    reg [SUM-3:0] chosen;
    reg signed [SUM-1:0] total;
    reg [SUM+1:0] entry;
    reg b_valid, c_valid, d_valid, c_real, b_real, d_bit, d_and, d_first, c_first, b_first;
    reg b_last, c_last, d_last, d_begins, c_begins, b_begins, b_ends, c_ends, d_ends;
    reg [DA+GA-1:0] b_place, c_place, d_place;
    wire reached = total >= $signed(entry[SUM-1:0]);
    always @(posedge clk) begin
        chosen <= held[step_lane*(SUM-2) +: SUM-2];
        b_real <= step_channel <= last_channel;
        b_place <= {step_draw, held_group};
        b_first <= held_first;
        b_begins <= step_lane == {PA{1'b0}};
        b_ends <= last_lane;
        b_last <= held_last && step_draw == last_draw;
        total <= $signed({2'b00, held_n}) - $signed({1'b0, chosen, 1'b0});
        entry <= bank;
        c_real <= b_real;
        c_place <= b_place;
        c_first <= b_first;
        c_begins <= b_begins;
        c_ends <= b_ends;
        c_last <= b_last;
        d_bit <= c_real && (reached ^ entry[SUM]);
        d_and <= c_real && entry[SUM+1];
        d_place <= c_place;
        d_first <= c_first;
        d_begins <= c_begins;
        d_ends <= c_ends;
        d_last <= c_last;
        b_valid <= rst_n && step;
        c_valid <= rst_n && b_valid;
        d_valid <= rst_n && c_valid && !sums;
    end

    assign out_sum = total; // stands while the step waits

    // ---- pooling: PE bits by {half, draw, group}; the half turns with the output pixel --------
    reg pool_half, full_half;
    reg [PE-1:0] old_bits;
    reg [PE-1:1] new_bits;
    wire [PE-1:0] pooled;
    wire [PE-1:0] earlier = d_begins ? pooled : old_bits;
    wire pooled_bit = d_first ? d_bit : d_and ? earlier[0] && d_bit : earlier[0] || d_bit;
    wire [PE-1:0] pooled_bits = {pooled_bit, new_bits[PE-1:1]};
    wire pool_write = d_valid && d_ends;
    wire [PE-1:0] gathered;
    wire [DA+GA:0] gather_address;
    bb_memory #(.WIDTH(PE), .DEPTH(2 << (DA + GA))) pool (
        .clk(clk), .write(pool_write), .write_address({pool_half, d_place}),
        .write_data(pooled_bits), .read_address({pool_half, c_place}), .read_data(pooled));
    bb_memory #(.WIDTH(PE), .DEPTH(2 << (DA + GA))) ready (
        .clk(clk), .write(pool_write), .write_address({pool_half, d_place}),
        .write_data(pooled_bits), .read_address(gather_address), .read_data(gathered));
    wire pixel_full = pool_write && d_last;
    always @(posedge clk) begin
        if (d_valid) begin
            old_bits <= {1'b0, earlier[PE-1:1]};
            new_bits <= pooled_bits[PE-1:1];
        end
        if (!rst_n)
            pool_half <= 1'b0;
        else
            pool_half <= pool_half ^ pixel_full;
    end

    // ---- out: 64 / PE groups shifted into a word, per draw ------------------------------------
    reg [1:0] pixels_full;
    reg [DA-1:0] out_draw;
    reg [GA:0] out_group;  // GROUPS: nothing more to read
    reg shift_valid, shift_real, shift_last;
    reg gathering;
    wire next_word = out_valid && out_ready && !sums;
    wire reading = gathering && out_group != GROUPS[GA:0];
    assign gather_address = {full_half, out_draw, out_group[GA-1:0]};
    assign pixel_closed = next_word && out_last;
    always @(posedge clk) begin
        shift_real <= out_group[GA-1:0] <= last_group;
        shift_last <= out_group == GROUPS[GA:0] - 1'b1;
        if (shift_valid) begin
            out_word <= {shift_real ? gathered : {PE{1'b0}}, out_word[63:PE]};
            out_index <= {{(6-DA){1'b0}}, out_draw};
            out_last <= out_draw == last_draw;
        end else if (c_valid && sums) begin
            out_index <= step_channel;
            out_last <= held_last && last_sum;
        end
        if (!gathering || next_word)
            out_group <= {(GA+1){1'b0}};
        else if (reading)
            out_group <= out_group + 1'b1;
        if (!gathering)
            out_draw <= {DA{1'b0}};
        else if (next_word)
            out_draw <= out_draw + 1'b1;
        if (!rst_n) begin
            gathering <= 1'b0;
            full_half <= 1'b0;
            pixels_full <= 2'd0;
            shift_valid <= 1'b0;
            out_valid <= 1'b0;
        end else begin
            gathering <= gathering ? !pixel_closed : pixels_full != 2'd0;
            full_half <= full_half ^ pixel_closed;
            pixels_full <= pixels_full + {1'b0, pixel_full} - {1'b0, pixel_closed};
            shift_valid <= reading;
            out_valid <= (out_valid && !out_ready) || (shift_valid && shift_last) ||
                         (c_valid && sums);
        end
    end

    assign idle = !running && !job_valid && wait_left == {EA{1'b0}} && !sums_busy &&
                  pixels_open == 2'd0 && !out_valid;
endmodule
