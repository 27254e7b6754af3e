//! Links firmware by the workspace's `memory.x`; a host build has no build id, which would depend on where it was built.

use std::env;
use std::path::PathBuf;

fn main() {
    println!("cargo::rerun-if-changed=../memory.x");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(armv6m, armv7m, armv8m_main)");
    let target = env::var("TARGET").unwrap_or_default();
    for (triple, name) in [("thumbv6m", "armv6m"), ("thumbv7", "armv7m"), ("thumbv8m.main", "armv8m_main")] {
        if target.starts_with(triple) {
            println!("cargo::rustc-cfg={name}");
        }
    }
    if env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "none") {
        let workspace = PathBuf::from("..").canonicalize().expect("the package lies in a workspace");
        println!("cargo::rustc-link-search={}", workspace.display());
        println!("cargo::rustc-link-arg-bins=--nmagic");
        println!("cargo::rustc-link-arg-bins=-Tlink.x");
    } else if env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux") {
        println!("cargo::rustc-link-arg-bins=-Wl,--build-id=none");
    }
}
