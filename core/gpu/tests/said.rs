//! What a bridge says, and what it is told.

use gpu::{Gauge, Job, JobId, Order, Publish, WorkerId};

const ABOUT: &str = r#"{"publish":{"id":"GPU-0","uuid":"GPU-1b","name":"A thing","memory_mb":81920,"streams":8,"sm_count":132,"driver_version":"1","runtime_version":"2","backend":"mock"}}"#;
const GAUGE: &str =
    r#"{"gauge":{"id":"GPU-0","utilization":12 ,"temperature_c":40 ,"memory_used_mb":100    }}"#;

fn job() -> String {
    let hash = "0".repeat(64);
    format!(
        r#"{{"job":"jid-9","kernel":"vadd","n":256,"grid":[1],"block":[256],"bytes_hash":"sha256:{hash}","inputs":["a","b"],"outputs":["c"],"timeout_ms":5000}}"#
    )
}

fn refusal(line: &str) -> String {
    Publish::parse(line.as_bytes()).expect_err(line).to_string()
}

#[test]
fn a_line_of_publish_reads_back_as_it_is_written() {
    let short = r#"{"gauge":{"id":"GPU-0","memory_used_mb":100    }}"#;
    let unknown = ABOUT.replace(r#""sm_count":132,"#, "").replace(r#""uuid":"GPU-1b","#, "");
    let unknown = unknown.replace(r#""driver_version":"1","runtime_version":"2","#, "");
    for line in [ABOUT, GAUGE, short, &unknown, r#"{"withdraw":"GPU-0"}"#] {
        let said = Publish::parse(line.as_bytes()).expect(line);
        assert_eq!(said.to_string(), line);
        serde_json::from_str::<serde_json::Value>(line).expect("JSON");
    }
    let Ok(Publish::Device(about)) = Publish::parse(ABOUT.as_bytes()) else { panic!("{ABOUT}") };
    assert_eq!((about.id(), about.device.memory_mb, about.device.streams), ("GPU-0", 81920, 8));
}

#[test]
fn what_a_bridge_must_not_say_is_refused_with_the_field() {
    for (line, why) in [
        ("", "line: must be one JSON object"),
        ("{}", "line: must have publish, gauge or withdraw"),
        (r#"{"publish":1}"#, "line: must be one JSON object"),
        (r#"{"publish":{}}"#, "id: is missing"),
        (r#"{"withdraw":"a/b"}"#, "withdraw: must be a GPU"),
        (r#"{"withdraw":"a","withdraw":"a"}"#, "withdraw: stands twice"),
        (r#"{"withdraw":"a","gauge":{}}"#, "gauge: must stand alone"),
        (r#"{"withdraw":"a"} x"#, "line: must end with the object"),
        (r#"{"gauge":{"id":"a"}}"#, "gauge: must have one at least"),
        (r#"{"gauge":{"utilization":1}}"#, "id: is missing"),
        (r#"{"gauge":{"id":"a","utilization":101}}"#, "utilization: must be a whole number"),
        (r#"{"gauge":{"id":"a","colour":1}}"#, "colour: is no field here"),
    ] {
        let said = refusal(line);
        assert!(said.starts_with(why), "{line}: {said}");
    }
    for (from, to, why) in [
        ("81920", "0", "memory_mb: must be a whole number from 1"),
        (":8,", ":0,", "streams: must be a whole number from 1"),
        ("mock", "magic", "backend: must be nvml, wgpu or mock"),
        ("A thing", "", "name: must be a text of 1 to 64 bytes"),
        ("A thing", "A \\u0041", "name: must have no backslash"),
        (r#""streams":8,"#, "", "streams: is missing"),
        ("GPU-1b", "", "uuid: must be a text of 1 to 64 bytes"),
        ("GPU-0", "GPU 0", "id: must be a GPU"),
    ] {
        let line = ABOUT.replace(from, to);
        let said = refusal(&line);
        assert!(said.starts_with(why), "{line}: {said}");
    }
    let long = ABOUT.replace("A thing", &"x".repeat(65));
    assert!(refusal(&long).starts_with("name: "));
}

#[test]
fn a_gauge_keeps_what_an_older_one_said() {
    let older = Gauge { utilization: Some(1), temperature_c: Some(2), memory_used_mb: None };
    let newer = Gauge { utilization: Some(9), temperature_c: None, memory_used_mb: Some(3) };
    let both = Gauge { utilization: Some(9), temperature_c: Some(2), memory_used_mb: Some(3) };
    assert_eq!(newer.or(older), both);
}

#[test]
fn an_order_is_the_jobs_line_with_its_holder() {
    let line = job();
    let mut text = String::new();
    Order::write_run(&mut text, WorkerId(7), (3, 100), &line).expect("an object");
    assert_eq!(text, format!(r#"{{"holder":"worker-7","priority":3,"mem_mb":100,{}"#, &line[1..]));
    let order = Order::parse(text.as_bytes()).expect("an order");
    let job = Job::parse(line.as_bytes()).expect("a job");
    assert_eq!(order, Order::Run { holder: WorkerId(7), priority: 3, mem_mb: 100, job });
    assert_eq!(order.to_string(), text);
    let mut longest = String::new();
    Order::write_run(&mut longest, WorkerId(u32::MAX), (255, 1 << 20), &line).expect("an object");
    assert!(longest.len() - line.len() <= gpu::limits::ORDER_EXTRA_BYTES, "{longest}");
    let cancel = r#"{"cancel":"jid-9"}"#;
    let order = Order::parse(cancel.as_bytes()).expect("an order");
    assert_eq!(order, Order::Cancel(JobId::of("jid-9").expect("a job")));
    assert_eq!(order.to_string(), cancel);
}

#[test]
fn half_an_order_is_refused() {
    for (line, why) in [
        (job(), "holder: is missing"),
        (job().replace('{', r#"{"holder":"worker-1","#), "priority: is missing"),
        (job().replace('{', r#"{"holder":"x","priority":1,"#), "holder: must be a worker"),
        (job().replace('{', r#"{"holder":"worker-1","priority":1,"#), "mem_mb: is missing"),
        (job().replace('{', r#"{"cancel":"a","#), "cancel: must stand alone"),
        (r#"{"holder":"worker-1","priority":1,"mem_mb":1}"#.into(), "kernel: is missing"),
        ("{}".into(), "holder: is missing"),
    ] {
        let said = Order::parse(line.as_bytes()).expect_err(&line).to_string();
        assert!(said.starts_with(why), "{line}: {said}");
    }
}
