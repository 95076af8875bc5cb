//! What a hive is told of a device: lines of `/gpu/publish`.

use anyhow::{Context as _, Result, anyhow};
use gpu::limits::ABOUT_BYTES;
use gpu::{Gauge, GpuId, Publish};

use crate::backend::DeviceInfo;

/// A text as a line can hold it; `None` where nothing of it is left.
fn text(text: &str) -> Option<String> {
    let plain = |letter| match letter {
        '"' => '\'',
        '\\' => '/',
        letter if letter.is_control() => ' ',
        letter => letter,
    };
    let plain: String = text.chars().map(plain).collect();
    let plain = plain.trim();
    let cut = &plain[..plain.floor_char_boundary(ABOUT_BYTES)];
    (!cut.is_empty()).then(|| cut.to_owned())
}

/// The line that publishes the device. What is not known is not in it.
///
/// # Errors
/// A hive takes no such device: why.
pub(crate) fn publish(device: &DeviceInfo) -> Result<String> {
    let texts = [
        ("uuid", device.uuid.as_deref()),
        ("name", Some(&*device.name)),
        ("driver_version", device.driver_version.as_deref()),
        ("runtime_version", device.runtime_version.as_deref()),
    ];
    let texts = texts.into_iter().filter_map(|(name, value)| {
        let value = text(value?)?;
        Some(format!("\"{name}\":\"{value}\","))
    });
    let texts: String = texts.collect();
    let sm_count = device.sm_count.map_or(String::new(), |count| format!("\"sm_count\":{count},"));
    let DeviceInfo { id, memory_mb, streams, backend, .. } = device;
    let line = format!(
        "{{\"publish\":{{\"id\":\"{id}\",{texts}\"memory_mb\":{memory_mb},\
         \"streams\":{streams},{sm_count}\"backend\":\"{backend}\"}}}}"
    );
    match Publish::parse(line.as_bytes()) {
        Ok(_) => Ok(line),
        Err(refused) => Err(anyhow!("{id}: {refused}")),
    }
}

/// The line that says how the device is. Where its backend does not know how much memory is in
/// use, that of the bridge's own jobs is said, `jobs_mb`.
pub(crate) fn gauge(device: &DeviceInfo, jobs_mb: u32) -> Result<String> {
    let id = GpuId::of(&device.id).context("the device's id")?;
    let percent = |value: Option<u32>| value.and_then(|value| u8::try_from(value.min(100)).ok());
    let gauge = Gauge {
        utilization: percent(device.utilization),
        temperature_c: device.temperature.and_then(|degrees| u8::try_from(degrees).ok()),
        memory_used_mb: Some(device.memory_used_mb.unwrap_or(jobs_mb)),
    };
    Ok(Publish::Gauge { id, gauge }.to_string())
}

/// The line that takes the device away.
pub(crate) fn withdraw(device: &str) -> Result<String> {
    Ok(Publish::Withdraw(GpuId::of(device).context("the device's id")?).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Backend as _, Mock};

    fn device() -> DeviceInfo {
        Mock::new(1, 100, 2).devices().remove(0)
    }

    #[test]
    fn what_is_said_of_a_device_is_what_a_hive_takes() {
        let name = format!("a \"card\\\n{}", "é".repeat(40));
        let uuid = Some("u-0".to_owned());
        let device = DeviceInfo { name, uuid, sm_count: Some(132), ..device() };
        let line = publish(&device).expect("a line");
        let Ok(Publish::Device(about)) = Publish::parse(line.as_bytes()) else { panic!("{line}") };
        assert!(about.name.starts_with("a 'card/ é") && about.name.len() <= 64, "{line}");
        assert_eq!((about.sm_count, about.driver_version), (Some(132), None));
        assert_eq!(about.uuid.as_deref(), Some("u-0"));
        assert_eq!((about.device.memory_mb, about.device.streams), (100, 2));
        let withdraw = withdraw("GPU-0").expect("a line");
        assert_eq!(withdraw, r#"{"withdraw":"GPU-0"}"#);
    }

    #[test]
    fn a_device_that_no_hive_takes_is_told() {
        let wrong = DeviceInfo { memory_mb: 0, ..device() };
        let text = publish(&wrong).expect_err("no memory").to_string();
        assert!(text.contains("memory_mb"), "{text}");
    }

    #[test]
    fn a_gauge_says_what_is_known() {
        let parse = |line: &str| match Publish::parse(line.as_bytes()) {
            Ok(Publish::Gauge { gauge, .. }) => gauge,
            other => panic!("{other:?}"),
        };
        let own = parse(&gauge(&device(), 3).expect("a line"));
        assert_eq!((own.utilization, own.memory_used_mb), (None, Some(3)));
        let known = DeviceInfo {
            utilization: Some(12),
            temperature: Some(40),
            memory_used_mb: Some(100),
            ..device()
        };
        let known = parse(&gauge(&known, 3).expect("a line"));
        assert_eq!(known.utilization, Some(12));
        assert_eq!((known.temperature_c, known.memory_used_mb), (Some(40), Some(100)));
    }
}
