//! The values that a manifest writes as text: names and sizes.

use ::manifest::Name;

use super::problem::quote;

/// One KiB in bytes.
pub(super) const KIB: u64 = 1024;
/// One MiB in bytes.
pub(super) const MIB: u64 = 1024 * KIB;

/// Names of the root task and of the boot archive's own files.
const RESERVED: [&str; 5] = ["root-task", "kernel", "kernel.elf", "system", "system.bin"];

/// Checks a name of the manifest itself.
pub(super) fn name(text: &str) -> Result<Name, String> {
    let starts = text.starts_with(|c: char| c.is_ascii_lowercase());
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !starts || !text.chars().all(fits) {
        let rule = "a lower-case letter, then lower-case letters, digits and `-`";
        return Err(format!("{} is no name: expected {rule}", quote(text)));
    }
    Name::try_from(text).map_err(|_| {
        let most = Name::new().capacity();
        format!("{} has {} characters: at most {most} are possible", quote(text), text.len())
    })
}

/// Checks the name of a component or an image: [`name`] without the reserved ones.
pub(super) fn process_name(text: &str) -> Result<Name, String> {
    if RESERVED.contains(&text) {
        return Err(format!("{} is reserved for the system itself", quote(text)));
    }
    name(text)
}

/// Reads `16 KiB` or `1 MiB` as bytes. Up to nine digits, so that nothing overflows.
pub(super) fn size(text: &str) -> Option<u64> {
    let (digits, unit) = text.split_once(' ')?;
    let unit = match unit {
        "KiB" => KIB,
        "MiB" => MIB,
        _ => return None,
    };
    let plain = (1..=9).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    let count: u64 = if plain { digits.parse().ok()? } else { return None };
    Some(count * unit)
}

/// Writes whole KiB as a manifest does.
pub(super) fn show_size(bytes: u64) -> String {
    if bytes > 0 && bytes.is_multiple_of(MIB) {
        format!("{} MiB", bytes / MIB)
    } else {
        format!("{} KiB", bytes / KIB)
    }
}
