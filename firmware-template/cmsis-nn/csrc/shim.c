/*
 * CMSIS-NN with the parameters of the reference kernels: one function for each of the library's that firmware calls.
 *
 * The library's own headers are included, so the C compiler checks each call, and what differs between versions of the
 * library is in this file only. CMSIS_NN_REVISION is the $Revision of arm_nnfunctions.h as a number (V.12.5.1 is 120501):
 * build.rs reads it from the header, and a library's KDL file or `cmsis-nn.sources` may define it instead.
 *
 * Shapes come in LiteRT's order. Scratch is checked against the size that the library asks for; all else about slices
 * and geometry, and that counts have 31 bits, is checked by the Rust side. Every function returns the library's status, zero for success.
 */
#include "shim.h"

#include "arm_nnfunctions.h"

#ifndef CMSIS_NN_REVISION
#error "define CMSIS_NN_REVISION: the $Revision of Include/arm_nnfunctions.h, V.12.5.1 being 120501"
#elif CMSIS_NN_REVISION < 120500 || CMSIS_NN_REVISION >= 120600
#error "this shim was written for $Revision V.12.5.x of arm_nnfunctions.h; see the versions of the library's KDL file"
#endif

static cmsis_nn_dims dims(const shim_dims *d)
{
    const cmsis_nn_dims out = {(int32_t)d->n, (int32_t)d->h, (int32_t)d->w, (int32_t)d->c};
    return out;
}

static cmsis_nn_dims row(size_t n, size_t c)
{
    const cmsis_nn_dims out = {(int32_t)n, 1, 1, (int32_t)c};
    return out;
}

static cmsis_nn_tile tile(const shim_extent *e)
{
    const cmsis_nn_tile out = {(int32_t)e->w, (int32_t)e->h};
    return out;
}

static cmsis_nn_activation activation(const shim_activation *a)
{
    const cmsis_nn_activation out = {a->min, a->max};
    return out;
}

/* The library does not write multipliers and shifts, but its type does not say so. */
static cmsis_nn_per_channel_quant_params per_channel(const int32_t *multipliers, const int32_t *shifts)
{
    const cmsis_nn_per_channel_quant_params out = {(int32_t *)multipliers, (int32_t *)shifts};
    return out;
}

static cmsis_nn_context context(shim_scratch scratch)
{
    const cmsis_nn_context out = {scratch.start, (int32_t)scratch.len};
    return out;
}

/* Scratch must hold 32-bit words. */
static int fits(shim_scratch scratch, int32_t needed)
{
    return needed <= 0 || (scratch.len >= (size_t)needed && ((uintptr_t)scratch.start & 3u) == 0);
}

/* The declarations that all convolutions of a kind begin with; `params` has the kind's own type. */
#define TENSORS                                                                                                         \
    const cmsis_nn_dims input_dims = dims(&p->input);                                                                   \
    const cmsis_nn_dims filter_dims = dims(&p->filter);                                                                 \
    const cmsis_nn_dims output_dims = dims(&p->output);                                                                 \
    const cmsis_nn_dims bias_dims = row(1, p->output.c);                                                                \
    const cmsis_nn_per_channel_quant_params quant = per_channel(w->multipliers, w->shifts);                             \
    const cmsis_nn_context ctx = context(scratch)
#define CONV_TENSORS                                                                                                    \
    TENSORS;                                                                                                            \
    const cmsis_nn_conv_params params = {p->input_offset,                                                               \
                                         p->output_offset,                                                              \
                                         tile(&p->stride),                                                              \
                                         tile(&p->padding),                                                             \
                                         tile(&p->dilation),                                                            \
                                         activation(&p->activation)}
#define DEPTHWISE_TENSORS                                                                                               \
    TENSORS;                                                                                                            \
    const cmsis_nn_dw_conv_params params = {p->input_offset,                                                            \
                                            p->output_offset,                                                           \
                                            (int32_t)p->depth_multiplier,                                               \
                                            tile(&p->stride),                                                           \
                                            tile(&p->padding),                                                          \
                                            tile(&p->dilation),                                                         \
                                            activation(&p->activation)}
/* The call that all of them end with. */
#define CONVOLVED_BY(function)                                                                                          \
    function(                                                                                                           \
        &ctx, &params, &quant, &input_dims, input, &filter_dims, w->filter, &bias_dims, w->bias, &output_dims, output)

CONV(shim_convolve_s8)
{
    CONV_TENSORS;
    if (!fits(scratch, arm_convolve_s8_get_buffer_size(&input_dims, &filter_dims)))
    {
        return ARM_CMSIS_NN_ARG_ERROR;
    }
    return CONVOLVED_BY(arm_convolve_s8);
}

CONV(shim_convolve_1_x_n_s8)
{
    CONV_TENSORS;
    if (!fits(scratch, arm_convolve_1_x_n_s8_get_buffer_size(&input_dims, &filter_dims)))
    {
        return ARM_CMSIS_NN_ARG_ERROR;
    }
    return CONVOLVED_BY(arm_convolve_1_x_n_s8);
}

CONV(shim_convolve_1x1_s8)
{
    CONV_TENSORS;
    return CONVOLVED_BY(arm_convolve_1x1_s8);
}

CONV(shim_convolve_1x1_s8_fast)
{
    CONV_TENSORS;
    return CONVOLVED_BY(arm_convolve_1x1_s8_fast);
}

DEPTHWISE_CONV(shim_depthwise_conv_s8)
{
    DEPTHWISE_TENSORS;
    return CONVOLVED_BY(arm_depthwise_conv_s8);
}

DEPTHWISE_CONV(shim_depthwise_conv_3x3_s8)
{
    DEPTHWISE_TENSORS;
    return CONVOLVED_BY(arm_depthwise_conv_3x3_s8);
}

DEPTHWISE_CONV(shim_depthwise_conv_s8_opt)
{
    DEPTHWISE_TENSORS;
    if (!fits(scratch, arm_depthwise_conv_s8_opt_get_buffer_size(&input_dims, &filter_dims)))
    {
        return ARM_CMSIS_NN_ARG_ERROR;
    }
    return CONVOLVED_BY(arm_depthwise_conv_s8_opt);
}

WIDE_CONV(shim_convolve_s16, shim_conv_2d)
{
    CONV_TENSORS;
    return CONVOLVED_BY(arm_convolve_s16);
}

WIDE_CONV(shim_convolve_fast_s16, shim_conv_2d)
{
    CONV_TENSORS;
    if (!fits(scratch, arm_convolve_fast_s16_get_buffer_size(&input_dims, &filter_dims)))
    {
        return ARM_CMSIS_NN_ARG_ERROR;
    }
    return CONVOLVED_BY(arm_convolve_fast_s16);
}

WIDE_CONV(shim_depthwise_conv_s16, shim_depthwise_conv_2d)
{
    DEPTHWISE_TENSORS;
    return CONVOLVED_BY(arm_depthwise_conv_s16);
}

WIDE_CONV(shim_depthwise_conv_fast_s16, shim_depthwise_conv_2d)
{
    DEPTHWISE_TENSORS;
    if (!fits(scratch, arm_depthwise_conv_fast_s16_get_buffer_size(&input_dims, &filter_dims)))
    {
        return ARM_CMSIS_NN_ARG_ERROR;
    }
    return CONVOLVED_BY(arm_depthwise_conv_fast_s16);
}

WIDE_CONV(shim_fully_connected_s16, shim_fully_connected)
{
    const cmsis_nn_dims input_dims = row(p->batches, p->depth);
    const cmsis_nn_dims filter_dims = row(p->depth, p->units);
    const cmsis_nn_dims output_dims = row(p->batches, p->units);
    const cmsis_nn_dims bias_dims = row(1, p->units);
    const cmsis_nn_context ctx = context(scratch);
    const cmsis_nn_fc_params params = {0, 0, 0, activation(&p->activation)};
    const cmsis_nn_per_tensor_quant_params quant = {w->multipliers[0], w->shifts[0]};
    return CONVOLVED_BY(arm_fully_connected_s16);
}

FULLY_CONNECTED(shim_fully_connected_s8)
{
    const cmsis_nn_dims input_dims = row(p->batches, p->depth);
    const cmsis_nn_dims filter_dims = row(p->depth, p->units);
    const cmsis_nn_dims output_dims = row(p->batches, p->units);
    const cmsis_nn_dims bias_dims = row(1, p->units);
    const int32_t needed = arm_fully_connected_s8_get_buffer_size(&filter_dims);
    if (!fits(scratch, needed))
    {
        return ARM_CMSIS_NN_ARG_ERROR;
    }
    const cmsis_nn_context ctx = context(scratch);
    if (needed > 0)
    {
        /* The vector extension's kernel reads the sum of each filter row from the scratch buffer. */
        const arm_cmsis_nn_status status =
            arm_vector_sum_s8((int32_t *)ctx.buf, filter_dims.n, filter_dims.c, w->filter);
        if (status != ARM_CMSIS_NN_SUCCESS)
        {
            return status;
        }
    }
    const cmsis_nn_fc_params params = {p->input_offset, 0, p->output_offset, activation(&p->activation)};
    const cmsis_nn_per_tensor_quant_params quant = {w->multipliers[0], w->shifts[0]};
    return CONVOLVED_BY(arm_fully_connected_s8);
}

/* The batches are pixels, the units channels. */
FULLY_CONNECTED(shim_fully_connected_per_channel_s8)
{
    const cmsis_nn_dims input_dims = row(p->batches, p->depth);
    const cmsis_nn_dims filter_dims = row(p->units, p->depth);
    const cmsis_nn_dims output_dims = row(p->batches, p->units);
    const cmsis_nn_dims bias_dims = row(1, p->units);
    const cmsis_nn_per_channel_quant_params quant = per_channel(w->multipliers, w->shifts);
    const cmsis_nn_context ctx = context(scratch);
    const cmsis_nn_conv_params params = {
        p->input_offset, p->output_offset, {1, 1}, {0, 0}, {1, 1}, activation(&p->activation)};
    return CONVOLVED_BY(arm_convolve_1x1_s8_fast);
}

#define POOL_TENSORS                                                                                                    \
    const cmsis_nn_dims input_dims = dims(&p->input);                                                                   \
    const cmsis_nn_dims filter_dims = {1, (int32_t)p->window.h, (int32_t)p->window.w, 1};                               \
    const cmsis_nn_dims output_dims = dims(&p->output);                                                                 \
    const cmsis_nn_context ctx = context(scratch);                                                                      \
    const cmsis_nn_pool_params params = {tile(&p->stride), tile(&p->padding), activation(&p->activation)}

POOL(shim_avgpool_s8)
{
    POOL_TENSORS;
    if (!fits(scratch, arm_avgpool_s8_get_buffer_size(output_dims.w, output_dims.c)))
    {
        return ARM_CMSIS_NN_ARG_ERROR;
    }
    return arm_avgpool_s8(&ctx, &params, &input_dims, input, &filter_dims, &output_dims, output);
}

POOL(shim_max_pool_s8)
{
    POOL_TENSORS;
    return arm_max_pool_s8(&ctx, &params, &input_dims, input, &filter_dims, &output_dims, output);
}

WIDE_POOL(shim_avgpool_s16)
{
    POOL_TENSORS;
    if (!fits(scratch, arm_avgpool_s16_get_buffer_size(output_dims.w, output_dims.c)))
    {
        return ARM_CMSIS_NN_ARG_ERROR;
    }
    return arm_avgpool_s16(&ctx, &params, &input_dims, input, &filter_dims, &output_dims, output);
}

WIDE_POOL(shim_max_pool_s16)
{
    POOL_TENSORS;
    return arm_max_pool_s16(&ctx, &params, &input_dims, input, &filter_dims, &output_dims, output);
}

#define ADDED_BY(function)                                                                                              \
    function(a,                                                                                                         \
             b,                                                                                                         \
             p->a.offset,                                                                                               \
             p->a.requant.multiplier,                                                                                   \
             p->a.requant.shift,                                                                                        \
             p->b.offset,                                                                                               \
             p->b.requant.multiplier,                                                                                   \
             p->b.requant.shift,                                                                                        \
             p->left_shift,                                                                                             \
             output,                                                                                                    \
             p->output_offset,                                                                                          \
             p->requant.multiplier,                                                                                     \
             p->requant.shift,                                                                                          \
             p->activation.min,                                                                                         \
             p->activation.max,                                                                                         \
             (int32_t)(p->output.n * p->output.h * p->output.w * p->output.c))
#define MULTIPLIED_BY(function)                                                                                         \
    function(a,                                                                                                         \
             b,                                                                                                         \
             p->a_offset,                                                                                               \
             p->b_offset,                                                                                               \
             output,                                                                                                    \
             p->output_offset,                                                                                          \
             p->requant.multiplier,                                                                                     \
             p->requant.shift,                                                                                          \
             p->activation.min,                                                                                         \
             p->activation.max,                                                                                         \
             (int32_t)p->len)

int32_t shim_elementwise_add_s8(const shim_add *p, const int8_t *a, const int8_t *b, int8_t *output)
{
    return ADDED_BY(arm_elementwise_add_s8);
}

int32_t shim_elementwise_add_s16(const shim_add *p, const int16_t *a, const int16_t *b, int16_t *output)
{
    return ADDED_BY(arm_elementwise_add_s16);
}

int32_t shim_elementwise_mul_s8(const shim_product *p, const int8_t *a, const int8_t *b, int8_t *output)
{
    return MULTIPLIED_BY(arm_elementwise_mul_s8);
}

int32_t shim_elementwise_mul_s16(const shim_product *p, const int16_t *a, const int16_t *b, int16_t *output)
{
    return MULTIPLIED_BY(arm_elementwise_mul_s16);
}

int32_t shim_softmax_s8(const shim_softmax *p, const int8_t *input, int8_t *output)
{
    arm_softmax_s8(input,
                   (int32_t)p->rows,
                   (int32_t)p->depth,
                   p->requant.multiplier,
                   p->requant.shift,
                   p->diff_min,
                   output);
    return ARM_CMSIS_NN_SUCCESS;
}

int32_t shim_softmax_s16(const shim_table_softmax *p, const int16_t *input, int16_t *output)
{
    const cmsis_nn_softmax_lut_s16 tables = {p->exponentials, p->reciprocals};
    return arm_softmax_s16(input,
                           (int32_t)p->rows,
                           (int32_t)p->depth,
                           p->requant.multiplier,
                           p->requant.shift,
                           &tables,
                           output);
}

/* A part of the scratch memory, for words; moves on behind it. */
static cmsis_nn_context part(shim_scratch *scratch, size_t words)
{
    const cmsis_nn_context out = {scratch->start, (int32_t)(4 * words)};
    scratch->start += 4 * words;
    return out;
}

/* A word for each output, one for each filter, and what the vector extension wants for the sums of the feature weights. */
#define SVDF_TENSORS                                                                                                    \
    const size_t filters = p->units * p->rank;                                                                          \
    const cmsis_nn_dims input_dims = {(int32_t)p->batches, (int32_t)p->depth, 1, 1};                                    \
    const cmsis_nn_dims state_dims = {(int32_t)p->batches, (int32_t)(p->memory * filters), 1, 1};                       \
    const cmsis_nn_dims feature_dims = {(int32_t)filters, (int32_t)p->depth, 1, 1};                                     \
    const cmsis_nn_dims time_dims = {(int32_t)filters, (int32_t)p->memory, 1, 1};                                       \
    const cmsis_nn_dims bias_dims = {(int32_t)p->units, 1, 1, 1};                                                       \
    const cmsis_nn_dims output_dims = {(int32_t)p->batches, (int32_t)p->units, 1, 1};                                   \
    const cmsis_nn_per_tensor_quant_params in_quant = {p->feature.multiplier, p->feature.shift};                        \
    const cmsis_nn_per_tensor_quant_params out_quant = {p->time.multiplier, p->time.shift};                             \
    const size_t words = p->batches * (filters + p->units)
/* The library takes the input's zero point, and subtracts it. */
#define SVDF_PARAMS(least, most)                                                                                        \
    {(int32_t)p->rank, -p->input_offset, p->output_offset, {least, most}, activation(&p->activation)}
#define SVDF_ARGUMENTS                                                                                                  \
    &in_ctx, &out_ctx, &params, &in_quant, &out_quant, &input_dims, input, &state_dims, state, &feature_dims,           \
    p->feature_weights, &time_dims, time_weights, &bias_dims, p->bias, &output_dims, output

int32_t shim_svdf_s8(const shim_svdf *p,
                     const int8_t *input,
                     const int8_t *time_weights,
                     int8_t *output,
                     int8_t *state,
                     shim_scratch scratch)
{
    SVDF_TENSORS;
    const int32_t sums = arm_svdf_s8_get_buffer_size(&feature_dims);
    if (!fits(scratch, (int32_t)(4 * words) + sums))
    {
        return ARM_CMSIS_NN_ARG_ERROR;
    }
    const cmsis_nn_context in_ctx = part(&scratch, p->batches * filters);
    const cmsis_nn_context out_ctx = part(&scratch, p->batches * p->units);
    const cmsis_nn_context ctx = part(&scratch, (size_t)sums / 4);
    if (sums > 0)
    {
        const arm_cmsis_nn_status status =
            arm_vector_sum_s8((int32_t *)ctx.buf, (int32_t)p->depth, (int32_t)filters, p->feature_weights);
        if (status != ARM_CMSIS_NN_SUCCESS)
        {
            return status;
        }
    }
    const cmsis_nn_svdf_params params = SVDF_PARAMS(INT8_MIN, INT8_MAX);
    return arm_svdf_s8(&ctx, SVDF_ARGUMENTS);
}

int32_t shim_svdf_state_s16_s8(const shim_svdf *p,
                               const int8_t *input,
                               const int16_t *time_weights,
                               int8_t *output,
                               int16_t *state,
                               shim_scratch scratch)
{
    SVDF_TENSORS;
    if (!fits(scratch, (int32_t)(4 * words)))
    {
        return ARM_CMSIS_NN_ARG_ERROR;
    }
    const cmsis_nn_context in_ctx = part(&scratch, p->batches * filters);
    const cmsis_nn_context out_ctx = part(&scratch, p->batches * p->units);
    const cmsis_nn_svdf_params params = SVDF_PARAMS(INT16_MIN, INT16_MAX);
    return arm_svdf_state_s16_s8(SVDF_ARGUMENTS);
}
