//! A kernel library with a mistake in it: the build is complete, the verdict says where the first wrong value is. And a
//! library file that selects too little: no build, and the file is named.

use crate::space::Space;

#[test]
fn a_wrong_kernel_is_named_with_operator_tensor_and_coordinate() {
    let Some(space) = Space::built("mps2-an386") else { return };
    space.own_kernel_library();
    let clamp = "clamp_output(dst_base, output_x * output_y * channel_in, act_min, act_max);";
    let wrong = format!("{clamp}\n        dst_base[37] ^= 1;");
    space.edit("cmsis-nn/Source/PoolingFunctions/arm_max_pool_s8.c", clamp, &wrong);

    let built = space.build("");
    assert_eq!(built.code, Some(1), "{}", built.text);
    assert_eq!(built.verdict(), "fail");
    let report: serde_json::Value = serde_json::from_slice(&space.result("gate-report.json")).unwrap();
    let gates = report["gates"].as_array().unwrap();
    let failed: Vec<_> = gates.iter().filter(|gate| gate["verdict"] == "fail").collect();
    assert_eq!(failed.len(), 1, "{failed:#?}");
    assert_eq!(failed[0]["name"], "bit_exactness");
    let detail = failed[0]["detail"].as_str().unwrap();
    for word in ["op:3", "MAX_POOL_2D", "`max`", "[0, 2, 0, 5]", "vector 0", "`mismatch`"] {
        assert!(detail.contains(word), "no `{word}` in: {detail}");
    }
}

/// A file from an older version: the library's own functions are there, and this version calls more of them.
#[test]
fn a_library_file_that_selects_too_little_is_named_with_what_it_lacks() {
    let Some(space) = Space::built("mps2-an386") else { return };
    space.own_kernel_library();
    let file = "manifests/kernels/cmsis-nn.kdl";
    let sizes = r#"include "Source/{Convolution,FullyConnected,Pooling}Functions/arm_*_get_buffer_sizes_s16.c""#;
    space.settle().edit(file, sizes, "");
    space.build("").failed(
        3,
        &[
            "`arm_avgpool_s16_get_buffer_size`",
            "no C file that `manifests/kernels/cmsis-nn.kdl` selects",
            "buffer_sizes_s16.c",
        ],
    );
    space.undo();
    space.edit(file, "exclude ", "exclude \"**/arm_softmax_s8.c\" ");
    space
        .build("")
        .failed(3, &["the firmware calls `arm_softmax_s8`", "no `exclude", "remove it to use the built-in one"]);
}
