//! Why `arm_lstm_unidirectional_s16_s8` is not bound: its steps give other values than LiteRT Micro's, whose values the
//! reference kernel has. Each is shown on the library as pinned, by numbers; where a later version gives LiteRT's, this fails.
//!
//! The library's LSTM is not among the files that firmware compiles: the steps are compiled here, into a program.

#![cfg(cmsis_nn_library)]

use std::path::Path;
use std::process::Command;

use kernels::Requant;

/// The steps, without the functions that only call them.
const SOURCES: [&str; 6] = [
    "NNSupportFunctions/arm_nn_lstm_update_cell_state_s16.c",
    "NNSupportFunctions/arm_nn_lstm_update_output_s8_s16.c",
    "NNSupportFunctions/arm_nn_vec_mat_mul_result_acc_s8.c",
    "NNSupportFunctions/arm_nntables.c",
    "ActivationFunctions/arm_nn_activation_s16.c",
    "BasicMathFunctions/arm_elementwise_mul_s16_s8.c",
];

const PROGRAM: &str = r#"
#include <stdio.h>
#include "arm_nnfunctions.h"
#include "arm_nnsupportfunctions.h"

int main(void)
{
    /* What the forget gate keeps of a cell state of 3, and a cell state without a bound. */
    int16_t cell[2] = {3, 32000}, input[2] = {0, 32767}, forget[2] = {5461, 32767}, fresh[2] = {0, 32767};
    arm_nn_lstm_update_cell_state_s16(2, -11, cell, input, forget, fresh);
    printf("%d %d\n", cell[0], cell[1]);

    /* A cell state in steps of 2^-15, after it was read. */
    int16_t fine[1] = {1000}, gate[1] = {32767}, scratch[1];
    int8_t hidden[1];
    arm_nn_lstm_update_output_s8_s16(1, 1, fine, -15, gate, (cmsis_nn_scaling){1 << 30, -22}, 0, hidden, scratch);
    printf("%d\n", fine[0]);

    /* A gate of -40000 from the input and 40000 from the hidden state. */
    int8_t x[1] = {0};
    int32_t less[1] = {-40000}, more[1] = {40000};
    int16_t sum[1] = {0};
    arm_nn_vec_mat_mul_result_acc_s8(x, x, less, sum, 0, 1 << 30, 1, 1, 1, 1);
    arm_nn_vec_mat_mul_result_acc_s8(x, x, more, sum, 0, 1 << 30, 1, 1, 1, 1);
    printf("%d\n", sum[0]);
    return 0;
}
"#;

#[test]
fn the_librarys_lstm_gives_other_values() {
    let Some(root) = std::env::var_os("DEPLOYCTL_CMSIS_NN").map(std::path::PathBuf::from) else {
        println!("SKIPPED: DEPLOYCTL_CMSIS_NN does not name a CMSIS-NN folder");
        return;
    };
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("lstm");
    std::fs::create_dir_all(&folder).expect("a folder");
    let (text, program) = (folder.join("lstm.c"), folder.join("lstm"));
    std::fs::write(&text, PROGRAM).expect("a file");
    let mut compile = Command::new("cc");
    compile.args(["-w", "-O1", "-I"]).arg(root.join("Include")).arg("-o").arg(&program).arg(&text);
    let built = compile.args(SOURCES.map(|file| root.join("Source").join(file))).output().expect("cc starts");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let said = Command::new(&program).output().expect("the program starts");
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    let [kept, bounded, read, gate] = said.split_whitespace().collect::<Vec<_>>()[..] else { panic!("{said}") };

    // Rounded once, and by LiteRT's factor of 2^-15 twice: 16383 / 32768 is nearly a half.
    assert_eq!((kept, Requant { multiplier: 1 << 30, shift: -14 }.apply(3 * 5461)), ("0", 1));
    // LiteRT Micro's `cell_clip` has no place in it: the largest value there is.
    assert_eq!(bounded, "32767");
    // The cell state itself is shifted for the hyperbolic tangent: LiteRT Micro's would still be 1000.
    assert_eq!(read, "125");
    // Each part saturates in LiteRT Micro, then the sum: -32768 + 32767.
    let saturated = |part: i32| part.clamp(-32_768, 32_767);
    assert_eq!((gate, saturated(-40_000) + saturated(40_000)), ("7232", -1));
}
