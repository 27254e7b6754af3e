//! A kernel library with a mistake in it: the build is complete, the verdict says where the first wrong value is.

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
