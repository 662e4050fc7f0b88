/* Networks that HGQ2 saved (.keras), as networks of ours: number for number
 * the same. What is not known is an error that names layer, class and field. */
#pragma once

#include <jansson.h>

#include "engine/err.h"
#include "engine/model.h"

/* The network in the file, finished, with its parameters; *info (owned by the
 * caller) is what a checkpoint keeps of it: name, loss. NULL with a sentence.
 *
 * Layer names are the file's; the quantizers before a layer L are layers
 * L/iq (of a merge L/iq0, L/iq1), behind it L/oq, its activation L/relu.
 * Classes: InputLayer, QDense, QEinsumDense, QEinsumDenseBatchnorm (over the
 * last axis), QConv1D, QConv2D, QAdd, QSubtract, QMultiply, QMaximum, QSum,
 * Q(Max|Average)Pooling(1|2)D, QGlobal(Max|Average)Pooling(1|2)D and these
 * without Q, Concatenate, Reshape, Flatten, Permute, GetItem (slices),
 * Activation, ReLU, Dropout. Several outputs become those of the network, by
 * their layers' names. */
struct loom_model *loom_import_keras(const char *path, json_t **info,
                                     struct loom_errmsg *e);

/* The same from an ONNX graph of float32 with QONNX's Quant (or IntQuant)
 * nodes: with a zero point of 0, steps that are powers of two, and bits and
 * steps a number or of the shape of what is quantized. Nodes: Quant, MatMul and
 * Conv of quantized weights, Add (of a bias, of half a step before Quant, of
 * two tensors), Relu, MaxPool, Flatten, and Transpose around what has channels
 * first. Anything else is an error that names node, operator and field. Layers
 * are named after the tensors that they give. */
struct loom_model *loom_import_qonnx(const char *path, json_t **info,
                                     struct loom_errmsg *e);
