/*
 * The flat functions of shim.c, as Rust declares them in src/shim.rs. Knows no CMSIS-NN types.
 *
 * Groups of arguments that always come together are spelled once, in the order in which Rust passes them.
 */
#ifndef DEPLOYCTL_CMSIS_NN_SHIM_H
#define DEPLOYCTL_CMSIS_NN_SHIM_H

#include <stdint.h>

#define SCRATCH int8_t *scratch, int32_t scratch_len
#define INPUT_DIMS int32_t input_n, int32_t input_h, int32_t input_w, int32_t input_c
#define FILTER int32_t filter_h, int32_t filter_w
#define OUTPUT_PLANE int32_t output_h, int32_t output_w
#define OUTPUT_DIMS OUTPUT_PLANE, int32_t output_c
#define STRIDE int32_t stride_h, int32_t stride_w
#define PADDING int32_t padding_h, int32_t padding_w
#define DILATION int32_t dilation_h, int32_t dilation_w
#define QUANTIZED int32_t input_offset, int32_t output_offset, int32_t activation_min, int32_t activation_max
#define WEIGHTS const int8_t *filter, const int32_t *bias, const int32_t *multipliers, const int32_t *shifts
#define TENSORS const int8_t *input, int8_t *output
#define POOL_ARGUMENTS                                                                                                  \
    int32_t input_n, int32_t input_h, int32_t input_w, int32_t channels, FILTER, OUTPUT_PLANE, STRIDE, PADDING,         \
        int32_t activation_min, int32_t activation_max, TENSORS

int32_t shim_convolve_s8(SCRATCH, INPUT_DIMS, FILTER, OUTPUT_DIMS, STRIDE, PADDING, DILATION, QUANTIZED, WEIGHTS, TENSORS);
int32_t shim_convolve_1_x_n_s8(SCRATCH,
                               int32_t input_n,
                               int32_t input_w,
                               int32_t input_c,
                               int32_t filter_w,
                               int32_t output_w,
                               int32_t output_c,
                               int32_t stride_w,
                               int32_t padding_w,
                               QUANTIZED,
                               WEIGHTS,
                               TENSORS);
int32_t shim_convolve_1x1_s8(INPUT_DIMS, OUTPUT_DIMS, STRIDE, QUANTIZED, WEIGHTS, TENSORS);
int32_t shim_convolve_1x1_s8_fast(int32_t pixels, int32_t input_c, int32_t output_c, QUANTIZED, WEIGHTS, TENSORS);
int32_t shim_depthwise_conv_s8(INPUT_DIMS,
                               FILTER,
                               OUTPUT_DIMS,
                               int32_t depth_multiplier,
                               STRIDE,
                               PADDING,
                               DILATION,
                               QUANTIZED,
                               WEIGHTS,
                               TENSORS);
int32_t shim_depthwise_conv_3x3_s8(
    int32_t input_h, int32_t input_w, int32_t channels, OUTPUT_PLANE, STRIDE, PADDING, QUANTIZED, WEIGHTS, TENSORS);
int32_t shim_depthwise_conv_s8_opt(SCRATCH,
                                   int32_t input_h,
                                   int32_t input_w,
                                   int32_t channels,
                                   FILTER,
                                   OUTPUT_PLANE,
                                   STRIDE,
                                   PADDING,
                                   QUANTIZED,
                                   WEIGHTS,
                                   TENSORS);
int32_t shim_fully_connected_s8(SCRATCH,
                                int32_t batches,
                                int32_t depth,
                                int32_t units,
                                QUANTIZED,
                                const int8_t *filter,
                                const int32_t *bias,
                                int32_t multiplier,
                                int32_t shift,
                                TENSORS);
int32_t shim_avgpool_s8(SCRATCH, POOL_ARGUMENTS);
int32_t shim_max_pool_s8(POOL_ARGUMENTS);
int32_t shim_elementwise_add_s8(const int8_t *a,
                                int32_t a_offset,
                                int32_t a_multiplier,
                                int32_t a_shift,
                                const int8_t *b,
                                int32_t b_offset,
                                int32_t b_multiplier,
                                int32_t b_shift,
                                int32_t left_shift,
                                int8_t *output,
                                int32_t output_offset,
                                int32_t output_multiplier,
                                int32_t output_shift,
                                int32_t activation_min,
                                int32_t activation_max,
                                int32_t len);
int32_t shim_softmax_s8(const int8_t *input,
                        int32_t rows,
                        int32_t depth,
                        int32_t multiplier,
                        int32_t shift,
                        int32_t diff_min,
                        int8_t *output);

#endif
