/* The kernels compiled for one instruction set (see kernels_impl.h). */
#define NAME avx2
#define VL   8
#include "engine/kernels_impl.h"
