/* The kernels compiled for one instruction set (see kernels_impl.h). */
#define NAME portable
#define VL   4
#include "engine/kernels_impl.h"
