/* What stands around the core: the serial harness and the test benches. */
#include <stdio.h>
#include <stdlib.h>

#include "engine/mem.h"
#include "fpga_flow/verilog.h"

char *loom_verilog_serial(const struct loom_design *d)
{
    /* sync arrives with the last bit; a bit-serial core says when it is done.
     */
    int when = d->serial ? 1 : d->latency + 1;
    char ready[24] = "done";
    char *chain = d->in_bits > 1
                      ? loom_asprintf("{sdi_r, chain[%d:1]}", d->in_bits - 1)
                      : loom_strdup("sdi_r");
    if (!d->serial)
        snprintf(ready, sizeof(ready), "when[%d]", when);
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
        "    reg [%d:0] when = 0;\n"
        "    reg [%d:0] result;\n"
        "    wire [%d:0] y;\n"
        "%s"
        "    %s core (.clk(clk), %s.x(chain), .y(y)%s);\n"
        "    always @(posedge clk) begin\n"
        "        sdi_r <= sdi;\n"
        "        chain <= %s;\n"
        "        when <= {when[%d:0], sync};\n"
        "        result <= %s ? y : result >> 1;\n"
        "    end\n"
        "    assign sdo = result[0];\n"
        "endmodule\n",
        d->name, d->latency + 2, d->name, d->in_bits - 1, when, d->out_bits - 1,
        d->out_bits - 1, d->serial ? "    wire done;\n" : "", d->name,
        d->serial ? ".go(when[1]), " : "", d->serial ? ", .done(done)" : "",
        chain, when - 1, ready);
    free(chain);
    return text;
}

/* Rows follow at the least distance, and now and then a little later; x is
 * only theirs in the cycle of go. */
static char *bitserial_bench(const struct loom_design *d, size_t rows)
{
    return loom_asprintf(
        "// Sends vectors through the core, and compares.\n"
        "`timescale 1ns / 1ps\n"
        "module bench;\n"
        "    reg clk = 0, go = 0;\n"
        "    reg [%d:0] x;\n"
        "    wire [%d:0] y;\n"
        "    wire done;\n"
        "    reg [%d:0] vectors [0:%zu];\n"
        "    reg [%d:0] expected [0:%zu];\n"
        "    integer i, n, bad;\n"
        "    %s core (.clk(clk), .go(go), .x(x), .y(y), .done(done));\n"
        "    always #5 clk = ~clk;\n"
        "    always @(posedge clk) if (done && n < %zu) begin\n"
        "        if (y !== expected[n]) begin\n"
        "            bad = bad + 1;\n"
        "            if (bad <= 10)\n"
        "                $display(\"vector %%0d: y is %%h, expected %%h\", n, "
        "y, expected[n]);\n"
        "        end\n"
        "        n = n + 1;\n"
        "    end\n"
        "    initial begin\n"
        "        $readmemh(\"vectors.hex\", vectors);\n"
        "        $readmemh(\"expected.hex\", expected);\n"
        "        n = 0;\n"
        "        bad = 0;\n"
        "        @(negedge clk);\n"
        "        for (i = 0; i < %zu; i = i + 1) begin\n"
        "            go = 1;\n"
        "            x = vectors[i];\n"
        "            @(negedge clk);\n"
        "            go = %d && i < %zu;\n"
        "            if (!go) begin\n"
        "                x = ~x;\n"
        "                repeat (%d + (i %% 8 == 7 ? i %% 5 : 0)) "
        "@(negedge clk);\n"
        "            end\n"
        "        end\n"
        "        repeat (%d) @(negedge clk);\n"
        "        $display(\"vectors %%0d mismatches %%0d\", n, bad);\n"
        "        $finish;\n"
        "    end\n"
        "endmodule\n",
        d->in_bits - 1, d->out_bits - 1, d->in_bits - 1, rows - 1,
        d->out_bits - 1, rows - 1, d->name, rows, rows, d->ii == 1, rows - 1,
        d->ii - 1, d->latency + 2);
}

char *loom_verilog_bench(const struct loom_design *d, size_t rows)
{
    if (d->serial)
        return bitserial_bench(d, rows);
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
        d->out_bits - 1, rows - 1, d->name, rows + (size_t)d->latency,
        d->latency, d->latency, d->latency, d->latency, rows, rows);
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
        d->out_bits - 1, rows - 1, d->name, d->latency + 4, rows, d->in_bits,
        d->in_bits - 1, d->latency + 2, d->out_bits, rows);
}
