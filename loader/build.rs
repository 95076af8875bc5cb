//! Links the loader where QEMU puts it.

fn main() {
    println!("cargo::rerun-if-changed=loader.ld");
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("none") {
        // From the workspace's root, where cargo links members: so no build holds on to the path of
        // a checkout that has moved.
        println!("cargo::rustc-link-arg=-Tloader/loader.ld");
    }
}
