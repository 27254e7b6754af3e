/* Two models in one program, C or C++. Their inferences alternate; one of them keeps state. */
#include <string.h>

#include "data.h"
#include "sample.h"
#include "state.h"

#ifdef __arm__
#ifdef __cplusplus
extern "C"
#endif
void say(const char *text);
#else
#include <stdio.h>
static void say(const char *text)
{
    puts(text);
}
#endif

/* A function of the program's own with the name of one that is in the libraries. */
#ifdef __cplusplus
extern "C"
#endif
int arm_softmax_s8(void);
int arm_softmax_s8(void)
{
    return 7;
}

static int run(void)
{
    for (int round = 0; round < 2; round++) {
        state_init();
        for (size_t step = 0; step < STATE_VECTORS; step++) {
            memcpy(state_input(0), state_inputs[step], STATE_INPUT_0_BYTES);
            if (step < SAMPLE_VECTORS) {
                memcpy(sample_input(0), sample_inputs[step], SAMPLE_INPUT_0_BYTES);
                sample_invoke();
                if (memcmp(sample_output_0(), sample_outputs[step], SAMPLE_OUTPUT_0_BYTES) != 0) {
                    say("sample differs");
                    return 1;
                }
            }
            state_invoke();
            if (memcmp(state_output(0), state_outputs[step], STATE_OUTPUT_0_BYTES) != 0) {
                say("state differs");
                return 2;
            }
        }
    }
    return 0;
}

int main(void)
{
    static const char *const labels[] = SAMPLE_OUTPUT_0_LABELS;
    static const size_t shape[SAMPLE_INPUT_0_RANK] = SAMPLE_INPUT_0_SHAPE;
    int code;

    if (strcmp(sample_build(), SAMPLE_BUILD) != 0 || strcmp(state_build(), STATE_BUILD) != 0) {
        say("a header is not its library's");
        return 3;
    }
    if (sample_input(SAMPLE_INPUT_COUNT) != NULL || sample_output(SAMPLE_OUTPUT_COUNT) != NULL) {
        say("a tensor that is not there has a place");
        return 4;
    }
    if (shape[1] * shape[2] != SAMPLE_INPUT_0_ELEMENTS || strcmp(labels[2], "c\"?\xc3\xa9") != 0) {
        say("the header says something wrong");
        return 5;
    }
    sample_init();
    code = run();
    if (code == 0 && sample_current_operator() == UINT32_MAX && arm_softmax_s8() == 7) {
        say("all outputs agree");
    }
    return code;
}
