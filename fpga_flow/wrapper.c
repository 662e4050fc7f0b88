#include "fpga_flow/wrapper.h"

#include <stdio.h>
#include <stdlib.h>

#include "engine/mem.h"

static int bytes(int bits)
{
    return (bits + 7) / 8;
}

/* Bits of a counter from 0 to n. */
static int counter(long n)
{
    int bits = 1;
    while (n >> bits)
        bits++;
    return bits;
}

/* The core, with a result `latency` edges after its input. */
static void core(FILE *f, const struct loom_design *d)
{
    fprintf(f, "    wire [%d:0] y;\n    %s core (.clk(clk), .x(x), .y(y));\n",
            d->out_bits - 1, d->name);
}

/* n bits, or the zeros above them that fill up bytes. */
static char *padded(const char *name, int bits)
{
    int zeros = 8 * bytes(bits) - bits;
    return zeros ? loom_asprintf("{%d'b0, %s}", zeros, name)
                 : loom_strdup(name);
}

/* A chain of n bytes, and above them the byte `in`, without the lowest one. */
static char *shift_in(int n)
{
    return n > 1 ? loom_asprintf("{in, chain[%d:8]}", 8 * n - 1)
                 : loom_strdup("in");
}

/* Everything that is 0 at power-up is at rest: so lines are kept inverted. */
static void uart_tx(FILE *f, const struct loom_design *d)
{
    fprintf(f,
            "\n// Sends data when `send` is high and `busy` is not: a start "
            "bit, 8 bits, the\n// lowest first, a stop bit, of CLOCKS clock "
            "edges each.\n"
            "module %s_uart_tx #(parameter [15:0] CLOCKS = 16'd104) (\n"
            "    input wire clk,\n"
            "    input wire [7:0] data,\n"
            "    input wire send,\n"
            "    output wire busy,\n"
            "    output wire tx\n"
            ");\n"
            "    reg line = 1'b0;       // inverted\n"
            "    reg [7:0] bits = 8'd0; // still to send, inverted\n"
            "    reg [3:0] left = 4'd0; // bits, the one on the line included\n"
            "    reg [15:0] count = 16'd0;\n"
            "    assign tx = ~line;\n"
            "    assign busy = left != 4'd0;\n"
            "    always @(posedge clk)\n"
            "        if (!busy) begin\n"
            "            if (send) begin\n"
            "                bits <= ~data;\n"
            "                line <= 1'b1;\n"
            "                left <= 4'd10;\n"
            "                count <= CLOCKS - 16'd1;\n"
            "            end\n"
            "        end else if (count != 16'd0) begin\n"
            "            count <= count - 16'd1;\n"
            "        end else begin\n"
            "            line <= bits[0];\n"
            "            bits <= bits >> 1;\n"
            "            left <= left - 4'd1;\n"
            "            count <= CLOCKS - 16'd1;\n"
            "        end\n"
            "endmodule\n",
            d->name);
}

static void uart_rx(FILE *f, const struct loom_design *d)
{
    fprintf(f,
            "\n// Receives: `got` is high for one edge when data is there.\n"
            "module %s_uart_rx #(parameter [15:0] CLOCKS = 16'd104) (\n"
            "    input wire clk,\n"
            "    input wire rx,\n"
            "    output reg [7:0] data,\n"
            "    output reg got\n"
            ");\n"
            "    reg [1:0] line = 2'd0; // inverted, as it was two edges ago\n"
            "    reg [3:0] left = 4'd0; // bits, the start bit included\n"
            "    reg [15:0] count = 16'd0;\n"
            "    wire half = count == 16'd0;\n"
            "    initial data = 8'd0;\n"
            "    initial got = 1'b0;\n"
            "    always @(posedge clk) begin\n"
            "        line <= {line[0], ~rx};\n"
            "        got <= 1'b0;\n"
            "        if (left == 4'd0) begin\n"
            "            if (line[1]) begin\n"
            "                left <= 4'd10;\n"
            "                count <= CLOCKS >> 1;\n"
            "            end\n"
            "        end else if (!half) begin\n"
            "            count <= count - 16'd1;\n"
            "        end else begin\n"
            "            count <= CLOCKS - 16'd1;\n"
            "            left <= left - 4'd1;\n"
            "            if (left == 4'd10) begin\n"
            "                if (!line[1])\n"
            "                    left <= 4'd0; // a spike, no start bit\n"
            "            end else if (left == 4'd1) begin\n"
            "                got <= ~line[1]; // the stop bit is high\n"
            "            end else begin\n"
            "                data <= {~line[1], data[7:1]};\n"
            "            end\n"
            "        end\n"
            "    end\n"
            "endmodule\n",
            d->name);
}

char *loom_wrapper_uart(const struct loom_design *d, int clocks)
{
    char *text = NULL, *y = padded("y", d->out_bits);
    char *shift = shift_in(bytes(d->in_bits));
    size_t size;
    int in = bytes(d->in_bits), out = bytes(d->out_bits);
    int ni = counter(in), no = counter(out), lat = d->latency;
    FILE *f = open_memstream(&text, &size);
    fprintf(
        f,
        "// %s on a serial line of 8N1, CLOCKS clock edges a bit. After "
        "the %d bytes of an\n// input vector, bits 7:0 of x first, come "
        "the %d bytes of the result, bits 7:0 of y\n// first; the next "
        "vector waits for them. A vector that stops half way is dropped\n"
        "// when nothing comes for 64 bits.\n"
        "module %s_uart #(parameter [15:0] CLOCKS = 16'd%d) (\n"
        "    input wire clk,\n"
        "    input wire rx,\n"
        "    output wire tx\n"
        ");\n"
        "    wire [7:0] in;\n"
        "    wire got, busy;\n"
        "    reg [%d:0] chain = %d'd0;\n"
        "    reg [%d:0] n_in = %d'd0;   // bytes of the vector so far\n"
        "    reg [21:0] idle = 22'd0;\n"
        "    reg [%d:0] when = %d'd0;   // where the vector is in the core\n"
        "    reg [%d:0] result = %d'd0;\n"
        "    reg [%d:0] n_out = %d'd0;  // bytes still to send\n"
        "    wire send = n_out != %d'd0 && !busy;\n"
        "    wire [%d:0] x = chain[%d:0];\n",
        d->name, in, out, d->name, clocks, 8 * in - 1, 8 * in, ni - 1, ni, lat,
        lat + 1, 8 * out - 1, 8 * out, no - 1, no, no, d->in_bits - 1,
        d->in_bits - 1);
    core(f, d);
    fprintf(f,
            "    %s_uart_rx #(.CLOCKS(CLOCKS)) rxd (.clk(clk), .rx(rx), "
            ".data(in), .got(got));\n"
            "    %s_uart_tx #(.CLOCKS(CLOCKS)) txd (.clk(clk), "
            ".data(result[7:0]), .send(send),\n"
            "        .busy(busy), .tx(tx));\n"
            "    always @(posedge clk) begin\n"
            "        when <= when << 1;\n"
            "        idle <= idle + 22'd1;\n"
            "        if (got) begin\n"
            "            chain <= %s;\n"
            "            idle <= 22'd0;\n"
            "            n_in <= n_in + %d'd1;\n"
            "            if (n_in == %d'd%d) begin\n"
            "                n_in <= %d'd0;\n"
            "                when[0] <= 1'b1;\n"
            "            end\n"
            "        end else if (idle == {CLOCKS, 6'd0}) begin\n"
            "            n_in <= %d'd0;\n"
            "        end\n"
            "        if (when[%d]) begin\n"
            "            result <= %s;\n"
            "            n_out <= %d'd%d;\n"
            "        end else if (send) begin\n"
            "            result <= result >> 8;\n"
            "            n_out <= n_out - %d'd1;\n"
            "        end\n"
            "    end\n"
            "endmodule\n",
            d->name, d->name, shift, ni, ni, in - 1, ni, ni, lat, y, no, out,
            no);
    uart_tx(f, d);
    uart_rx(f, d);
    fclose(f);
    free(y);
    free(shift);
    return text;
}

char *loom_wrapper_spi(const struct loom_design *d)
{
    char *text = NULL, *y = padded("y", d->out_bits);
    char *shift = shift_in(bytes(d->in_bits));
    size_t size;
    int in = bytes(d->in_bits), out = bytes(d->out_bits), lat = d->latency;
    int k = counter(in);
    FILE *f = open_memstream(&text, &size);
    fprintf(
        f,
        "// %s as an SPI slave of mode 0; clk is at least 8 times sck. "
        "While cs is low, the\n// %d bytes of an input vector enter at "
        "mosi, bits 7:0 of x first, bit 7 of a byte\n// first; at miso the "
        "%d bytes of the vector before leave in the same order.\n"
        "module %s_spi (\n"
        "    input wire clk,\n"
        "    input wire sck,\n"
        "    input wire cs,\n"
        "    input wire mosi,\n"
        "    output wire miso\n"
        ");\n"
        "    reg [2:0] sck_r = 3'd0;  // as they were one to three edges "
        "ago\n"
        "    reg [2:0] on_r = 3'd0;   // cs, inverted\n"
        "    reg [1:0] mosi_r = 2'd0;\n"
        "    reg [2:0] n = 3'd0;      // bits of the byte so far\n"
        "    reg [6:0] bits = 7'd0;\n"
        "    reg [%d:0] left = %d'd0;   // bytes of the vector to come\n"
        "    reg [%d:0] chain = %d'd0;\n"
        "    reg [%d:0] when = %d'd0;   // where the vector is in the core\n"
        "    reg [%d:0] result = %d'd0, leaving = %d'd0;\n"
        "    wire [7:0] in = {bits, mosi_r[1]};\n"
        "    wire [%d:0] x = chain[%d:0];\n",
        d->name, in, out, d->name, k - 1, k, 8 * in - 1, 8 * in, lat, lat + 1,
        8 * out - 1, 8 * out, 8 * out, d->in_bits - 1, d->in_bits - 1);
    core(f, d);
    fprintf(f,
            "    wire [7:0] first = leaving[7:0];\n"
            "    assign miso = first[~n];\n"
            "    always @(posedge clk) begin\n"
            "        sck_r <= {sck_r[1:0], sck};\n"
            "        on_r <= {on_r[1:0], ~cs};\n"
            "        mosi_r <= {mosi_r[0], mosi};\n"
            "        when <= {when[%d:0], on_r[2] & ~on_r[1]};\n"
            "        if (when[%d])\n"
            "            result <= %s;\n"
            "        if (!on_r[2]) begin\n"
            "            n <= 3'd0;\n"
            "            left <= %d'd%d;\n"
            "            leaving <= result;\n"
            "        end else if (sck_r[1] && !sck_r[2]) begin\n"
            "            bits <= in[6:0];\n"
            "            n <= n + 3'd1;\n"
            "            if (n == 3'd7) begin\n"
            "                leaving <= leaving >> 8;\n"
            "                if (left != %d'd0) begin\n"
            "                    chain <= %s;\n"
            "                    left <= left - %d'd1;\n"
            "                end\n"
            "            end\n"
            "        end\n"
            "    end\n"
            "endmodule\n",
            lat - 1, lat, y, k, in, k, shift, k);
    fclose(f);
    free(y);
    free(shift);
    return text;
}

char *loom_wrapper_stream(const struct loom_design *d)
{
    char *text = NULL, *y = padded("y", d->out_bits);
    size_t size;
    int in = bytes(d->in_bits), out = bytes(d->out_bits), lat = d->latency;
    int k = counter(lat + 2), depth = 1 << k;
    FILE *f = open_memstream(&text, &size);
    fprintf(f,
            "// %s with the handshake of AXI4-Stream: an input vector is taken "
            "in each clock\n// where tvalid and tready meet, its result leaves "
            "%d clocks later or when it is\n// taken. The core never stops: as "
            "many vectors are let in as the queue behind it\n// holds. Bits "
            "above x and y are not used, and 0.\n"
            "module %s_stream (\n"
            "    input wire clk,\n"
            "    input wire aresetn, // low: what is inside is dropped\n"
            "    input wire s_axis_tvalid,\n"
            "    output wire s_axis_tready,\n"
            "    /* verilator lint_off UNUSED */\n"
            "    input wire [%d:0] s_axis_tdata,\n"
            "    /* verilator lint_on UNUSED */\n"
            "    output reg m_axis_tvalid,\n"
            "    input wire m_axis_tready,\n"
            "    output wire [%d:0] m_axis_tdata\n"
            ");\n"
            "    reg [%d:0] valid = %d'd0;  // where in the core vectors are\n"
            "    reg [%d:0] count = %d'd0; // vectors taken and not delivered\n"
            "    reg [%d:0] queue [0:%d];\n"
            "    reg [%d:0] head = %d'd0, tail = %d'd0;\n"
            "    reg [%d:0] q;\n"
            "    wire [%d:0] x = s_axis_tdata[%d:0];\n"
            "    wire take = s_axis_tvalid && s_axis_tready;\n"
            "    wire give = m_axis_tvalid && m_axis_tready;\n"
            "    wire next = head != tail && (!m_axis_tvalid || give);\n",
            d->name, lat + 2, d->name, 8 * in - 1, 8 * out - 1, lat - 1, lat, k,
            k + 1, d->out_bits - 1, depth - 1, k - 1, k, k, d->out_bits - 1,
            d->in_bits - 1, d->in_bits - 1);
    core(f, d);
    char *data = padded("q", d->out_bits);
    char *valid = lat > 1 ? loom_asprintf("{valid[%d:0], take}", lat - 2)
                          : loom_strdup("take");
    fprintf(f,
            "    assign s_axis_tready = !count[%d];\n"
            "    assign m_axis_tdata = %s;\n"
            "    initial m_axis_tvalid = 1'b0;\n"
            "    always @(posedge clk) begin\n"
            "        valid <= %s;\n"
            "        count <= count + {%d'd0, take} - {%d'd0, give};\n"
            "        if (valid[%d]) begin\n"
            "            queue[tail] <= y;\n"
            "            tail <= tail + %d'd1;\n"
            "        end\n"
            "        if (next) begin\n"
            "            q <= queue[head];\n"
            "            head <= head + %d'd1;\n"
            "        end\n"
            "        m_axis_tvalid <= next || (m_axis_tvalid && !give);\n"
            "        if (!aresetn) begin\n"
            "            valid <= %d'd0;\n"
            "            count <= %d'd0;\n"
            "            head <= tail;\n"
            "            tail <= tail;\n"
            "            m_axis_tvalid <= 1'b0;\n"
            "        end\n"
            "    end\n"
            "endmodule\n",
            k, data, valid, k, k, lat - 1, k, k, lat, k + 1);
    fclose(f);
    free(y);
    free(data);
    free(valid);
    return text;
}

char *loom_wrapper_selftest(const struct loom_design *d, int clocks, int rows)
{
    char *text = NULL;
    size_t size;
    int a = counter(rows - 1), lat = d->latency, c = counter(rows + lat);
    FILE *f = open_memstream(&text, &size);
    fprintf(f,
            "// Sends %d vectors of a memory through %s, one a clock, compares "
            "the results with\n// those of another, and says \"PASS %04d\" or, "
            "with the number of wrong ones,\n// \"FAIL 0003\" on a serial line "
            "of 8N1, CLOCKS clock edges a bit. Then it waits for\n// 2^PAUSE "
            "bits, and begins again.\n"
            "module %s_selftest #(parameter [15:0] CLOCKS = 16'd%d, parameter "
            "PAUSE = 16) (\n"
            "    input wire clk,\n"
            "    output wire tx\n"
            ");\n"
            "    reg [%d:0] xs [0:%d];\n"
            "    reg [%d:0] ys [0:%d];\n"
            "    initial $readmemh(\"selftest_x.hex\", xs);\n"
            "    initial $readmemh(\"selftest_y.hex\", ys);\n"
            "    reg [%d:0] x;\n"
            "    reg [%d:0] want;\n"
            "    reg [%d:0] at = %d'd0;      // which vector goes in\n"
            "    reg checks = 1'b0;          // y is to be what is wanted\n"
            "    reg [15:0] good = 16'd0, bad = 16'd0; // decimal digits\n"
            "    reg [3:0] letter = 4'd0;    // of the report; 0: none\n"
            "    reg [16 + PAUSE:0] pause = {(17 + PAUSE){1'b0}};\n"
            "    reg [7:0] char;\n"
            "    wire busy;\n",
            rows, d->name, rows, d->name, clocks, d->in_bits - 1, rows - 1,
            d->out_bits - 1, rows - 1, d->in_bits - 1, d->out_bits - 1, c - 1,
            c);
    core(f, d);
    fprintf(f,
            "    wire ends = at == %d'd%d;\n"
            "    wire over = ends && !checks;\n"
            "    wire [15:0] digits = bad == 16'd0 ? good : bad;\n"
            "    /* verilator lint_off UNUSED */\n"
            "    wire [%d:0] out = at - %d'd%d; // whose result comes next\n"
            "    /* verilator lint_on UNUSED */\n"
            "    // One more, in decimal digits.\n"
            "    function [15:0] next;\n"
            "        input [15:0] n;\n"
            "        if (n[11:0] == 12'h999)\n"
            "            next = {n[15:12] + 4'd1, 12'd0};\n"
            "        else if (n[7:0] == 8'h99)\n"
            "            next = {n[15:12], n[11:8] + 4'd1, 8'd0};\n"
            "        else if (n[3:0] == 4'h9)\n"
            "            next = {n[15:8], n[7:4] + 4'd1, 4'd0};\n"
            "        else\n"
            "            next = {n[15:4], n[3:0] + 4'd1};\n"
            "    endfunction\n"
            "    always @*\n"
            "        case (letter)\n"
            "        4'd1: char = bad == 16'd0 ? \"P\" : \"F\";\n"
            "        4'd2: char = \"A\";\n"
            "        4'd3: char = bad == 16'd0 ? \"S\" : \"I\";\n"
            "        4'd4: char = bad == 16'd0 ? \"S\" : \"L\";\n"
            "        4'd5: char = \" \";\n"
            "        4'd6: char = {4'h3, digits[15:12]};\n"
            "        4'd7: char = {4'h3, digits[11:8]};\n"
            "        4'd8: char = {4'h3, digits[7:4]};\n"
            "        4'd9: char = {4'h3, digits[3:0]};\n"
            "        4'd10: char = 8'h0d;\n"
            "        default: char = 8'h0a;\n"
            "        endcase\n"
            "    %s_uart_tx #(.CLOCKS(CLOCKS)) txd (.clk(clk), .data(char),\n"
            "        .send(over && letter != 4'd0), .busy(busy), .tx(tx));\n"
            "    always @(posedge clk) begin\n"
            "        x <= xs[at[%d:0]];\n"
            "        want <= ys[out[%d:0]];\n"
            "        checks <= at >= %d'd%d && !ends;\n"
            "        if (!ends)\n"
            "            at <= at + %d'd1;\n"
            "        if (checks && y == want)\n"
            "            good <= next(good);\n"
            "        if (checks && y != want)\n"
            "            bad <= next(bad);\n"
            "        pause <= pause + 1'b1;\n"
            "        if (!over || letter != 4'd0)\n"
            "            pause <= {(17 + PAUSE){1'b0}};\n"
            "        if (!over) begin\n"
            "            letter <= 4'd1;\n"
            "        end else if (letter != 4'd0 && !busy) begin\n"
            "            letter <= letter == 4'd11 ? 4'd0 : letter + 4'd1;\n"
            "        end else if (letter == 4'd0 && pause[16 + PAUSE:PAUSE] == "
            "{1'b0, CLOCKS}) begin\n"
            "            at <= %d'd0;\n"
            "            good <= 16'd0;\n"
            "            bad <= 16'd0;\n"
            "        end\n"
            "    end\n"
            "endmodule\n",
            c, rows + lat, c - 1, c, lat, d->name, a - 1, a - 1, c, lat, c, c);
    uart_tx(f, d);
    fclose(f);
    return text;
}
