/* The kernels compiled for one instruction set (see kernels_impl.h). */
#define NAME avx512
#define VL   16
#include "engine/kernels_impl.h"
