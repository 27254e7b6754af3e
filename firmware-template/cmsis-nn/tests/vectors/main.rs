//! Arm's own unit-test vectors, which come with the library: every case of the functions that are bound, on the library as
//! compiled for this machine and on the reference kernels.
//!
//! A case is a function and a folder of data, as Arm's tests go together. Cases of functions that are not bound, and those
//! that run on the reference kernels alone, are named.

#![cfg(cmsis_nn_library)]

mod data;
mod run;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use data::Case;
use run::Outcome;

/// Functions of Arm's tests that firmware does not call. A network's test calls many.
const NOT_BOUND: [&str; 8] = [
    "arm_convolve_1x1_s4_fast",
    "arm_convolve_s4",
    "arm_depthwise_conv_s4",
    "arm_depthwise_conv_s4_opt",
    "arm_ds_cnn_l_s8",
    "arm_ds_cnn_s_s8",
    "arm_fully_connected_s4",
    "arm_lstm_unidirectional_s16_s8",
];

/// Cases that only the reference kernels run: a row of more elements than `arm_softmax_s16` computes as LiteRT does, and
/// functions that are not bound because the reference kernel costs less.
const REFERENCE_ONLY: [(&str, &str); 5] = [
    ("arm_softmax_s16", "softmax_s16"),
    ("arm_softmax_s8_s16", "softmax_s8_s16"),
    ("arm_transpose_conv_s8", "transpose_conv_1"),
    ("arm_transpose_conv_s8", "transpose_conv_2"),
    ("arm_transpose_conv_s8", "transpose_conv_3"),
];

fn tests() -> Option<PathBuf> {
    let root = std::env::var_os("DEPLOYCTL_CMSIS_NN").map(PathBuf::from);
    let tests = root.map(|root| root.join("Tests/UnitTest/TestCases")).filter(|tests| tests.exists());
    if tests.is_none() {
        println!("SKIPPED: no unit tests of CMSIS-NN; set DEPLOYCTL_CMSIS_NN to the library's folder");
    }
    tests
}

/// Function and data of every test.
fn cases(tests: &Path) -> Vec<(String, String)> {
    let mut cases = Vec::new();
    for entry in fs::read_dir(tests).expect("a folder of tests") {
        let folder = entry.expect("an entry").file_name().into_string().expect("a name");
        let Some(function) = folder.strip_prefix("test_") else { continue };
        let text = fs::read_to_string(tests.join(&folder).join(format!("{folder}.c"))).expect("a test");
        for line in text.lines() {
            let data = line.split_once("#include \"../TestData/").and_then(|(_, rest)| rest.split_once('/'));
            cases.extend(data.map(|(data, _)| (function.to_owned(), data.to_owned())));
        }
    }
    cases.sort();
    cases
}

#[test]
fn arms_vectors() {
    let Some(tests) = tests() else { return };
    let (mut ran, mut not_bound, mut alone) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
    for (function, name) in cases(&tests) {
        if NOT_BOUND.contains(&function.as_str()) {
            *not_bound.entry(function).or_insert(0) += 1;
            continue;
        }
        let case = Case::read(&tests.join("TestData").join(&name), &name);
        match run::run(&function, &case) {
            Outcome::Both => *ran.entry(function).or_insert(0) += 1,
            Outcome::ReferenceOnly => alone.push((function, name)),
        }
    }
    let count: usize = ran.values().sum();
    println!("{count} cases run on the library and on the reference kernels: {ran:#?}");
    println!("not bound: {not_bound:#?}");
    println!("on the reference kernels alone: {alone:?}");
    assert!(count >= 90, "{count}");
    assert_eq!(ran.len() + NOT_BOUND.len() + 3, 34, "a function has no case");
    assert!(NOT_BOUND.iter().all(|function| not_bound.contains_key(*function)));
    assert!(alone.iter().map(|(function, name)| (function.as_str(), name.as_str())).eq(REFERENCE_ONLY));
}

/// The tables of Arm's test of int16 softmax are those that LiteRT computes.
#[test]
fn softmax_tables_are_arms() {
    let Some(tests) = tests() else { return };
    for (file, table) in
        [("exp_lut_data.h", kernels::exponential_table()), ("one_by_one_lut_data.h", kernels::reciprocal_table())]
    {
        let text = fs::read_to_string(tests.join("Common/Softmax").join(file)).expect("a header");
        let (_, values) = text.split(';').find_map(data::array).expect("a table");
        assert!(values.into_iter().eq(table.map(i64::from)), "{file}");
    }
}
