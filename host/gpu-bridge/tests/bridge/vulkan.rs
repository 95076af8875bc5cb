//! Compute shaders on a real driver stack: Mesa's lavapipe where no GPU is.

use std::fs;
use std::thread;

use gpu::{Kernel, Shape};
use gpu_bridge::{Backend as _, Cancel, Shaders, measure};

use crate::work::{Bundle, MATMUL, VADD, skipped};

/// The driver; under CI on Debian for x86-64 there is one, for `./cohesix test` installs it.
pub fn shaders() -> Option<Shaders> {
    match Shaders::load(None, 4) {
        Ok(shaders) => Some(shaders),
        Err(error) => {
            let ci = std::env::var_os("CI").is_some_and(|ci| !ci.is_empty());
            let required = ci && cfg!(all(target_os = "linux", target_arch = "x86_64"));
            assert!(!required, "{error:#}");
            skipped(&format!("no Vulkan driver: {error:#}"));
            None
        }
    }
}

#[test]
fn shaders_compute() {
    let Some(shaders) = shaders() else { return };
    for device in shaders.devices() {
        assert_eq!(device.to_json()["backend"], "wgpu");
        assert!(gpu::GpuId::of(&device.id).is_some() && !device.name.is_empty());
        assert!(device.memory_mb > 0 && device.limits.threads >= 128, "{device:?}");
    }
    drop(shaders);
    let sizes = [
        VADD,
        MATMUL,
        Kernel::Vadd { n: 1 },
        Kernel::Vadd { n: 65_536 },
        Kernel::Matmul { m: 1, n: 1, k: 300 },
        Kernel::Matmul { m: 129, n: 33, k: 1 },
    ];
    for kernel in sizes {
        let bundle = Bundle::of(kernel);
        let executor = bundle.executor(Shaders::load(None, 4).expect("it was there"));
        bundle.run(&executor, &bundle.line("j", 600_000)).assert_ok(&bundle);
        if kernel == (Kernel::Vadd { n: 65_536 }) {
            // One block more than one dispatch takes.
            let line = bundle.line_in([1, 1, 1], "blocks", 600_000);
            bundle.run(&executor, &line).assert_ok(&bundle);
        }
    }
}

#[test]
fn kernels_side_by_side_all_come_to_their_end() {
    let Some(shaders) = shaders() else { return };
    let kernel = Kernel::Vadd { n: 1000 };
    let shape = Shape::of(kernel, [256, 1, 1]).expect("a shape");
    thread::scope(|scope| {
        for _ in 0..4 {
            let shaders = &shaders;
            scope.spawn(move || {
                for _ in 0..200 {
                    measure(shaders, "GPU-0", kernel, shape).expect("it computes");
                }
            });
        }
    });
}

#[test]
fn a_source_that_computes_something_else_is_found_out() {
    let Some(shaders) = shaders() else { return };
    let mut bundle = Bundle::of(VADD);
    let executor = bundle.executor(shaders);
    let right = fs::read_to_string(bundle.path().join("vadd.wgsl")).expect("a source");
    let mut run = |id: &str, from: &str, to: &str, says: &str| {
        assert!(right.contains(from));
        bundle.put("vadd.wgsl", right.replace(from, to).as_bytes());
        bundle.run(&executor, &bundle.line(id, 60_000)).assert_err(says, true);
    };
    run("minus", "a[i] + b[i]", "a[i] - b[i]", "wrong result: value 0");
    run("few", "i < part.n", "i + 1 < part.n", "wrong result: value 99999");
    run("broken", "a[i] + b[i]", "a[i] +", "");
    run("unknown", "fn vadd", "fn other", "");
    // Bindings and indices are checked: nothing is read or written elsewhere.
    run("behind", "out[i] = a[i] + b[i]", "out[i + 4000000000u] = a[i]", "wrong result");
    run("binding", "@binding(2)", "@binding(7)", "");
    bundle.put("vadd.wgsl", right.as_bytes());
    bundle.run(&executor, &bundle.line("right", 60_000)).assert_ok(&bundle);
}

#[test]
fn a_shader_is_cancelled_and_timed_out_in_mid_run() {
    let Some(shaders) = shaders() else { return };
    // Seconds of work on a processor; a GPU may be done before.
    let bundle = Bundle::of(Kernel::Matmul { m: 2048, n: 512, k: 512 });
    let slow = shaders.devices()[0].name.contains("llvmpipe");
    let executor = bundle.executor(shaders);
    let cancel = Cancel::new();
    let line = bundle.line("cancelled", 3_600_000);
    let ran = bundle.run_until(&executor, &line, &cancel, |status| {
        if status.progress > 0 {
            cancel.cancel("lease expired");
        }
    });
    ran.assert_err("cancelled: lease expired", true);
    assert!(ran.report.progress > 0);
    if slow {
        assert!(ran.report.progress < 99, "{:?}", ran.told);
        let ran = bundle.run(&executor, &bundle.line("late", 100));
        ran.assert_err("timeout_ms: not done after 100 ms", true);
    }
}
