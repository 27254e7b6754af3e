/* LiteRT Micro's audio front end on an MPS2 board: instructions of the hops of all clips, memory, and how far the features are from
 * recorded ones.
 *
 * `front_end.py` compiles this with the library's own sources, `../e2e/c/start.c`, and `clips.h`: CLIPS, SAMPLES, `clips`, RECORDED
 * and `recorded`. The library asks for its memory with malloc, which is counted here.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "clips.h"
#include "tensorflow/lite/experimental/microfrontend/lib/frontend.h"
#include "tensorflow/lite/experimental/microfrontend/lib/frontend_util.h"

static const int RATE = 16000, SIZE_MS = 30, STEP_MS = 20;
static const size_t HOP = RATE / 1000 * STEP_MS;
static const size_t CHANNELS = 40, HEADER = 8;

extern "C" void say(const char *text);

/* A header says how much was asked for. What is given back is counted, and not given out again. */
alignas(8) static uint8_t heap[1 << 20];
static size_t used, live;

extern "C" void *malloc(size_t bytes)
{
    uint8_t *at = heap + used;
    size_t room = HEADER + ((bytes + 7) & ~(size_t)7);
    if (room > sizeof heap - used) {
        say("the heap is full");
        return nullptr;
    }
    memcpy(at, &bytes, sizeof bytes);
    used += room;
    live += bytes;
    return at + HEADER;
}

extern "C" void free(void *pointer)
{
    size_t bytes;
    if (pointer != nullptr) {
        memcpy(&bytes, (uint8_t *)pointer - HEADER, sizeof bytes);
        live -= bytes;
    }
}

extern "C" void *calloc(size_t count, size_t size)
{
    void *found = malloc(count * size);
    return found == nullptr ? nullptr : memset(found, 0, count * size);
}

static void tell(const char *name, uint64_t number)
{
    char line[64], digits[24];
    size_t at = sizeof digits - 1;
    digits[at] = 0;
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    strcpy(line, name);
    strcat(line, " ");
    strcat(line, digits + at);
    say(line);
}

/* SysTick counts down, one tick for 40 instructions under `-icount shift=0`. */
static volatile uint32_t *const systick = (volatile uint32_t *)0xe000e010;

static uint32_t ticks(void)
{
    return systick[2];
}

static FrontendState state;
static uint64_t spent;
static uint32_t largest;
static size_t frames, off, furthest;

/* How far a feature of a frame is from the recorded one. */
static void compare(size_t index, uint16_t feature)
{
    if (frames <= RECORDED) {
        size_t theirs = recorded[frames - 1][index];
        size_t error = feature > theirs ? feature - theirs : theirs - feature;
        off += error != 0;
        furthest = error > furthest ? error : furthest;
    }
}

/* One hop of samples, which completes a frame or none. */
static void hop(const int16_t *samples)
{
    uint16_t features[CHANNELS];
    size_t left = HOP, size = 0;
    uint32_t before = ticks();
    while (left > 0) {
        size_t read = 0;
        FrontendOutput output = FrontendProcessSamples(&state, samples, left, &read);
        samples += read;
        left -= read;
        if (output.size != 0) {
            size = output.size;
            memcpy(features, output.values, size * sizeof *features);
        }
    }
    uint32_t took = (before - ticks()) & 0xffffff;
    spent += took;
    largest = took > largest ? took : largest;
    frames += size != 0;
    for (size_t index = 0; index < size; index++) {
        compare(index, features[index]);
    }
}

static FrontendConfig settings(void)
{
    FrontendConfig config;
    FrontendFillConfigWithDefaults(&config);
    config.window.size_ms = SIZE_MS;
    config.window.step_size_ms = STEP_MS;
    config.filterbank.num_channels = CHANNELS;
    config.filterbank.lower_band_limit = 125;
    config.filterbank.upper_band_limit = 7500;
    config.noise_reduction.smoothing_bits = 10;
    config.noise_reduction.even_smoothing = 0.025F;
    config.noise_reduction.odd_smoothing = 0.06F;
    config.noise_reduction.min_signal_remaining = 0.05F;
    config.pcan_gain_control.enable_pcan = 1;
    config.pcan_gain_control.strength = 0.95F;
    config.pcan_gain_control.offset = 80;
    config.pcan_gain_control.gain_bits = 21;
    config.log_scale.enable_log = 1;
    config.log_scale.scale_shift = 6;
    return config;
}

/* Of the heap, what is written with every frame; the rest are tables. */
static size_t changing(void)
{
    size_t window = state.window.size * (sizeof *state.window.input + sizeof *state.window.output);
    size_t points = state.fft.fft_size, channels = state.filterbank.num_channels;
    size_t output = (points / 2 + 1) * sizeof *state.fft.output * 2; /* twice what the spectrum needs: energies go there, too */
    size_t fft = points * sizeof *state.fft.input + output + points / 2 * sizeof *state.fft.output;
    size_t sums = (channels + 1) * sizeof *state.filterbank.work;
    return window + fft + sums + channels * sizeof *state.noise_reduction.estimate;
}

int main(void)
{
    FrontendConfig config = settings();

    systick[1] = 0xffffff;
    systick[2] = 0;
    systick[0] = 5;
    uint32_t before = ticks();
    if (!FrontendPopulateState(&config, &state, RATE)) {
        say("the library refuses the settings");
        return 1;
    }
    tell("start", (before - ticks()) & 0xffffff);
    tell("state", sizeof state);
    tell("heap", live);
    tell("changing", changing());
    for (size_t clip = 0; clip < CLIPS; clip++) {
        FrontendReset(&state);
        for (size_t at = 0; at + HOP <= SAMPLES; at += HOP) {
            hop(clips[clip] + at);
        }
    }
    tell("frames", frames);
    tell("ticks", spent);
    tell("largest", largest);
    tell("off", off);
    tell("furthest", furthest);
    return 0;
}
