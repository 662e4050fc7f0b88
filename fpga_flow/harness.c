/* What stands around the core: the serial harness and the test benches. */
#include <stdio.h>
#include <stdlib.h>

#include "engine/mem.h"
#include "fpga_flow/verilog.h"

char *loom_verilog_serial(const struct loom_design *d)
{
    int when = d->p.latency + 1; /* sync arrives with the last bit */
    char *chain = d->in_bits > 1
                      ? loom_asprintf("{sdi_r, chain[%d:1]}", d->in_bits - 1)
                      : loom_strdup("sdi_r");
    char *text = loom_asprintf(
        "// Four pins around %s. On each rising edge of clk one bit of the\n"
        "// input vector enters at sdi, bit 0 of x first; sync is high with\n"
        "// the last one. The result leaves at sdo, bit 0 of y first, from\n"
        "// the %dth edge after that one on. The chain feeds the core\n"
        "// directly: what the core computes from half a vector is not kept.\n"
        "module %s_serial (\n"
        "    input wire clk,\n"
        "    input wire sdi,\n"
        "    input wire sync,\n"
        "    output wire sdo\n"
        ");\n"
        "    reg sdi_r;\n"
        "    reg [%d:0] chain;\n"
        "    reg [%d:0] when;\n"
        "    reg [%d:0] result;\n"
        "    wire [%d:0] y;\n"
        "    %s core (.clk(clk), .x(chain), .y(y));\n"
        "    always @(posedge clk) begin\n"
        "        sdi_r <= sdi;\n"
        "        chain <= %s;\n"
        "        when <= {when[%d:0], sync};\n"
        "        result <= when[%d] ? y : result >> 1;\n"
        "    end\n"
        "    assign sdo = result[0];\n"
        "endmodule\n",
        d->name, when + 1, d->name, d->in_bits - 1, when, d->out_bits - 1,
        d->out_bits - 1, d->name,
        chain, when - 1, when);
    free(chain);
    return text;
}

char *loom_verilog_bench(const struct loom_design *d, size_t rows)
{
    return loom_asprintf(
        "// Streams vectors through the core, one a clock, and compares.\n"
        "`ifndef SYNTHESIS // for tools that are given every file here\n"
        "`timescale 1ns / 1ps\n"
        "module bench;\n"
        "    reg clk = 0;\n"
        "    reg [%d:0] x;\n"
        "    wire [%d:0] y;\n"
        "    reg [%d:0] vectors [0:%zu];\n"
        "    reg [%d:0] expected [0:%zu];\n"
        "    integer i, bad;\n"
        "    %s core (.clk(clk), .x(x), .y(y));\n"
        "    always #5 clk = ~clk;\n"
        "    initial begin\n"
        "        $readmemh(\"vectors.hex\", vectors);\n"
        "        $readmemh(\"expected.hex\", expected);\n"
        "        bad = 0;\n"
        "        for (i = 0; i < %zu; i = i + 1) begin\n"
        "            @(negedge clk);\n"
        "            if (i >= %d && y !== expected[i - %d]) begin\n"
        "                bad = bad + 1;\n"
        "                if (bad <= 10)\n"
        "                    $display(\"vector %%0d: y is %%h, expected "
        "%%h\", i - %d, y, expected[i - %d]);\n"
        "            end\n"
        "            x = vectors[i < %zu ? i : 0];\n"
        "        end\n"
        "        $display(\"vectors %%0d mismatches %%0d\", %zu, bad);\n"
        "        $finish;\n"
        "    end\n"
        "endmodule\n"
        "`endif\n",
        d->in_bits - 1, d->out_bits - 1, d->in_bits - 1, rows - 1,
        d->out_bits - 1, rows - 1, d->name, rows + (size_t)d->p.latency,
        d->p.latency, d->p.latency, d->p.latency, d->p.latency, rows, rows);
}

char *loom_verilog_serial_bench(const struct loom_design *d, size_t rows)
{
    return loom_asprintf(
        "// Feeds the serial harness bit by bit, and compares.\n"
        "`timescale 1ns / 1ps\n"
        "module bench;\n"
        "    reg clk = 0, sdi = 0, sync = 0;\n"
        "    wire sdo;\n"
        "    reg [%d:0] x;\n"
        "    reg [%d:0] y;\n"
        "    reg [%d:0] vectors [0:%zu];\n"
        "    reg [%d:0] expected [0:%zu];\n"
        "    integer i, b, bad;\n"
        "    %s_serial dut (.clk(clk), .sdi(sdi), .sync(sync), .sdo(sdo));\n"
        "    always #5 clk = ~clk;\n"
        "    initial begin\n"
        "        $readmemh(\"vectors.hex\", vectors);\n"
        "        $readmemh(\"expected.hex\", expected);\n"
        "        bad = 0;\n"
        "        for (b = 0; b < %d; b = b + 1) @(negedge clk);\n"
        "        for (i = 0; i < %zu; i = i + 1) begin\n"
        "            x = vectors[i];\n"
        "            for (b = 0; b < %d; b = b + 1) begin\n"
        "                sdi = x[b];\n"
        "                sync = b == %d;\n"
        "                @(negedge clk);\n"
        "            end\n"
        "            sync = 0;\n"
        "            for (b = 0; b < %d; b = b + 1) @(negedge clk);\n"
        "            for (b = 0; b < %d; b = b + 1) begin\n"
        "                y[b] = sdo;\n"
        "                @(negedge clk);\n"
        "            end\n"
        "            if (y !== expected[i]) begin\n"
        "                bad = bad + 1;\n"
        "                $display(\"vector %%0d: y is %%h, expected %%h\", i, "
        "y, expected[i]);\n"
        "            end\n"
        "        end\n"
        "        $display(\"vectors %%0d mismatches %%0d\", %zu, bad);\n"
        "        $finish;\n"
        "    end\n"
        "endmodule\n",
        d->in_bits - 1, d->out_bits - 1, d->in_bits - 1, rows - 1,
        d->out_bits - 1, rows - 1, d->name, d->p.latency + 4, rows, d->in_bits,
        d->in_bits - 1, d->p.latency + 2, d->out_bits, rows);
}
