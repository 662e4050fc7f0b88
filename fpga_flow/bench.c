/* Test benches of the modules around a core. */
#include <stdio.h>
#include <stdlib.h>

#include "engine/mem.h"
#include "fpga_flow/wrapper.h"

static int bytes(int bits)
{
    return (bits + 7) / 8;
}

/* The beginning of a bench: vectors, and what is expected of them. */
static FILE *begin(const struct loom_design *d, size_t rows, const char *what,
                   char **text, size_t *size)
{
    FILE *f = open_memstream(text, size);
    fprintf(f,
            "// %s\n"
            "`timescale 1ns / 1ps\n"
            "module bench;\n"
            "    reg clk = 0;\n"
            "    reg [%d:0] vectors [0:%zu];\n"
            "    reg [%d:0] expected [0:%zu];\n"
            "    reg [%d:0] x;\n"
            "    reg [%d:0] y;\n"
            "    integer i, b, bad;\n"
            "    always #5 clk = ~clk;\n",
            what, d->in_bits - 1, rows - 1, d->out_bits - 1, rows - 1,
            8 * bytes(d->in_bits) - 1, 8 * bytes(d->out_bits) - 1);
    return f;
}

static void load(FILE *f)
{
    fputs("        $readmemh(\"vectors.hex\", vectors);\n"
          "        $readmemh(\"expected.hex\", expected);\n"
          "        bad = 0;\n",
          f);
}

/* Compare y with what is expected of row i. */
static void compare(FILE *f, const struct loom_design *d)
{
    fprintf(f,
            "            if (y[%d:0] !== expected[i]) begin\n"
            "                bad = bad + 1;\n"
            "                if (bad <= 10)\n"
            "                    $display(\"vector %%0d: y is %%h, expected "
            "%%h\", i, y[%d:0], expected[i]);\n"
            "            end\n",
            d->out_bits - 1, d->out_bits - 1);
}

static void end(FILE *f, size_t rows)
{
    fprintf(f,
            "        $display(\"vectors %%0d mismatches %%0d\", %zu, bad);\n"
            "        $finish;\n"
            "    end\n"
            "endmodule\n",
            rows);
    fclose(f);
}

/* Tasks that send and receive a byte over a line of 8 clock edges a bit. */
static void line_tasks(FILE *f)
{
    fputs("    task send;\n"
          "        input [7:0] data;\n"
          "        integer k;\n"
          "        begin\n"
          "            rx = 0;\n"
          "            #80;\n"
          "            for (k = 0; k < 8; k = k + 1) begin\n"
          "                rx = data[k];\n"
          "                #80;\n"
          "            end\n"
          "            rx = 1;\n"
          "            #80;\n"
          "        end\n"
          "    endtask\n"
          "    task receive;\n"
          "        output [7:0] data;\n"
          "        integer k;\n"
          "        begin\n"
          "            if (tx) @(negedge tx);\n"
          "            #120;\n"
          "            for (k = 0; k < 8; k = k + 1) begin\n"
          "                data[k] = tx;\n"
          "                #80;\n"
          "            end\n"
          "        end\n"
          "    endtask\n",
          f);
}

char *loom_wrapper_uart_bench(const struct loom_design *d, size_t rows)
{
    char *text;
    size_t size;
    FILE *f = begin(d, rows,
                    "Sends vectors over the serial line, after one that stops "
                    "half way, and compares.",
                    &text, &size);
    fprintf(f,
            "    integer n;\n"
            "    reg rx = 1;\n"
            "    wire tx;\n"
            "    %s_uart #(.CLOCKS(16'd8)) dut (.clk(clk), .rx(rx), "
            ".tx(tx));\n",
            d->name);
    line_tasks(f);
    fputs("    initial begin\n", f);
    load(f);
    fprintf(f,
            "        #200;\n"
            "        if (%d > 1) send(8'hff);\n"
            "        #8000;\n"
            "        for (i = 0; i < %zu; i = i + 1) begin\n"
            "            x = vectors[i];\n"
            "            fork\n"
            "                for (b = 0; b < %d; b = b + 1)\n"
            "                    send(x[8 * b +: 8]);\n"
            "                for (n = 0; n < %d; n = n + 1)\n"
            "                    receive(y[8 * n +: 8]);\n"
            "            join\n",
            bytes(d->in_bits), rows, bytes(d->in_bits), bytes(d->out_bits));
    compare(f, d);
    fputs("        end\n", f);
    end(f, rows);
    return text;
}

char *loom_wrapper_spi_bench(const struct loom_design *d, size_t rows)
{
    char *text;
    size_t size;
    int in = bytes(d->in_bits), out = bytes(d->out_bits);
    FILE *f = begin(d, rows,
                    "An SPI master: each transfer brings the result of the "
                    "one before.",
                    &text, &size);
    fprintf(f,
            "    reg sck = 0, cs = 1, mosi = 0;\n"
            "    wire miso;\n"
            "    %s_spi dut (.clk(clk), .sck(sck), .cs(cs), .mosi(mosi), "
            ".miso(miso));\n"
            "    initial begin\n",
            d->name);
    load(f);
    fprintf(f,
            "        #200;\n"
            "        for (i = -1; i < %zu; i = i + 1) begin\n"
            "            x = vectors[i + 1 < %zu ? i + 1 : 0];\n"
            "            cs = 0;\n"
            "            #100;\n"
            "            for (b = 0; b < %d; b = b + 1) begin\n"
            "                mosi = b < %d ? x[b + 7 - 2 * (b %% 8)] : 0;\n"
            "                #40 sck = 1;\n"
            "                if (b < %d)\n"
            "                    y[b + 7 - 2 * (b %% 8)] = miso;\n"
            "                #40 sck = 0;\n"
            "            end\n"
            "            #100 cs = 1;\n"
            "            #%d;\n"
            "            if (i >= 0)\n",
            rows, rows, 8 * (in > out ? in : out), 8 * in, 8 * out,
            10 * d->latency + 100);
    compare(f, d);
    fputs("        end\n", f);
    end(f, rows);
    return text;
}

char *loom_wrapper_stream_bench(const struct loom_design *d, size_t rows)
{
    char *text;
    size_t size;
    FILE *f = begin(d, rows,
                    "Vectors at full speed, then with random stalls on both "
                    "sides, and compares.",
                    &text, &size);
    fprintf(f,
            "    reg aresetn = 0, valid = 0, ready = 0;\n"
            "    wire s_ready, m_valid;\n"
            "    wire [%d:0] m_data;\n"
            "    integer sent, speed;\n"
            "    %s_stream dut (.clk(clk), .aresetn(aresetn), "
            ".s_axis_tvalid(valid),\n"
            "        .s_axis_tready(s_ready), .s_axis_tdata(x), "
            ".m_axis_tvalid(m_valid),\n"
            "        .m_axis_tready(ready), .m_axis_tdata(m_data));\n"
            "    // What is offered stays until it is taken, and so must what "
            "is given.\n"
            "    reg held = 0;\n"
            "    reg [%d:0] kept;\n"
            "    always @(posedge clk) begin\n"
            "        if (held && (!m_valid || m_data !== kept))\n"
            "            $display(\"ERROR: a result was taken back\");\n"
            "        held <= m_valid && !ready;\n"
            "        kept <= m_data;\n"
            "    end\n"
            "    initial begin\n",
            8 * bytes(d->out_bits) - 1, d->name, 8 * bytes(d->out_bits) - 1);
    load(f);
    fprintf(f,
            "        i = 0;\n"
            "        sent = 0;\n"
            "        repeat (3) @(negedge clk);\n"
            "        aresetn = 1;\n"
            "        while (i < %zu) begin\n"
            "            // Full speed in the first quarter, of which nothing "
            "is lost.\n"
            "            speed = sent < %zu;\n"
            "            if (!valid || s_ready)\n"
            "                valid = sent < %zu && (speed || $random & 1);\n"
            "            ready = speed || $random & 1;\n"
            "            x = vectors[sent < %zu ? sent : 0];\n"
            "            #1;\n"
            "            if (speed && !s_ready) begin\n"
            "                bad = bad + 1;\n"
            "                $display(\"vector %%0d: has to wait\", sent);\n"
            "            end\n"
            "            if (m_valid && ready) begin\n"
            "                y = m_data;\n",
            rows, rows / 4, rows, rows);
    compare(f, d);
    fputs("                i = i + 1;\n"
          "            end\n"
          "            if (valid && s_ready) sent = sent + 1;\n"
          "            @(negedge clk);\n"
          "        end\n",
          f);
    end(f, rows);
    return text;
}

char *loom_wrapper_selftest_bench(const struct loom_design *d, size_t rows)
{
    char *text;
    size_t size;
    FILE *f = begin(d, rows,
                    "Reads two of the self-test's reports off its serial line.",
                    &text, &size);
    fprintf(f,
            "    integer n;\n"
            "    reg rx = 1;\n"
            "    wire tx;\n"
            "    reg [7:0] c;\n"
            "    reg [8 * 10 - 1:0] report; // 9 letters and the line's end\n"
            "    %s_selftest #(.CLOCKS(16'd8), .PAUSE(4)) dut (.clk(clk), "
            ".tx(tx));\n",
            d->name);
    line_tasks(f);
    fprintf(f,
            "    initial begin\n"
            "        bad = 0;\n"
            "        for (i = 0; i < 2; i = i + 1) begin\n"
            "            c = 0;\n"
            "            while (c != 8'h0a) begin\n"
            "                receive(c);\n"
            "                if (c != 8'h0a) report = {report[71:0], c};\n"
            "            end\n"
            "            $display(\"%%s\", report[79:8]);\n"
            "            n = 0;\n"
            "            for (b = 4; b > 0; b = b - 1)\n"
            "                n = 10 * n + report[8 * b +: 4];\n"
            "            if (report[79:48] == \"PASS\") begin\n"
            "                if (n != %zu) bad = bad + 1;\n"
            "            end else\n"
            "                bad = bad + n;\n"
            "        end\n",
            rows);
    end(f, rows);
    return text;
}
