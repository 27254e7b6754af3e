/*
 * CMSIS-NN with flat arguments: one function for each of the library's functions that firmware calls.
 *
 * The library's own headers are included, so the C compiler checks each call, and what differs between versions of the
 * library is in this file only. CMSIS_NN_REVISION is the $Revision of arm_nnfunctions.h as a number (V.12.5.1 is 120501):
 * build.rs reads it from the header, and a library's KDL file or `cmsis-nn.sources` may define it instead.
 *
 * Shapes come in LiteRT's order. `scratch` is checked against the size that the library asks for; all else about slices
 * and geometry is checked by the Rust side. Every function returns the library's status, zero for success.
 */
#include "shim.h"

#include "arm_nnfunctions.h"

#ifndef CMSIS_NN_REVISION
#error "define CMSIS_NN_REVISION: the $Revision of Include/arm_nnfunctions.h, V.12.5.1 being 120501"
#elif CMSIS_NN_REVISION < 120500 || CMSIS_NN_REVISION >= 120600
#error "this shim was written for $Revision V.12.5.x of arm_nnfunctions.h; see the versions of the library's KDL file"
#endif

/* Scratch must hold 32-bit words. */
static int fits(const int8_t *scratch, int32_t scratch_len, int32_t needed)
{
    return needed <= 0 || (scratch_len >= needed && ((uintptr_t)scratch & 3u) == 0);
}

/* The library does not write multipliers and shifts, but its type does not say so. */
static cmsis_nn_per_channel_quant_params per_channel(const int32_t *multipliers, const int32_t *shifts)
{
    cmsis_nn_per_channel_quant_params quant = {(int32_t *)multipliers, (int32_t *)shifts};
    return quant;
}

#define CONTEXT cmsis_nn_context ctx = {scratch, scratch_len}
#define DIMS(name, n, h, w, c) const cmsis_nn_dims name = {n, h, w, c}
#define CONV_PARAMS(stride_h, stride_w, padding_h, padding_w, dilation_h, dilation_w)                                   \
    const cmsis_nn_conv_params params = {input_offset,                                                                  \
                                         output_offset,                                                                 \
                                         {stride_w, stride_h},                                                          \
                                         {padding_w, padding_h},                                                        \
                                         {dilation_w, dilation_h},                                                      \
                                         {activation_min, activation_max}}
#define DEPTHWISE_PARAMS(depth_multiplier, dilation_h, dilation_w)                                                      \
    const cmsis_nn_dw_conv_params params = {input_offset,                                                               \
                                            output_offset,                                                              \
                                            depth_multiplier,                                                           \
                                            {stride_w, stride_h},                                                       \
                                            {padding_w, padding_h},                                                     \
                                            {dilation_w, dilation_h},                                                   \
                                            {activation_min, activation_max}}

int32_t shim_convolve_s8(SCRATCH, INPUT_DIMS, FILTER, OUTPUT_DIMS, STRIDE, PADDING, DILATION, QUANTIZED, WEIGHTS, TENSORS)
{
    DIMS(input_dims, input_n, input_h, input_w, input_c);
    DIMS(filter_dims, output_c, filter_h, filter_w, input_c);
    DIMS(output_dims, input_n, output_h, output_w, output_c);
    DIMS(bias_dims, 1, 1, 1, output_c);
    if (!fits(scratch, scratch_len, arm_convolve_s8_get_buffer_size(&input_dims, &filter_dims)))
    {
        return ARM_CMSIS_NN_ARG_ERROR;
    }
    CONTEXT;
    CONV_PARAMS(stride_h, stride_w, padding_h, padding_w, dilation_h, dilation_w);
    const cmsis_nn_per_channel_quant_params quant = per_channel(multipliers, shifts);
    return arm_convolve_s8(
        &ctx, &params, &quant, &input_dims, input, &filter_dims, filter, &bias_dims, bias, &output_dims, output);
}

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
                               TENSORS)
{
    DIMS(input_dims, input_n, 1, input_w, input_c);
    DIMS(filter_dims, output_c, 1, filter_w, input_c);
    DIMS(output_dims, input_n, 1, output_w, output_c);
    DIMS(bias_dims, 1, 1, 1, output_c);
    if (!fits(scratch, scratch_len, arm_convolve_1_x_n_s8_get_buffer_size(&input_dims, &filter_dims)))
    {
        return ARM_CMSIS_NN_ARG_ERROR;
    }
    CONTEXT;
    CONV_PARAMS(1, stride_w, 0, padding_w, 1, 1);
    const cmsis_nn_per_channel_quant_params quant = per_channel(multipliers, shifts);
    return arm_convolve_1_x_n_s8(
        &ctx, &params, &quant, &input_dims, input, &filter_dims, filter, &bias_dims, bias, &output_dims, output);
}

int32_t shim_convolve_1x1_s8(INPUT_DIMS, OUTPUT_DIMS, STRIDE, QUANTIZED, WEIGHTS, TENSORS)
{
    const cmsis_nn_context ctx = {0, 0};
    DIMS(input_dims, input_n, input_h, input_w, input_c);
    DIMS(filter_dims, output_c, 1, 1, input_c);
    DIMS(output_dims, input_n, output_h, output_w, output_c);
    DIMS(bias_dims, 1, 1, 1, output_c);
    CONV_PARAMS(stride_h, stride_w, 0, 0, 1, 1);
    const cmsis_nn_per_channel_quant_params quant = per_channel(multipliers, shifts);
    return arm_convolve_1x1_s8(
        &ctx, &params, &quant, &input_dims, input, &filter_dims, filter, &bias_dims, bias, &output_dims, output);
}

int32_t shim_convolve_1x1_s8_fast(int32_t pixels, int32_t input_c, int32_t output_c, QUANTIZED, WEIGHTS, TENSORS)
{
    const cmsis_nn_context ctx = {0, 0};
    DIMS(input_dims, pixels, 1, 1, input_c);
    DIMS(filter_dims, output_c, 1, 1, input_c);
    DIMS(output_dims, pixels, 1, 1, output_c);
    DIMS(bias_dims, 1, 1, 1, output_c);
    CONV_PARAMS(1, 1, 0, 0, 1, 1);
    const cmsis_nn_per_channel_quant_params quant = per_channel(multipliers, shifts);
    return arm_convolve_1x1_s8_fast(
        &ctx, &params, &quant, &input_dims, input, &filter_dims, filter, &bias_dims, bias, &output_dims, output);
}

int32_t shim_depthwise_conv_s8(INPUT_DIMS,
                               FILTER,
                               OUTPUT_DIMS,
                               int32_t depth_multiplier,
                               STRIDE,
                               PADDING,
                               DILATION,
                               QUANTIZED,
                               WEIGHTS,
                               TENSORS)
{
    const cmsis_nn_context ctx = {0, 0};
    DIMS(input_dims, input_n, input_h, input_w, input_c);
    DIMS(filter_dims, 1, filter_h, filter_w, output_c);
    DIMS(output_dims, input_n, output_h, output_w, output_c);
    DIMS(bias_dims, 1, 1, 1, output_c);
    DEPTHWISE_PARAMS(depth_multiplier, dilation_h, dilation_w);
    const cmsis_nn_per_channel_quant_params quant = per_channel(multipliers, shifts);
    return arm_depthwise_conv_s8(
        &ctx, &params, &quant, &input_dims, input, &filter_dims, filter, &bias_dims, bias, &output_dims, output);
}

int32_t shim_depthwise_conv_3x3_s8(
    int32_t input_h, int32_t input_w, int32_t channels, OUTPUT_PLANE, STRIDE, PADDING, QUANTIZED, WEIGHTS, TENSORS)
{
    const cmsis_nn_context ctx = {0, 0};
    DIMS(input_dims, 1, input_h, input_w, channels);
    DIMS(filter_dims, 1, 3, 3, channels);
    DIMS(output_dims, 1, output_h, output_w, channels);
    DIMS(bias_dims, 1, 1, 1, channels);
    DEPTHWISE_PARAMS(1, 1, 1);
    const cmsis_nn_per_channel_quant_params quant = per_channel(multipliers, shifts);
    return arm_depthwise_conv_3x3_s8(
        &ctx, &params, &quant, &input_dims, input, &filter_dims, filter, &bias_dims, bias, &output_dims, output);
}

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
                                   TENSORS)
{
    DIMS(input_dims, 1, input_h, input_w, channels);
    DIMS(filter_dims, 1, filter_h, filter_w, channels);
    DIMS(output_dims, 1, output_h, output_w, channels);
    DIMS(bias_dims, 1, 1, 1, channels);
    if (!fits(scratch, scratch_len, arm_depthwise_conv_s8_opt_get_buffer_size(&input_dims, &filter_dims)))
    {
        return ARM_CMSIS_NN_ARG_ERROR;
    }
    CONTEXT;
    DEPTHWISE_PARAMS(1, 1, 1);
    const cmsis_nn_per_channel_quant_params quant = per_channel(multipliers, shifts);
    return arm_depthwise_conv_s8_opt(
        &ctx, &params, &quant, &input_dims, input, &filter_dims, filter, &bias_dims, bias, &output_dims, output);
}

int32_t shim_fully_connected_s8(SCRATCH,
                                int32_t batches,
                                int32_t depth,
                                int32_t units,
                                QUANTIZED,
                                const int8_t *filter,
                                const int32_t *bias,
                                int32_t multiplier,
                                int32_t shift,
                                TENSORS)
{
    DIMS(input_dims, batches, 1, 1, depth);
    DIMS(filter_dims, depth, 1, 1, units);
    DIMS(output_dims, batches, 1, 1, units);
    DIMS(bias_dims, 1, 1, 1, units);
    const int32_t needed = arm_fully_connected_s8_get_buffer_size(&filter_dims);
    if (!fits(scratch, scratch_len, needed))
    {
        return ARM_CMSIS_NN_ARG_ERROR;
    }
    CONTEXT;
    if (needed > 0)
    {
        /* The vector extension's kernel reads the sum of each filter row from the scratch buffer. */
        const arm_cmsis_nn_status status = arm_vector_sum_s8((int32_t *)ctx.buf, depth, units, filter);
        if (status != ARM_CMSIS_NN_SUCCESS)
        {
            return status;
        }
    }
    const cmsis_nn_fc_params params = {input_offset, 0, output_offset, {activation_min, activation_max}};
    const cmsis_nn_per_tensor_quant_params quant = {multiplier, shift};
    return arm_fully_connected_s8(
        &ctx, &params, &quant, &input_dims, input, &filter_dims, filter, &bias_dims, bias, &output_dims, output);
}

int32_t shim_avgpool_s8(SCRATCH, POOL_ARGUMENTS)
{
    DIMS(input_dims, input_n, input_h, input_w, channels);
    DIMS(filter_dims, 1, filter_h, filter_w, 1);
    DIMS(output_dims, input_n, output_h, output_w, channels);
    if (!fits(scratch, scratch_len, arm_avgpool_s8_get_buffer_size(output_w, channels)))
    {
        return ARM_CMSIS_NN_ARG_ERROR;
    }
    CONTEXT;
    const cmsis_nn_pool_params params = {
        {stride_w, stride_h}, {padding_w, padding_h}, {activation_min, activation_max}};
    return arm_avgpool_s8(&ctx, &params, &input_dims, input, &filter_dims, &output_dims, output);
}

int32_t shim_max_pool_s8(POOL_ARGUMENTS)
{
    const cmsis_nn_context ctx = {0, 0};
    DIMS(input_dims, input_n, input_h, input_w, channels);
    DIMS(filter_dims, 1, filter_h, filter_w, 1);
    DIMS(output_dims, input_n, output_h, output_w, channels);
    const cmsis_nn_pool_params params = {
        {stride_w, stride_h}, {padding_w, padding_h}, {activation_min, activation_max}};
    return arm_max_pool_s8(&ctx, &params, &input_dims, input, &filter_dims, &output_dims, output);
}

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
                                int32_t len)
{
    return arm_elementwise_add_s8(a,
                                  b,
                                  a_offset,
                                  a_multiplier,
                                  a_shift,
                                  b_offset,
                                  b_multiplier,
                                  b_shift,
                                  left_shift,
                                  output,
                                  output_offset,
                                  output_multiplier,
                                  output_shift,
                                  activation_min,
                                  activation_max,
                                  len);
}

int32_t shim_softmax_s8(const int8_t *input,
                        int32_t rows,
                        int32_t depth,
                        int32_t multiplier,
                        int32_t shift,
                        int32_t diff_min,
                        int8_t *output)
{
    arm_softmax_s8(input, rows, depth, multiplier, shift, diff_min, output);
    return ARM_CMSIS_NN_SUCCESS;
}
