// SPDX-License-Identifier: MIT
// Walks the output pixels of one entry, and the pool pixels of each; copies the kernel window of
// every valid one from the input memory to the window memory and hands it to the matrix unit as a job.
// Bytes are turned into 8 bit planes on the way, highest first. Padding is a unit with mask 0.
module bb_gather #(
    parameter integer SIMD = 32,
    parameter integer WINDOW = 256,
    parameter integer INPUT = 2048, // units of SIMD bits
    parameter integer MASKS = 2048,
    parameter integer ROWS = 32,
    parameter integer BORDER = 128,
    parameter integer UA = $clog2(INPUT) + $clog2(SIMD / 8) // address of a unit: SIMD bits or a byte
) (
    input wire clk,
    input wire rst_n,
    input wire start,
    output wire idle,
    // the stage
    input wire bytes, classes, masked, mask_per_element,
    input wire [15:0] in_h, in_w, kernel_h, kernel_w, step_h, step_w, sum_h, sum_w, out_h, out_w,
    input wire [15:0] pool_h, pool_w, pool_step_h, pool_step_w, pool_top, pool_left,
    input wire [15:0] y_first, x_first, y_step, x_step, pixel_units,
    input wire [UA-1:0] row_units, row_first, column_first, row_step, column_step, row_pool,
    input wire [UA-1:0] column_pool,
    input wire [$clog2(WINDOW)-1:0] last_chunk,
    input wire [SIMD-1:0] tail,
    // memories
    input wire input_write,
    input wire [$clog2(INPUT)-1:0] input_address,
    input wire [SIMD-1:0] input_data,
    input wire mask_write,
    input wire [$clog2(MASKS)-1:0] mask_address,
    input wire [SIMD-1:0] mask_data,
    input wire border_write,
    input wire [$clog2(BORDER)-1:0] border_address,
    input wire [$clog2(ROWS)-1:0] border_data,
    output wire window_write,
    output wire [$clog2(WINDOW):0] window_address,
    output wire [SIMD-1:0] window_bits,
    output wire [SIMD-1:0] window_mask,
    // jobs
    output wire job_valid,
    output wire [$clog2(ROWS)-1:0] job_row,
    output wire job_first, job_last,
    input wire job_done
);
    localparam integer WA = $clog2(WINDOW);
    localparam integer IA = $clog2(INPUT);
    localparam integer MA = $clog2(MASKS);
    localparam integer LB = $clog2(SIMD / 8); // bits that choose a byte of a unit
    localparam integer BA = $clog2(BORDER);
    localparam integer RA = $clog2(ROWS);
    localparam integer LA = $clog2(SIMD);
    localparam [3:0] IDLE = 4'd0, PIXEL = 4'd1, CLASS_Y = 4'd2, CLASS_X = 4'd3, CLASS = 4'd4,
                     TAPS = 4'd5, DRAIN = 4'd6, PLANES = 4'd7, HAND = 4'd8;

    reg [3:0] state;
    assign idle = state == IDLE;

    // ---- where: output pixel, pool pixel in it; y and row, x and column go together ------------
    reg [15:0] out_y, out_x, pool_y, pool_x;
    reg [15:0] out_iy, out_ix, iy, ix;          // input row of the window's first tap (may be negative)
    reg [15:0] out_sy, out_sx, sy, sx;          // sum pixel
    reg [UA-1:0] out_row, out_column, row, column;
    reg opened;
    wire in_map = sy < sum_h && sx < sum_w;
    wire last_pool_x = pool_x == pool_w - 16'd1, last_pool_y = pool_y == pool_h - 16'd1;
    wire last_valid = (last_pool_x || sx == sum_w - 16'd1) && (last_pool_y || sy == sum_h - 16'd1);
    wire last_out_x = out_x == out_w - 16'd1, last_out_y = out_y == out_h - 16'd1;
    wire last_pool = last_pool_x && last_pool_y;
    wire last_pixel = last_pool && last_out_x && last_out_y;
    wire advance = (state == PIXEL && !in_map) || state == HAND;

    always @(posedge clk) begin
        if (state == IDLE) begin
            {out_y, out_x, pool_y, pool_x} <= 64'd0;
            {out_iy, out_ix, iy, ix} <= {y_first, x_first, y_first, x_first};
            {out_sy, out_sx, sy, sx} <= {-pool_top, -pool_left, -pool_top, -pool_left};
            {out_row, out_column} <= {row_first, column_first};
            {row, column} <= {row_first, column_first};
            opened <= 1'b0;
        end else if (advance) begin
            opened <= !last_pool && (opened || state == HAND);
            pool_x <= last_pool_x ? 16'd0 : pool_x + 16'd1;
            if (!last_pool_x) begin
                ix <= ix + step_w;
                sx <= sx + 16'd1;
                column <= column + column_pool;
            end else if (!last_pool_y) begin
                {ix, sx, column} <= {out_ix, out_sx, out_column};
                pool_y <= pool_y + 16'd1;
                iy <= iy + step_h;
                sy <= sy + 16'd1;
                row <= row + row_pool;
            end else if (!last_out_x) begin
                pool_y <= 16'd0;
                {iy, sy, row} <= {out_iy, out_sy, out_row};
                out_x <= out_x + 16'd1;
                out_ix <= out_ix + x_step;
                ix <= out_ix + x_step;
                out_sx <= out_sx + pool_step_w;
                sx <= out_sx + pool_step_w;
                out_column <= out_column + column_step;
                column <= out_column + column_step;
            end else begin
                {pool_y, out_x} <= 32'd0;
                out_y <= out_y + 16'd1;
                {out_ix, ix, out_sx, sx} <= {x_first, x_first, -pool_left, -pool_left};
                {out_column, column} <= {column_first, column_first};
                out_iy <= out_iy + y_step;
                iy <= out_iy + y_step;
                out_sy <= out_sy + pool_step_h;
                sy <= out_sy + pool_step_h;
                out_row <= out_row + row_step;
                row <= out_row + row_step;
            end
        end
    end

    // ---- the taps of one window, a unit a clock ------------------------------------------------
    reg [15:0] tap_iy, tap_ix, kernel_y, kernel_x, unit;
    reg [UA-1:0] at, row_at;
    reg [LA-1:0] byte_lane;
    reg taps_over;
    wire last_unit = unit == pixel_units - 16'd1;
    wire last_kernel_x = kernel_x == kernel_w - 16'd1;
    wire last_tap = last_unit && last_kernel_x && kernel_y == kernel_h - 16'd1;
    wire chunk_full = byte_lane == {LA{1'b1}};
    wire reads = state == TAPS;
    wire real_tap = tap_iy < in_h && tap_ix < in_w && !taps_over;
    always @(posedge clk) begin
        if (state == PIXEL) begin
            {tap_iy, tap_ix} <= {iy, ix};
            at <= row + column;
            row_at <= row + column;
            {kernel_y, kernel_x, unit} <= 48'd0;
            byte_lane <= {LA{1'b0}};
            taps_over <= 1'b0;
        end else if (reads) begin
            byte_lane <= byte_lane + 1'b1;
            taps_over <= taps_over || last_tap;
            unit <= last_unit ? 16'd0 : unit + 16'd1;
            at <= at + 1'b1;
            if (last_unit) begin
                kernel_x <= last_kernel_x ? 16'd0 : kernel_x + 16'd1;
                tap_ix <= last_kernel_x ? ix : tap_ix + 16'd1;
                if (last_kernel_x) begin
                    kernel_y <= kernel_y + 16'd1;
                    tap_iy <= tap_iy + 16'd1;
                    row_at <= row_at + row_units;
                    at <= row_at + row_units;
                end
            end
        end
    end

    wire [SIMD-1:0] input_unit, mask_unit;
    wire [IA-1:0] input_read = bytes ? at[LB +: IA] : at[0 +: IA];
    bb_memory #(.WIDTH(SIMD), .DEPTH(INPUT)) inputs (
        .clk(clk), .write(input_write), .write_address(input_address), .write_data(input_data),
        .read_address(input_read), .read_data(input_unit));
    wire [31:0] mask_at = mask_per_element ? {{(32-UA){1'b0}}, at} : {16'd0, unit};
    bb_memory #(.WIDTH(SIMD), .DEPTH(MASKS)) masks (
        .clk(clk), .write(mask_write), .write_address(mask_address), .write_data(mask_data),
        .read_address(mask_at[0 +: MA]), .read_data(mask_unit));

    // a clock later
    reg read, read_real, read_tail;
    reg [UA-1:0] read_at;
    always @(posedge clk) begin
        read <= rst_n && reads;
        read_real <= real_tap;
        read_tail <= last_unit;
        read_at <= at;
    end
    wire [SIMD-1:0] kept = masked ? mask_unit : read_tail ? tail : {SIMD{1'b1}};

    // ---- bytes: SIMD of them in a shift register, then one plane a clock ------------------------
    wire [7:0] read_byte;
    generate
        if (SIMD == 8) begin : narrow
            assign read_byte = input_unit;
        end else begin : wide
            assign read_byte = input_unit[8*read_at[LB-1:0] +: 8];
        end
    endgenerate
    reg [8*SIMD-1:0] shifted;
    reg [2:0] plane;
    wire [SIMD-1:0] plane_bits;
    genvar i;
    generate
        for (i = 0; i < SIMD; i = i + 1) begin : lane
            assign plane_bits[i] = shifted[8*i + 7 - {29'd0, plane}];
        end
    endgenerate
    always @(posedge clk)
        if (read && bytes)
            shifted <= {read_real ? read_byte : 8'd0, shifted[8*SIMD-1:8]};

    // ---- the window memory ---------------------------------------------------------------------
    reg half;
    reg [1:0] n_full;
    reg [WA-1:0] window_at, chunk;
    assign window_write = bytes ? state == PLANES : read;
    assign window_address = {half, window_at};
    assign window_bits = bytes ? {SIMD{1'b1}} : input_unit;
    assign window_mask = bytes ? plane_bits : read_real ? kept : {SIMD{1'b0}};
    always @(posedge clk) begin
        if (state == PIXEL) begin
            window_at <= {WA{1'b0}};
            chunk <= {WA{1'b0}};
        end else if (state == PLANES) begin
            window_at <= plane == 3'd7 ? chunk + 1'b1 : window_at + last_chunk + 1'b1;
            if (plane == 3'd7)
                chunk <= chunk + 1'b1;
        end else if (window_write) begin
            window_at <= window_at + 1'b1;
        end
        plane <= state == PLANES ? plane + 3'd1 : 3'd0;
    end

    // ---- border class: a bank row --------------------------------------------------------------
    wire [RA-1:0] border;
    reg [RA-1:0] bank_row;
    wire [BA-1:0] border_read = state == CLASS_Y ? sy[BA-1:0] : sum_h[BA-1:0] + sx[BA-1:0];
    bb_memory #(.WIDTH(RA), .DEPTH(BORDER)) borders (
        .clk(clk), .write(border_write), .write_address(border_address), .write_data(border_data),
        .read_address(border_read), .read_data(border));
    always @(posedge clk)
        if (state == PIXEL)
            bank_row <= {RA{1'b0}};
        else if (state == CLASS_X || state == CLASS)
            bank_row <= bank_row + border;

    // ---- jobs --------------------------------------------------------------------------------
    reg job_half;
    reg [RA-1:0] rows [0:1];
    reg [1:0] firsts, lasts;
    assign job_valid = n_full != 2'd0;
    assign job_row = rows[job_half];
    assign job_first = firsts[job_half];
    assign job_last = lasts[job_half];
    always @(posedge clk) begin
        if (state == HAND) begin
            rows[half] <= bank_row;
            firsts[half] <= !opened;
            lasts[half] <= last_valid;
        end
        if (!rst_n) begin
            state <= IDLE;
            half <= 1'b0;
            job_half <= 1'b0;
            n_full <= 2'd0;
        end else begin
            half <= half ^ (state == HAND);
            job_half <= job_half ^ job_done;
            n_full <= n_full + {1'b0, state == HAND} - {1'b0, job_done};
            case (state)
                IDLE: if (start) state <= PIXEL;
                PIXEL: if (!in_map) state <= last_pixel ? IDLE : PIXEL;
                       else if (!n_full[1]) state <= classes ? CLASS_Y : TAPS;
                CLASS_Y: state <= CLASS_X;
                CLASS_X: state <= CLASS;
                CLASS: state <= TAPS;
                TAPS: if (bytes ? chunk_full : last_tap) state <= DRAIN;
                DRAIN: state <= bytes ? PLANES : HAND;
                PLANES: if (plane == 3'd7) state <= taps_over ? HAND : TAPS;
                default: state <= last_pixel ? IDLE : PIXEL;
            endcase
        end
    end
endmodule
