//! A line of `/gpu/publish`: what a bridge says of its devices.

use core::fmt;

use control::GpuId;
use control::scan::Cursor;
use heapless::String;

use crate::lease::Device;
use crate::limits;
use crate::names::Backend;
use crate::object;
use crate::refused::{Reason, Refused};

/// A text of a device: what a line can hold, so without quotes, backslashes, control characters.
type Text = String<{ limits::ABOUT_BYTES }>;

#[expect(clippy::large_enum_variant, reason = "nothing here allocates")]
/// What a bridge says. Its text is its line, without the line end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Publish<'a> {
    /// `{"publish":{…}}`: a device is there.
    Device(About),
    /// `{"gauge":{"id":…,…}}`: how a device is now.
    Gauge {
        /// Which.
        id: GpuId<'a>,
        /// How it is.
        gauge: Gauge,
    },
    /// `{"withdraw":"GPU-0"}`: it is there no more.
    Withdraw(GpuId<'a>),
}

/// A device, as its bridge describes it. Its text is the fields of an object, without braces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    id: String<{ limits::GPU_ID_BYTES }>,
    /// Its maker's name for this one, where there is such a name.
    pub uuid: Option<Text>,
    /// What it is called.
    pub name: Text,
    /// What can be leased of it.
    pub device: Device,
    /// Multiprocessors, where somebody knows.
    pub sm_count: Option<u16>,
    /// Its driver's version, likewise.
    pub driver_version: Option<Text>,
    /// Its runtime's version, likewise.
    pub runtime_version: Option<Text>,
    /// What computes; a mock says so.
    pub backend: Backend,
}

/// How a device is now, as far as it is known. Its text is the fields of an object, without
/// braces; numbers are followed by blanks up to a fixed width.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Gauge {
    /// How busy, in percent.
    pub utilization: Option<u8>,
    /// How hot, in degrees Celsius.
    pub temperature_c: Option<u8>,
    /// Memory in use, in MiB.
    pub memory_used_mb: Option<u32>,
}

const NAMES: &[&str] = &["publish", "gauge", "withdraw"];
const ABOUT: &[&str] = &[
    "id",
    "uuid",
    "name",
    "memory_mb",
    "streams",
    "sm_count",
    "driver_version",
    "runtime_version",
    "backend",
];
const GAUGE: &[&str] = &["id", "utilization", "temperature_c", "memory_used_mb"];

impl<'a> Publish<'a> {
    /// What `line` says, which has no line end any more.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn parse(line: &'a [u8]) -> Result<Self, Refused> {
        let (mut said, mut inner) = (None, None);
        let read = object::read(line, NAMES, &mut |index, cursor| {
            if said.is_some() {
                return Err(Reason::Must("must stand alone"));
            }
            let found = match NAMES.get(index).copied().unwrap_or_default() {
                "publish" => About::read(cursor).map(Self::Device),
                "gauge" => Gauge::read(cursor).map(|(id, gauge)| Self::Gauge { id, gauge }),
                _ => Ok(Self::Withdraw(id(cursor)?)),
            };
            match found {
                Ok(found) => said = Some(found),
                // It says more than a reason can.
                Err(refused) => {
                    inner = Some(refused);
                    return Err(Reason::Must("is refused"));
                }
            }
            Ok(())
        });
        match (inner, read, said) {
            (Some(refused), _, _) | (None, Err(refused), _) => Err(refused),
            (None, Ok(_), Some(said)) => Ok(said),
            (None, Ok(_), None) => Err(Refused::line("must have publish, gauge or withdraw")),
        }
    }
}

fn id<'a>(cursor: &mut Cursor<'a>) -> Result<GpuId<'a>, Reason> {
    let must = "must be a GPU like \"GPU-0\": letters, digits, - _ . and 48 of them at most";
    object::text(cursor, must, GpuId::of)
}

fn text(cursor: &mut Cursor<'_>) -> Result<Text, Reason> {
    let of = |text: &str| if text.is_empty() { None } else { Text::try_from(text).ok() };
    object::text(cursor, "must be a text of 1 to 64 bytes", of)
}

impl About {
    /// Its name among devices.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    fn read(cursor: &mut Cursor<'_>) -> Result<Self, Refused> {
        let mut own = String::new();
        let (mut name, mut memory_mb, mut streams) = (Text::new(), 0, 0);
        let [mut uuid, mut driver_version, mut runtime_version] = [const { None }; 3];
        let (mut sm_count, mut backend) = (None, None);
        let seen = object::object(cursor, ABOUT, &mut |index, cursor| {
            match ABOUT.get(index).copied().unwrap_or_default() {
                // It was checked to be short enough.
                "id" => own = String::try_from(id(cursor)?.as_str()).unwrap_or_default(),
                "uuid" => uuid = Some(text(cursor)?),
                "name" => name = text(cursor)?,
                "memory_mb" => memory_mb = object::number(cursor, limits::MEM_MB)?,
                "streams" => streams = object::number(cursor, limits::STREAMS)?,
                "sm_count" => sm_count = Some(object::number(cursor, limits::SM_COUNT)?),
                "driver_version" => driver_version = Some(text(cursor)?),
                "runtime_version" => runtime_version = Some(text(cursor)?),
                _ => {
                    let must = "must be nvml, wgpu or mock";
                    backend = Some(object::text(cursor, must, Backend::of)?);
                }
            }
            Ok(())
        })?;
        for (index, name) in ABOUT.iter().enumerate() {
            let known =
                !matches!(*name, "uuid" | "sm_count" | "driver_version" | "runtime_version");
            if known && !seen.has(index) {
                return Err(Refused::field(name, Reason::Missing));
            }
        }
        let backend = backend.ok_or(Refused::field("backend", Reason::Missing))?;
        let device = Device { memory_mb, streams };
        Ok(Self { id: own, uuid, name, device, sm_count, driver_version, runtime_version, backend })
    }
}

fn write_text(f: &mut fmt::Formatter<'_>, name: &str, text: Option<&Text>) -> fmt::Result {
    match text {
        Some(text) => write!(f, ",\"{name}\":\"{text}\""),
        None => Ok(()),
    }
}

impl fmt::Display for About {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, name, device: Device { memory_mb, streams }, .. } = self;
        write!(f, "\"id\":\"{id}\"")?;
        write_text(f, "uuid", self.uuid.as_ref())?;
        write!(f, ",\"name\":\"{name}\",\"memory_mb\":{memory_mb},\"streams\":{streams}")?;
        if let Some(sm_count) = self.sm_count {
            write!(f, ",\"sm_count\":{sm_count}")?;
        }
        write_text(f, "driver_version", self.driver_version.as_ref())?;
        write_text(f, "runtime_version", self.runtime_version.as_ref())?;
        write!(f, ",\"backend\":\"{}\"", self.backend)
    }
}

impl Gauge {
    fn read<'a>(cursor: &mut Cursor<'a>) -> Result<(GpuId<'a>, Self), Refused> {
        let (mut of, mut gauge) = (None, Self::default());
        object::object(cursor, GAUGE, &mut |index, cursor| {
            match GAUGE.get(index).copied().unwrap_or_default() {
                "id" => of = Some(id(cursor)?),
                "utilization" => gauge.utilization = Some(object::number(cursor, (0, 100))?),
                "temperature_c" => {
                    gauge.temperature_c = Some(object::number(cursor, limits::TEMPERATURE_C)?);
                }
                _ => gauge.memory_used_mb = Some(object::number(cursor, limits::MEMORY_USED_MB)?),
            }
            Ok(())
        })?;
        let of = of.ok_or(Refused::field("id", Reason::Missing))?;
        if gauge == Self::default() {
            return Err(Refused::field(
                "gauge",
                Reason::Must(
                    "must have one at least of utilization, temperature_c, memory_used_mb",
                ),
            ));
        }
        Ok((of, gauge))
    }

    /// What is known of the two together, where `self` is newer.
    #[must_use]
    pub fn or(self, older: Self) -> Self {
        Self {
            utilization: self.utilization.or(older.utilization),
            temperature_c: self.temperature_c.or(older.temperature_c),
            memory_used_mb: self.memory_used_mb.or(older.memory_used_mb),
        }
    }
}

impl fmt::Display for Gauge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut comma = "";
        let mut field = |name: &str, number: Option<u32>, width: usize| {
            let Some(number) = number else { return Ok(()) };
            let before = core::mem::replace(&mut comma, ",");
            write!(f, "{before}\"{name}\":{number:<width$}")
        };
        field("utilization", self.utilization.map(u32::from), 3)?;
        field("temperature_c", self.temperature_c.map(u32::from), 3)?;
        field("memory_used_mb", self.memory_used_mb, 7)
    }
}

impl fmt::Display for Publish<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Device(about) => write!(f, "{{\"publish\":{{{about}}}}}"),
            Self::Gauge { id, gauge } => write!(f, "{{\"gauge\":{{\"id\":\"{id}\",{gauge}}}}}"),
            Self::Withdraw(id) => write!(f, "{{\"withdraw\":\"{id}\"}}"),
        }
    }
}
