/*
 * The functions of shim.c and the parameters that they take, as Rust declares them: the functions in src/shim.rs, the
 * parameters in the `kernels` crate, whose structs have C's layout and the same fields in the same order. Knows no CMSIS-NN
 * types.
 */
#ifndef DEPLOYCTL_CMSIS_NN_SHIM_H
#define DEPLOYCTL_CMSIS_NN_SHIM_H

#include <stddef.h>
#include <stdint.h>

typedef struct
{
    size_t n, h, w, c;
} shim_dims;

typedef struct
{
    size_t h, w;
} shim_extent;

typedef struct
{
    int32_t min, max;
} shim_activation;

typedef struct
{
    int32_t multiplier, shift;
} shim_requant;

/* A library's context: memory that a function may use while it runs. */
typedef struct
{
    int8_t *start;
    size_t len;
} shim_scratch;

/* Constants of an operator with weights; bias may be null. */
typedef struct
{
    const int8_t *filter;
    const int32_t *bias;
    const int32_t *multipliers;
    const int32_t *shifts;
} shim_constants;

/* The same of an operator with int16 activations. */
typedef struct
{
    const int8_t *filter;
    const int64_t *bias;
    const int32_t *multipliers;
    const int32_t *shifts;
} shim_wide_constants;

typedef struct
{
    shim_dims input, filter, output;
    shim_extent stride, padding, dilation;
    int32_t input_offset, output_offset;
    shim_activation activation;
} shim_conv_2d;

typedef struct
{
    shim_dims input, filter, output;
    size_t depth_multiplier;
    shim_extent stride, padding, dilation;
    int32_t input_offset, output_offset;
    shim_activation activation;
} shim_depthwise_conv_2d;

typedef struct
{
    size_t batches, depth, units;
    int32_t input_offset, filter_offset, output_offset;
    shim_activation activation;
} shim_fully_connected;

typedef struct
{
    shim_dims input, output;
    shim_extent window, stride, padding;
    shim_activation activation;
} shim_pool_2d;

typedef struct
{
    shim_dims dims;
    int32_t offset;
    shim_requant requant;
} shim_add_operand;

typedef struct
{
    shim_add_operand a, b;
    shim_dims output;
    int32_t left_shift;
    shim_requant requant;
    int32_t output_offset;
    shim_activation activation;
} shim_add;

/* MUL of operands of one shape: built by src/elementwise.rs. */
typedef struct
{
    size_t len;
    int32_t a_offset, b_offset;
    shim_requant requant;
    int32_t output_offset;
    shim_activation activation;
} shim_product;

typedef struct
{
    size_t rows, depth;
    shim_requant requant;
    int32_t diff_min;
} shim_softmax;

/* Tables of 513 values. */
typedef struct
{
    size_t rows, depth;
    shim_requant requant;
    const int16_t *exponentials;
    const int16_t *reciprocals;
} shim_table_softmax;

/* Built by src/svdf.rs. The bias may be null. */
typedef struct
{
    size_t batches, depth, units, rank, memory;
    int32_t input_offset, output_offset;
    shim_requant feature, time;
    shim_activation activation;
    const int8_t *feature_weights;
    const int32_t *bias;
} shim_svdf;

#define CONV(name)                                                                                                      \
    int32_t name(const shim_conv_2d *p, const shim_constants *w, const int8_t *input, int8_t *output, shim_scratch scratch)
#define DEPTHWISE_CONV(name)                                                                                            \
    int32_t name(const shim_depthwise_conv_2d *p,                                                                       \
                 const shim_constants *w,                                                                               \
                 const int8_t *input,                                                                                   \
                 int8_t *output,                                                                                        \
                 shim_scratch scratch)
#define FULLY_CONNECTED(name)                                                                                           \
    int32_t name(const shim_fully_connected *p,                                                                         \
                 const shim_constants *w,                                                                               \
                 const int8_t *input,                                                                                   \
                 int8_t *output,                                                                                        \
                 shim_scratch scratch)
#define POOL(name) int32_t name(const shim_pool_2d *p, const int8_t *input, int8_t *output, shim_scratch scratch)
#define WIDE_CONV(name, parameters)                                                                                     \
    int32_t name(const parameters *p,                                                                                   \
                 const shim_wide_constants *w,                                                                          \
                 const int16_t *input,                                                                                  \
                 int16_t *output,                                                                                       \
                 shim_scratch scratch)
#define WIDE_POOL(name)                                                                                                 \
    int32_t name(const shim_pool_2d *p, const int16_t *input, int16_t *output, shim_scratch scratch)

CONV(shim_convolve_s8);
CONV(shim_convolve_1_x_n_s8);
CONV(shim_convolve_1x1_s8);
CONV(shim_convolve_1x1_s8_fast);
DEPTHWISE_CONV(shim_depthwise_conv_s8);
DEPTHWISE_CONV(shim_depthwise_conv_3x3_s8);
DEPTHWISE_CONV(shim_depthwise_conv_s8_opt);
FULLY_CONNECTED(shim_fully_connected_s8);
FULLY_CONNECTED(shim_fully_connected_per_channel_s8);
POOL(shim_avgpool_s8);
POOL(shim_max_pool_s8);
int32_t shim_elementwise_add_s8(const shim_add *p, const int8_t *a, const int8_t *b, int8_t *output);
int32_t shim_elementwise_add_s16(const shim_add *p, const int16_t *a, const int16_t *b, int16_t *output);
int32_t shim_elementwise_mul_s8(const shim_product *p, const int8_t *a, const int8_t *b, int8_t *output);
int32_t shim_elementwise_mul_s16(const shim_product *p, const int16_t *a, const int16_t *b, int16_t *output);
int32_t shim_softmax_s8(const shim_softmax *p, const int8_t *input, int8_t *output);
int32_t shim_softmax_s16(const shim_table_softmax *p, const int16_t *input, int16_t *output);
WIDE_CONV(shim_convolve_s16, shim_conv_2d);
WIDE_CONV(shim_convolve_fast_s16, shim_conv_2d);
WIDE_CONV(shim_depthwise_conv_s16, shim_depthwise_conv_2d);
WIDE_CONV(shim_depthwise_conv_fast_s16, shim_depthwise_conv_2d);
WIDE_CONV(shim_fully_connected_s16, shim_fully_connected);
WIDE_POOL(shim_avgpool_s16);
WIDE_POOL(shim_max_pool_s16);
int32_t shim_svdf_s8(const shim_svdf *p,
                     const int8_t *input,
                     const int8_t *time_weights,
                     int8_t *output,
                     int8_t *state,
                     shim_scratch scratch);
int32_t shim_svdf_state_s16_s8(const shim_svdf *p,
                               const int8_t *input,
                               const int16_t *time_weights,
                               int8_t *output,
                               int16_t *state,
                               shim_scratch scratch);

#endif
