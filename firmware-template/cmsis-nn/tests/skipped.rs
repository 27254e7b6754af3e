//! Says so where the comparison with the reference kernels could not be built.
#![cfg(not(cmsis_nn_library))]

#[test]
fn against_reference() {
    println!("SKIPPED: no CMSIS-NN sources; set DEPLOYCTL_CMSIS_NN to their folder");
}
