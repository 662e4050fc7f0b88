/* bitloom: the program. The first word picks a command; a script, or nothing,
 * opens the screen. */
#include "tui/cli.h"

#include <stdio.h>
#include <string.h>

#include "tui/commands.h"

const struct cli_command cli_commands[] = {
    {"run",
     "SCRIPT.lua [--set KEY=VALUE]... [--epochs N] [--seed N]\n"
     "                   [--threads N] [--out DIR] [--resume RUN] "
     "[--device DEV]\n"
     "                   [--json] [-q]",
     "train without a screen\n\n"
     "On a terminal it shows a bar, elsewhere a line a second; -q nothing.\n"
     "--json prints a line of JSON an event (schema bitloom/run/1).\n"
     "--set gives the script's settings other values. --out is the folder\n"
     "that keeps runs. --resume goes on with a run or a checkpoint.\n"
     "Ctrl-C saves and ends with status 130.",
     cmd_run},
    {"eval",
     "MODEL [--data FILE]... [--labels FILE]... [--label COLUMN] [--raw]\n"
     "                    [--map LIST] [--exact]\n"
     "                    [--out Y.npy] [--json]",
     "score a network, in float and in integers\n\n"
     "MODEL is a checkpoint, a run (muon-001, muon-001@40, its folder) or\n"
     "NET.json. Without --data, the test rows kept with the run are used.\n"
     "A network of several inputs takes --data NAME=FILE for each of them. "
     "Files\n"
     "are .npy, .npz, .csv, .arff, .h5, .mat or IDX, FILE:NAME is one of "
     "several\n"
     "arrays; --label COLUMN of FILE holds the labels. Several outputs lie "
     "side\n"
     "by side, in the order of the network, in Y.npy and in a file of labels\n"
     "(a class is one number), or take --labels NAME=FILE each. --raw: the "
     "rows are as\n"
     "measured; the standardization that the network was trained with comes\n"
     "first.\n"
     "--map 2,0,1 says that labels 0, 1, 2 are outputs 2, 0, 1.\n"
     "--exact also runs the integers and counts the outputs that differ.\n"
     "--store DIR: the folder that `run --out DIR` wrote to.",
     cmd_eval},
    {"data",
     "FILE|SCRIPT.lua [--label COLUMN | --labels FILE] [--classes N]\n"
     "                    [--set KEY=VALUE]... [--json]",
     "what is in a data file, or in the data set of a script\n\n"
     "Rows, ranges, missing values, histograms, the balance of classes, "
     "constant\n"
     "features, and rows that are there twice, within a part or in two. FILE "
     "is\n"
     ".npy, .npz, .csv, .arff, .h5, .mat or IDX; FILE:NAME picks one of "
     "several\n"
     "arrays. --label: the column to predict; --labels: the file of labels.\n"
     "--classes: labels that are numbers are classes, 0 to N - 1. A script is\n"
     "run as far as its first loom.train.",
     cmd_data},
    {"fetch", "NAME [--list FILE] [--out DIR] [--json] [-q]",
     "download a public data set and check its SHA-256\n\n"
     "NAME is mnist, or one that FILE knows: lines of NAME FILE SHA256 URL, "
     "the\n"
     "sum of the content (unpacked, of a .gz). It goes to DIR/NAME, where DIR "
     "is\n"
     "the first folder of LOOM_DATA or ~/.local/share/bitloom/data; scripts "
     "find\n"
     "it there. What is there already is checked and kept; an interrupted\n"
     "download goes on where it ended.",
     cmd_fetch},
    {"import", "X.keras|X.onnx [-o MODEL] [--calibrate X.npy]... [--json]",
     "take over a network that others trained, number for number\n\n"
     "X.keras is HGQ2's; X.onnx is of QONNX: Quant nodes (steps that are "
     "powers\n"
     "of two, zero points 0) with MatMul, Conv, Add, Relu, MaxPool, Flatten.\n"
     "MODEL (X.loom without -o) is a checkpoint like any other. --calibrate\n"
     "sets the ranges of its activations anew, to what these rows need\n"
     "(NAME=FILE for each of several inputs).",
     cmd_import},
    {"ebops", "MODEL [--json]",
     "effective bit operations, bits and sparsity, a row a layer", cmd_ebops},
    {"freeze", "MODEL -o NET.json [--json]",
     "write the integer network as JSON", cmd_freeze},
    {"runs",
     "[ls [NAME] | show ID | compare ID... | export ID --csv FILE | rm ID |\n"
     "                    tag ID T | rerun ID] [--json] [--out DIR]",
     "look into the run store\n\n"
     "ls (the default) lists runs, newest first; NAME is part of an id,\n"
     "--state S one of running, done, stopped, failed, lost, --tag T a tag.\n"
     "--filter EXPR: 'acc > .75 and lut < 5000', '#tag', 'state = failed',\n"
     "'/regex/', 'word', 'not ...', 'started > 2026-11-01', any setting.\n"
     "show tells all of one run: its settings, front and builds. compare\n"
     "puts runs side by side, settings only where they differ. export writes\n"
     "the epochs (--csv - to standard output). rm forgets a run and removes\n"
     "its folder. tag adds a tag, or takes it away: tag ID -T. rerun trains a\n"
     "finished run again from what the store knows of it, as a new run, and\n"
     "says whether the weights are the same to the bit; exit status 1 if not.\n"
     "--out DIR (or --store DIR) is the store's folder; without it, the\n"
     "default one.",
     cmd_runs},
    {"report", "RUN... -o report.html [--store DIR] [--json]",
     "write runs as one page of HTML\n\n"
     "Summary, curves, front, layers, bit maps, builds and scripts in a page\n"
     "that needs nothing else: no network, no script. Several runs are put\n"
     "side by side. --store DIR: the folder that `run --out DIR` wrote to.",
     cmd_report},
    {"compile",
     "MODEL --device DEV|--board BOARD [--interface WORD] [--clock MHZ]\n"
     "                    [--levels N | --bit-serial] [--effort 0] -o DIR "
     "[--json]",
     "write a network as Verilog, with all that a build needs\n\n"
     "Needs no tools. DIR gets core.v, a serial harness, a self-checking\n"
     "bench, pins and a Makefile that builds and simulates without bitloom.\n"
     "--levels N: a register after every N levels of adders (default 2); 0: a\n"
     "register a layer. --effort 0: outputs share no sums; the reference.\n"
     "--bit-serial: sums one bit a clock, in a fraction of the cells where "
     "they\n"
     "are wide; a result leaves every so many cycles instead of every one.\n"
     "--data X.npy: rows for the bench.",
     cmd_compile},
    {"export",
     "MODEL --format verilog|fusesoc|npz|qonnx -o OUT [--device DEV]\n"
     "                     [--clock MHZ] [--levels N] [--effort 0]\n"
     "                     [--data X.npy] [--json]",
     "a network for other programs\n\n"
     "verilog: a folder with core.v, a serial harness and a self-checking\n"
     "bench, for no device (--device: shared in the way that is small there).\n"
     "fusesoc: the same as a core of FuseSoC, targets sim, lint, icestorm and\n"
     "trellis; --device is the part of its family, else hx8k and ecp5-25k.\n"
     "npz: what numpy.load reads: NAME/kernel, NAME/bias (quantized values),\n"
     "NAME/kernel_k, _i, _f (their formats: multiples of 2^-f from -k 2^i to\n"
     "2^i), NAME/k, _i, _f of quantizers of data, and model.json, the graph.\n"
     "qonnx: an ONNX file with Quant nodes, of dense, conv2d, max_pool2d, "
     "relu,\n"
     "add and flatten layers. Quant saturates where a value is beyond its "
     "range,\n"
     "our quantizers mostly wrap; import brings back what they did.",
     cmd_export},
    {"verify",
     "MODEL|DIR [--device DEV] [--data X.npy] [--random N] [--netlist]\n"
     "                     [--formal] [--jobs N] [--levels N | --bit-serial]\n"
     "                     [--effort 0] [--timeout S] [--json] [-q]",
     "the Verilog, and the netlist, against the integer network\n\n"
     "DIR is a folder that compile or build wrote: its files are taken as "
     "they\n"
     "are. Every row of X.npy (or the test rows kept with the run), and "
     "corner\n"
     "and N random vectors (1000), must agree in every bit; else exit status "
     "1.\n"
     "--netlist: so must what Yosys makes of the core, simulated with the\n"
     "vendor's models of its cells. --formal: proves for all inputs that "
     "every\n"
     "layer's netlist computes what the integer network says, N layers at a\n"
     "time; a layer that is not proven (--timeout, 120 s each) is named, with\n"
     "the reason or an input that shows it, and the exit status is 1.",
     cmd_verify},
    {"build",
     "MODEL --device DEV|--board BOARD [--interface WORD] [--clock MHZ]\n"
     "                     [--levels N | --bit-serial] [--effort 0] [--seeds "
     "N]\n"
     "                     [--timeout S]\n"
     "                     [--data X.npy] -o DIR [--json] [-q]\n"
     "       bitloom build MODEL... --device DEV,... [--points] -o DIR ...\n"
     "                     [--jobs N | --slurm [--partition P] | --prepare]",
     "compile, verify, synthesize, place, route: a bitstream\n\n"
     "--board: a device, its clock and its pins (bitloom devices lists them).\n"
     "--interface: what is around the network: serial (three pins and a "
     "clock,\n"
     "the default), uart (bytes, 115200 8N1), spi (a slave), selftest "
     "(vectors\n"
     "and results in its memory: it reports PASS or FAIL and how many on the\n"
     "serial line); compile also writes stream (AXI4-Stream).\n"
     "--seeds N: placements to try, the fastest is kept. --timeout S: of each\n"
     "tool. A missed clock is not a failure: the report says so. DIR also "
     "gets\n"
     "build.json and the logs of the tools. Tools are looked for in the\n"
     "folders of LOOM_TOOLS, then in PATH. What they made is kept in\n"
     "~/.cache/bitloom (or LOOM_CACHE; empty: nowhere), so that the same call\n"
     "is not made twice: \"reused\" counts such calls.\n"
     "Several models or devices, or --points (every point of a RUN's front), "
     "are\n"
     "built into DIR/001, DIR/002, ...: --jobs at once, as far as memory goes, "
     "or\n"
     "as a Slurm array, whose nodes need the tools, this program and the "
     "folders\n"
     "of DIR and the store; --prepare writes DIR/job.sh for GNU parallel and "
     "the\n"
     "like. The same command goes on with what was interrupted or failed.",
     cmd_build},
    {"fit",
     "SCRIPT.lua|RUN --device DEV [--clock MHZ] [--lut4 N] [--ff N]\n"
     "                   [--rounds N] [--builds N] [--seeds N] [--timeout S]\n"
     "                   [--set KEY=VALUE]... [--epochs N] [--seed N]\n"
     "                   [--threads N] [--store DIR] [-o DIR] [--json] [-q]",
     "the best network that fits a device\n\n"
     "Trains the script, builds what should fit, corrects the prediction by\n"
     "what was measured, and goes on until no better point is left to build\n"
     "(--builds at most, 6, a round). Further rounds (--rounds, 3 in all)\n"
     "train the script again with a beta that should lead to the EBOPs that\n"
     "fill the device. Of a RUN, only the points of its front are tried. The\n"
     "answer has been placed and routed, within the limits and at the clock\n"
     "(each device has its own default). DIR (SCRIPT-DEV.fit without -o) keeps "
     "the builds\n"
     "and fit.json; the same command goes on where it was interrupted. Exit\n"
     "status 1 when nothing fits.",
     cmd_fit},
    {"calibrate", "--device DEV [MODEL]... [--store DIR] [--json] [-q]",
     "what cells cost in bits, for training by a device's cells\n\n"
     "Fits the prices behind cost = \"DEV\" of loom.train to the builds in "
     "the\n"
     "store, of the device's family, and to MODELs, whose cells are counted "
     "by\n"
     "synthesis and packing. Says how far each network is off when it is "
     "priced\n"
     "by the others, and writes cost-FAMILY.json into the data folder; "
     "without\n"
     "that file prices are as shipped.",
     cmd_calibrate},
    {"sweep",
     "SCRIPT.lua [--set KEY=V1,V2,...]... [--seeds N] [--epochs N]\n"
     "                   [--jobs N | --slurm [--partition P] | --prepare]\n"
     "                   [--threads N] [--store DIR] [-o DIR] [--json] [-q]",
     "all variants of a script, here or on a cluster\n\n"
     "Every combination of the values, times the seeds 1 to N, is a run of "
     "its\n"
     "own; --jobs of them train at once (a core each without it), in one "
     "process\n"
     "that makes their data once; or they are a Slurm array, whose nodes need\n"
     "this program and DIR only, or --prepare writes DIR/job.sh for GNU "
     "parallel\n"
     "and the like. Each ends as it would alone. Finished ones are taken into "
     "the\n"
     "store. The same command goes on with what was interrupted or\n"
     "failed, and takes in what has been done. DIR is SCRIPT.sweep without -o.",
     cmd_sweep},
    {"program",
     "DIR|BITSTREAM [--board B] [--device DEV] [--flash] [--json] [-q]",
     "write a bitstream to a board\n\n"
     "DIR is a folder that build wrote. With --board, a name that\n"
     "openFPGALoader --list-boards knows, openFPGALoader does it; without it "
     "an\n"
     "iCE40 on an FTDI chip (iCEBreaker, HX8K breakout, iCEstick) by iceprog.\n"
     "--flash: into the flash chip, which keeps it; else it is gone with the\n"
     "power. --device: what a bitstream alone is for.",
     cmd_program},
    {"cmvm",
     "FILE [--target ice40|adders|bits] [--max-depth N] [--time S]\n"
     "                    [--steps N] [--seed N] [--threads N] [--json] [-q]",
     "a constant matrix as a graph of adders\n\n"
     "FILE is text: rows and columns, then the integers; y = x W, rows are\n"
     "inputs, each signed 8 bit. --target says what to have least of: adders\n"
     "(the default), bits of carry chains, or cells of an iCE40 (a model: "
     "with\n"
     "the registers of a pipeline of 2 levels a stage). --max-depth N bounds "
     "the adders on the longest\n"
     "way (raised to what the matrix needs). --time S: seconds to search\n"
     "(default 10); --steps N instead gives the same answer on every machine.\n"
     "The graph is checked exactly; exit status 1 if it were wrong.",
     cmd_cmvm},
    {"devices", "[--json]", "list the devices that can be built for",
     cmd_devices},
    {"doctor", "[--json]",
     "what is installed, which versions, what is missing\n\n"
     "Tools are looked for in the folders of LOOM_TOOLS, then in PATH. Exit\n"
     "status 1 when one that builds need is missing or broken.",
     cmd_doctor},
    {"bench",
     "train|quant [--net NAME] [--batch ROWS] [--threads N] [--json]\n"
     "                     | ui [--keys N] [--pairs N] [--json]\n"
     "                     | target --device DEV [--levels N] [-o FILE] "
     "[--json]\n"
     "                       [-q] [MODEL]...\n"
     "                     | cmvm [--time S,...] [--threads N] [--best FILE]\n"
     "                       [--json] FILE...\n"
     "                     | kernels --device DEV [--time S] [--json] FILE...\n"
     "                     | lut6 [--levels N] [--json] MODEL...",
     "the speed of training and of the screen, the truth of predictions, the\n"
     "size of circuits\n\n"
     "train: beside the machine's peak and plain loops. Each case trains a\n"
     "network on noise for a second. \"of peak\": the multiply-adds of "
     "forward,\n"
     "weight and input gradients against the most that the same threads reach\n"
     "in this run; \"quantizers\": what they add to the time of the same step\n"
     "in real numbers. quant: the quantizers alone.\n"
     "ui: in a terminal of its own, beside training on all cores: from a key "
     "to\n"
     "its effect on the screen (200 keys), the first frame with 1,000 runs in\n"
     "the store, the cost of a frame, and what it all takes from the training\n"
     "(5 pairs of runs). Takes two minutes.\n"
     "target: designs of one construct each (sums, quantizers, tables ...) "
     "and\n"
     "networks are counted by synthesis and packing, and prices fitted to "
     "them,\n"
     "each network priced by all other designs. Says what a construct costs\n"
     "beside what predictions charge, and how far predictions are off.\n"
     "cmvm: matrices, as for bitloom cmvm, to few adders, once for each time\n"
     "(10 s), and how their number falls with it: of that of plain sums, and\n"
     "of the fewest known: FILE.csv with columns matrix (the file's name,\n"
     "without its ending), best_adders, best_cost_bits.\n"
     "kernels: matrices in cells of a device, by synthesis and packing: as\n"
     "plain Verilog sums of canonical signed digits, as a greedy graph of few\n"
     "adders, and as a build has them; with the same harness, which is not\n"
     "counted, and a register after every two levels. --time S: to search each\n"
     "for cells.\n"
     "lut6: networks in LUTs of six inputs (Yosys synth_xilinx), to compare with\n"
     "what is published of them: synthesis only, with the serial harness.",
     cmd_bench},
    {NULL, NULL, NULL, NULL},
};

static int help(void)
{
    puts("usage: bitloom [SCRIPT.lua] [--set key=value]...\n"
         "       bitloom COMMAND ...\n\n"
         "Train a network bit by bit and weave it into an FPGA.\n"
         "A script, or nothing, opens the screen. Commands:\n");
    for (const struct cli_command *c = cli_commands; c->name; c++)
        printf("  %-8s %.*s\n", c->name, (int)strcspn(c->help, "\n"), c->help);
    puts("\nThe screen takes the options of run, but --json and -q, and\n"
         "  --ascii    no characters beyond ASCII\n"
         "  --mono     no colours (also NO_COLOR=1)\n"
         "  --blocks   curves of quadrant blocks, for fonts without braille\n"
         "  --plain    no screen: lines of words, commands typed as after :\n"
         "  --fps N    at most N pictures a second (10)\n"
         "Keys are on the screen; ? lists them all. Its settings are those of\n"
         "~/.config/bitloom/config.lua, where there is one: theme, keys ...");
    puts("\nbitloom COMMAND --help tells more of one. Exit status: 0 done,\n"
         "1 the work failed, 2 wrong use or bad input, 130 interrupted.");
    return CLI_DONE;
}

int main(int argc, char **argv)
{
    if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")))
        return help();
    if (argc > 1 && !strcmp(argv[1], "--version")) {
        puts("bitloom " LOOM_VERSION);
        return CLI_DONE;
    }
    for (const struct cli_command *c = cli_commands; argc > 1 && c->name; c++)
        if (!strcmp(argv[1], c->name)) {
            for (int i = 2; i < argc; i++)
                if (!strcmp(argv[i], "--help")) {
                    cli_print_help(c);
                    return CLI_DONE;
                }
            return c->run(argc - 1, argv + 1);
        }
    return cli_screen(argc, argv);
}
