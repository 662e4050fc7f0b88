/* A trained network for other programs. The caller has prepared nothing: the
 * model is prepared for evaluation here. Files are whole or absent. */
#pragma once

#include "engine/err.h"
#include "engine/model.h"

/* An .npz archive (numpy.load reads it) of the numbers as the hardware has
 * them; per layer NAME:
 *   NAME/kernel, NAME/bias      quantized values, float32
 *   NAME/kernel_k, _i, _f       their formats, int16, of the same shape: the
 *   NAME/bias_k, _i, _f         multiples of 2^-f in [-k 2^i, 2^i - 2^-f]
 *   NAME/k, _i, _f              the same of a quantizer of data
 * a kernel's shape being [inputs][outputs], or [size...][channels][filters];
 * of a layer with another kind of parameters those as they are, by name. The
 * member model.json is the graph: layers, their inputs and settings. */
int loom_export_npz(struct loom_model *m, const char *path,
                    struct loom_errmsg *e);

/* An ONNX graph of float32 with QONNX's Quant nodes, scale and bits of which
 * have the shape of what is quantized where its elements differ. Rounding half
 * up is written as half a step added and FLOOR. Quant saturates: where our
 * quantizers wrap, other programs are equal only for values within the range
 * (which calibration makes hold all data); attribute loom_overflow has the
 * mode, and loom_sign, where bits differ so, each element's sign: 0, 1, or
 * LOOM_QONNX_NO_BITS. What cannot be written is an error that names the
 * layer. */
enum { LOOM_QONNX_NO_BITS = 2 };
int loom_export_qonnx(struct loom_model *m, const char *path,
                      struct loom_errmsg *e);
