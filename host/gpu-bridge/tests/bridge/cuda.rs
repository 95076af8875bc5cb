//! CUDA, where there is an NVIDIA GPU.

use gpu::Kernel;
use gpu_bridge::{Backend as _, Cancel, Nvidia};

use crate::work::{Bundle, MATMUL, VADD, skipped};

fn nvidia() -> Option<Nvidia> {
    match Nvidia::load(None, 4) {
        Ok(nvidia) => Some(nvidia),
        Err(error) => {
            let error = format!("{error:#}");
            assert!(error.starts_with("nvml: ") && !error.contains('\n'), "{error}");
            skipped(&format!("no GPU: {error}"));
            None
        }
    }
}

#[test]
fn cuda_computes_and_nvml_tells() {
    let Some(nvidia) = nvidia() else { return };
    for device in nvidia.devices() {
        println!("{}", device.to_json());
        assert_eq!(device.to_json()["backend"], "nvml");
        assert!(device.sm_count.is_some_and(|count| count > 0) && device.driver_version.is_some());
        assert!(device.uuid.as_ref().is_some_and(|uuid| uuid.starts_with("GPU-")));
    }
    drop(nvidia);
    for kernel in
        [VADD, MATMUL, Kernel::Vadd { n: 1 << 24 }, Kernel::Matmul { m: 1024, n: 1000, k: 513 }]
    {
        let bundle = Bundle::of(kernel);
        let executor = bundle.executor(Nvidia::load(None, 4).expect("it was there"));
        let ran = bundle.run(&executor, &bundle.line("j", 60_000));
        println!("{}", ran.report.detail);
        ran.assert_ok(&bundle);
    }
}

#[test]
fn cuda_is_cancelled_and_timed_out_in_mid_run() {
    let Some(nvidia) = nvidia() else { return };
    let bundle = Bundle::of(Kernel::Matmul { m: 4096, n: 4096, k: 4096 });
    let executor = bundle.executor(nvidia);
    bundle
        .run(&executor, &bundle.line("late", 1))
        .assert_err("timeout_ms: not done after 1 ms", true);
    let cancel = Cancel::new();
    let ran = bundle.run_until(&executor, &bundle.line("j", 60_000), &cancel, |status| {
        if status.progress > 0 {
            cancel.cancel("lease expired");
        }
    });
    ran.assert_err("cancelled: lease expired", true);
}

#[test]
fn a_cuda_source_that_is_wrong_is_found_out() {
    let Some(nvidia) = nvidia() else { return };
    let mut bundle = Bundle::of(VADD);
    let executor = bundle.executor(nvidia);
    let right = std::fs::read_to_string(bundle.path().join("vadd.cu")).expect("a source");
    bundle.put("vadd.cu", right.replace("a[i] + b[i]", "a[i] - b[i]").as_bytes());
    bundle.run(&executor, &bundle.line("minus", 60_000)).assert_err("wrong result: value 0", true);
    bundle.put("vadd.cu", right.replace("a[i] + b[i]", "a[i] +").as_bytes());
    bundle.run(&executor, &bundle.line("broken", 60_000)).assert_err("", true);
    bundle.put("vadd.cu", right.as_bytes());
    bundle.run(&executor, &bundle.line("right", 60_000)).assert_ok(&bundle);
}
