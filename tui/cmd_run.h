/* bitloom run: train a script without a screen. */
#pragma once

int cmd_run(int argc, char **argv);
