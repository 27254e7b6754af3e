/*
 * Scratch sizes from the library's own functions: a program of the host that answers one query a line.
 *
 *     SYMBOL FEATURES N H W C FILTER_H FILTER_W OUTPUT_H OUTPUT_W OUTPUT_C
 *
 * A dense layer's depth is C, its units are OUTPUT_C; an SVDF's rank is FILTER_H.
 *
 * FEATURES is `scalar`, `dsp` or `mve`, dimensions are in LiteRT's order and one where an operator has none. The answer is a
 * line with the number of bytes. An unknown symbol, or a line that is not a query, ends the program with status 1.
 *
 * Compiled for the host, the plain functions answer for a core without extensions, and the library's `_dsp` and `_mve`
 * functions for the others. The sizes of arm_convolve_s8 and arm_depthwise_conv_s8_opt with MVE are not exported; the
 * wrappers return them, asked for a shape that takes that path: a convolution over more than one row, a depthwise one
 * without dilation. (Neither size depends on the number of rows.)
 */
#include <stdio.h>
#include <string.h>

#include "arm_nnfunctions.h"
#include "arm_nnsupportfunctions.h"

typedef struct
{
    char symbol[64];
    char features[8];
    cmsis_nn_dims input;
    cmsis_nn_dims filter;
    cmsis_nn_dims output;
} query;

static const cmsis_nn_conv_params CONV = {0, 0, {1, 1}, {0, 0}, {2, 2}, {-128, 127}};
static const cmsis_nn_dw_conv_params DEPTHWISE = {0, 0, 1, {1, 1}, {0, 0}, {1, 1}, {-128, 127}};

static int32_t general_conv(const query *q, int dsp, int mve)
{
    /* Dilated and over two rows: neither the 1x1 nor the 1xN path. */
    cmsis_nn_dims input = q->input;
    input.h = 2;
    if (mve)
    {
        return arm_convolve_wrapper_s8_get_buffer_size_mve(&CONV, &input, &q->filter, &q->output);
    }
    if (dsp)
    {
        return arm_convolve_wrapper_s8_get_buffer_size_dsp(&CONV, &input, &q->filter, &q->output);
    }
    return arm_convolve_s8_get_buffer_size(&input, &q->filter);
}

static int32_t one_row_conv(const query *q, int dsp, int mve)
{
    /* A stride of four takes the 1xN path for any number of channels, a padding keeps off the 1x1 path. */
    const cmsis_nn_conv_params params = {0, 0, {4, 1}, {1, 0}, {1, 1}, {-128, 127}};
    cmsis_nn_dims input = q->input;
    input.h = 1;
    if (mve)
    {
        return arm_convolve_wrapper_s8_get_buffer_size_mve(&params, &input, &q->filter, &q->output);
    }
    if (dsp)
    {
        return arm_convolve_wrapper_s8_get_buffer_size_dsp(&params, &input, &q->filter, &q->output);
    }
    return arm_convolve_1_x_n_s8_get_buffer_size(&input, &q->filter);
}

static int32_t optimized_depthwise(const query *q, int dsp, int mve)
{
    if (mve)
    {
        cmsis_nn_dims input = q->input;
        input.n = 1;
        return arm_depthwise_conv_wrapper_s8_get_buffer_size_mve(&DEPTHWISE, &input, &q->filter, &q->output);
    }
    if (dsp)
    {
        return arm_depthwise_conv_s8_opt_get_buffer_size_dsp(&q->input, &q->filter);
    }
    return arm_depthwise_conv_s8_opt_get_buffer_size(&q->input, &q->filter);
}

static int32_t fully_connected(const query *q, int dsp, int mve)
{
    const cmsis_nn_dims filter = {q->input.c, 1, 1, q->output.c};
    if (mve)
    {
        return arm_fully_connected_s8_get_buffer_size_mve(&filter);
    }
    return dsp ? arm_fully_connected_s8_get_buffer_size_dsp(&filter) : arm_fully_connected_s8_get_buffer_size(&filter);
}

static int32_t average_pool(const query *q, int dsp, int mve)
{
    if (mve)
    {
        return arm_avgpool_s8_get_buffer_size_mve(q->output.w, q->input.c);
    }
    return dsp ? arm_avgpool_s8_get_buffer_size_dsp(q->output.w, q->input.c)
               : arm_avgpool_s8_get_buffer_size(q->output.w, q->input.c);
}

/* Variants that get no buffer, or do not touch it. */
static int32_t nothing(const query *q, int dsp, int mve)
{
    (void)q;
    (void)dsp;
    (void)mve;
    return 0;
}

static int32_t one_tap_conv(const query *q, int dsp, int mve)
{
    (void)dsp;
    (void)mve;
    return arm_convolve_1x1_s8_fast_get_buffer_size(&q->input);
}

static int32_t fast_conv_s16(const query *q, int dsp, int mve)
{
    const cmsis_nn_conv_params undilated = {0, 0, {1, 1}, {0, 0}, {1, 1}, {-32768, 32767}};
    if (mve)
    {
        return arm_convolve_wrapper_s16_get_buffer_size_mve(&undilated, &q->input, &q->filter, &q->output);
    }
    return dsp ? arm_convolve_wrapper_s16_get_buffer_size_dsp(&undilated, &q->input, &q->filter, &q->output)
               : arm_convolve_fast_s16_get_buffer_size(&q->input, &q->filter);
}

static int32_t fast_depthwise_s16(const query *q, int dsp, int mve)
{
    if (mve)
    {
        return arm_depthwise_conv_wrapper_s16_get_buffer_size_mve(&DEPTHWISE, &q->input, &q->filter, &q->output);
    }
    return dsp ? arm_depthwise_conv_wrapper_s16_get_buffer_size_dsp(&DEPTHWISE, &q->input, &q->filter, &q->output)
               : arm_depthwise_conv_fast_s16_get_buffer_size(&q->input, &q->filter);
}

static int32_t average_pool_s16(const query *q, int dsp, int mve)
{
    if (mve)
    {
        return arm_avgpool_s16_get_buffer_size_mve(q->output.w, q->input.c);
    }
    return dsp ? arm_avgpool_s16_get_buffer_size_dsp(q->output.w, q->input.c)
               : arm_avgpool_s16_get_buffer_size(q->output.w, q->input.c);
}

/* The words for filters and outputs, of which the library states no size, as its header describes them. */
static int32_t svdf_state_s16(const query *q, int dsp, int mve)
{
    (void)dsp;
    (void)mve;
    return 4 * q->input.n * q->output.c * (q->filter.h + 1);
}

static int32_t svdf(const query *q, int dsp, int mve)
{
    const cmsis_nn_dims features = {q->filter.h * q->output.c, q->input.c, 1, 1};
    return svdf_state_s16(q, dsp, mve) +
           (mve ? arm_svdf_s8_get_buffer_size_mve(&features) : arm_svdf_s8_get_buffer_size_dsp(&features));
}

static const struct
{
    const char *symbol;
    int32_t (*size)(const query *q, int dsp, int mve);
} SIZES[] = {
    {"arm_convolve_s8", general_conv},
    {"arm_convolve_1_x_n_s8", one_row_conv},
    {"arm_convolve_1x1_s8", nothing},
    {"arm_convolve_1x1_s8_fast", one_tap_conv},
    {"arm_depthwise_conv_s8", nothing},
    {"arm_depthwise_conv_3x3_s8", nothing},
    {"arm_depthwise_conv_s8_opt", optimized_depthwise},
    {"arm_fully_connected_s8", fully_connected},
    {"arm_avgpool_s8", average_pool},
    {"arm_max_pool_s8", nothing},
    {"arm_elementwise_add_s8", nothing},
    {"arm_elementwise_add_s16", nothing},
    {"arm_elementwise_mul_s8", nothing},
    {"arm_elementwise_mul_s16", nothing},
    {"arm_softmax_s8", nothing},
    {"arm_softmax_s16", nothing},
    {"arm_convolve_s16", nothing},
    {"arm_convolve_fast_s16", fast_conv_s16},
    {"arm_depthwise_conv_s16", nothing},
    {"arm_depthwise_conv_fast_s16", fast_depthwise_s16},
    {"arm_fully_connected_s16", nothing},
    {"arm_avgpool_s16", average_pool_s16},
    {"arm_max_pool_s16", nothing},
    {"arm_svdf_s8", svdf},
    {"arm_svdf_state_s16_s8", svdf_state_s16},
    {"none", nothing},
};

static int answer(const query *q)
{
    const int dsp = strcmp(q->features, "dsp") == 0;
    const int mve = strcmp(q->features, "mve") == 0;
    if (!dsp && !mve && strcmp(q->features, "scalar") != 0)
    {
        return 0;
    }
    for (size_t i = 0; i < sizeof(SIZES) / sizeof(SIZES[0]); i++)
    {
        if (strcmp(SIZES[i].symbol, q->symbol) == 0)
        {
            printf("%ld\n", (long)SIZES[i].size(q, dsp, mve));
            return 1;
        }
    }
    return 0;
}

int main(void)
{
    char line[256];
    while (fgets(line, sizeof line, stdin) != NULL)
    {
        query q = {0};
        const int fields = sscanf(line,
                                  "%63s %7s %d %d %d %d %d %d %d %d %d",
                                  q.symbol,
                                  q.features,
                                  &q.input.n,
                                  &q.input.h,
                                  &q.input.w,
                                  &q.input.c,
                                  &q.filter.h,
                                  &q.filter.w,
                                  &q.output.h,
                                  &q.output.w,
                                  &q.output.c);
        q.output.n = q.input.n;
        q.filter.n = q.output.c;
        q.filter.c = q.input.c;
        if (fields != 11 || !answer(&q))
        {
            fprintf(stderr, "not a query: %s", line);
            return 1;
        }
    }
    return fflush(stdout) == 0 ? 0 : 1;
}
