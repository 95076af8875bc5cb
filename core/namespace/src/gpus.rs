//! The GPUs that bridges have published, and the GPU workers' desks.
//!
//! A GPU is there as long as the session that published it. Who may use it and which job is next
//! is [`gpu::Gpu`]'s; here are the windows of its files, and who has to do with it. A job waits
//! here until its lease has a stream for it: only then the bridge reads of it. So of orders that
//! the bridge has not read there are never more than the window holds, and the highest priority
//! goes first until the last moment.
//!
//! A GPU worker has a desk: its tasks, and what it was leased. There are fewer desks than places
//! for workers, for each has a window of its own.

use core::fmt;
use core::time::Duration;

use gpu::limits::{JOB_LINE_BYTES, ORDER_EXTRA_BYTES, STATUS_LINE_BYTES};
use gpu::{About, Gauge, Gpu, Job, JobId, Order, Started, Status, WorkerId as Holder};
use heapless::String;

use crate::sessions::SessionId;
use crate::window::Window;
use crate::workers::WorkerId;

/// Most GPUs at the same time.
pub const MAX_GPUS: usize = 4;
/// Most leases of a GPU, those included that have ended while a job of theirs runs still.
pub const MAX_LEASES: usize = 8;
/// Most jobs of a GPU that wait or run, and those that are remembered.
pub const MAX_JOBS: usize = 32;
/// Most GPU workers at the same time.
pub const MAX_GPU_WORKERS: usize = 16;
/// Bytes of each GPU worker's tasks that are kept.
pub const TASK_BYTES: usize = 4 << 10;
/// Bytes of a GPU's status lines that are kept.
pub const STATUS_BYTES: usize = 16 << 10;
/// Longest order to run a job, with its line end.
const MAX_ORDER: usize = JOB_LINE_BYTES + ORDER_EXTRA_BYTES + 1;
/// Longest order to cancel one: the id is 32 bytes at most.
const MAX_CANCEL: usize = 48;
/// Bytes of orders that are kept: what the bridge may not have read yet is an order to run each
/// job that it has, and one to cancel it.
pub const ORDER_BYTES: usize = MAX_JOBS * (MAX_ORDER + MAX_CANCEL);

/// Where a line is written before it is appended: one type for all, for the image's sake.
type Scratch = String<MAX_ORDER>;
const _: () = assert!(STATUS_LINE_BYTES < MAX_ORDER && MAX_CANCEL < MAX_ORDER);

/// A job's line, as it waits.
pub type JobLine = String<JOB_LINE_BYTES>;
/// A GPU's name.
pub type GpuName = String<{ gpu::limits::GPU_ID_BYTES }>;

/// A GPU: where it is, and its number, which no GPU of this boot had before. One that goes and is
/// published again has another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceId {
    /// Its place, below [`MAX_GPUS`].
    pub place: u8,
    /// Its number, from 1 on.
    pub number: u32,
}

/// Whom a session is to a GPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// Nobody.
    Stranger,
    /// Who published it.
    Bridge,
    /// A worker that has a lease of it, or had one.
    Tenant,
}

/// A published GPU.
#[derive(Debug)]
pub struct Published {
    number: u32,
    bridge: SessionId,
    about: About,
    gauge: Gauge,
    gpu: Gpu<JobLine, MAX_LEASES, MAX_JOBS>,
}

/// The windows of one GPU's files.
#[derive(Debug)]
pub struct Room {
    orders: Window<ORDER_BYTES>,
    status: Window<STATUS_BYTES>,
}

/// What a worker was leased of the GPU in one place.
#[derive(Debug, Clone, Copy, Default)]
struct Tenancy {
    /// The GPU's number; 0 for none.
    gpu: u32,
    /// Which lease of this desk's it was: files that were opened for an earlier one stay closed.
    lease: u32,
}

/// What a GPU worker has.
#[derive(Debug)]
struct Desk {
    worker: Option<WorkerId>,
    tasks: Window<TASK_BYTES>,
    tenancies: [Tenancy; MAX_GPUS],
    /// Leases so far.
    leases: u32,
}

/// All GPUs and all GPU workers' desks. Windows lie apart from what is published, so that an empty
/// one of these is zeros: the server's image need not hold it.
#[derive(Debug)]
pub struct Gpus {
    published: [Option<Published>; MAX_GPUS],
    rooms: [Room; MAX_GPUS],
    desks: [Desk; MAX_GPU_WORKERS],
    /// The highest number so far.
    last: u32,
    /// Changes as GPUs come and go.
    version: u32,
}

impl Published {
    /// Who has published it.
    pub const fn bridge(&self) -> SessionId {
        self.bridge
    }

    /// What its bridge said.
    pub const fn about(&self) -> &About {
        &self.about
    }

    /// Notes how it is now.
    pub fn set_gauge(&mut self, gauge: Gauge) {
        self.gauge = gauge.or(self.gauge);
    }

    /// Its leases and jobs.
    pub const fn gpu(&self) -> &Gpu<JobLine, MAX_LEASES, MAX_JOBS> {
        &self.gpu
    }

    /// The same, to change them.
    pub const fn gpu_mut(&mut self) -> &mut Gpu<JobLine, MAX_LEASES, MAX_JOBS> {
        &mut self.gpu
    }

    /// Writes what `info` says. What changes is followed by blanks up to a fixed width.
    fn write(&self, text: &mut dyn fmt::Write) -> fmt::Result {
        let Self { about, gauge, gpu, .. } = self;
        write!(text, "{{{about}")?;
        if *gauge != Gauge::default() {
            write!(text, ",{gauge}")?;
        }
        let (memory_mb, streams) = gpu.leases().free_share();
        let held = gpu.leases().iter().count();
        writeln!(
            text,
            ",\"leases\":{{\"held\":{held:<2},\"memory_mb_free\":{memory_mb:<7},\
             \"streams_free\":{streams:<4}}}}}"
        )
    }
}

impl Room {
    const EMPTY: Self = Self { orders: Window::new(), status: Window::new() };

    /// What the bridge is to do.
    pub const fn orders(&self) -> &Window<ORDER_BYTES> {
        &self.orders
    }

    /// How its jobs are.
    pub const fn status(&self) -> &Window<STATUS_BYTES> {
        &self.status
    }

    /// Appends to the status.
    pub fn say(&mut self, status: &Status<'_>) {
        let mut line = Scratch::new();
        // A status is shorter than its limit, and the window is larger.
        let _ = fmt::Write::write_fmt(&mut line, format_args!("{status}\n"));
        let _ = self.status.append(line.as_bytes());
    }

    /// Hands the job to the bridge.
    fn order(&mut self, started: &Started<JobLine>, share: (u8, u32)) {
        let mut line = Scratch::new();
        // The line was written by a job, and is within its limit.
        let _ = Order::write_run(&mut line, started.holder, share, &started.payload);
        let _ = line.push('\n');
        let _ = self.orders.append(line.as_bytes());
    }

    /// Has the bridge stop the job.
    pub fn cancel(&mut self, job: &JobId) {
        let mut line = Scratch::new();
        // It is shorter than its limit.
        let _ = Order::write_cancel(&mut line, job);
        let _ = line.push('\n');
        let _ = self.orders.append(line.as_bytes());
    }
}

/// The line of a job that waits: the same for everybody who means the same.
pub fn job_line(job: &Job<'_>) -> Option<JobLine> {
    let mut line = Scratch::new();
    fmt::Write::write_fmt(&mut line, format_args!("{job}")).ok()?;
    JobLine::try_from(line.as_str()).ok()
}

/// What leases call a worker.
pub const fn holder(worker: WorkerId) -> Holder {
    Holder(worker.number)
}

impl Desk {
    const EMPTY: Self = Self {
        worker: None,
        tasks: Window::new(),
        tenancies: [Tenancy { gpu: 0, lease: 0 }; MAX_GPUS],
        leases: 0,
    };

    fn tenancy(&self, device: DeviceId) -> Option<&Tenancy> {
        let tenancy = self.tenancies.get(usize::from(device.place));
        tenancy.filter(|tenancy| tenancy.gpu == device.number)
    }
}

impl Gpus {
    /// None, and nobody. No constant: nothing published would stand in the server's image, too.
    #[must_use]
    pub fn new() -> Self {
        Self {
            published: core::array::from_fn(|_| None),
            rooms: [const { Room::EMPTY }; MAX_GPUS],
            desks: [const { Desk::EMPTY }; MAX_GPU_WORKERS],
            last: 0,
            version: 0,
        }
    }

    /// Changes as GPUs come and go.
    pub const fn version(&self) -> u32 {
        self.version
    }

    /// Publishes a GPU; `None` where there is no place.
    pub fn add(&mut self, bridge: SessionId, about: About) -> Option<DeviceId> {
        let number = self.last.checked_add(1)?;
        let place = self.published.iter().position(Option::is_none)?;
        let room = self.rooms.get_mut(place)?;
        room.orders.clear();
        room.status.clear();
        let gpu = Gpu::new(about.device);
        let gauge = Gauge::default();
        *self.published.get_mut(place)? = Some(Published { number, bridge, about, gauge, gpu });
        self.last = number;
        self.version = self.version.wrapping_add(1);
        Some(DeviceId { place: place as u8, number })
    }

    /// The GPU is gone.
    pub fn remove(&mut self, id: DeviceId) {
        if self.get(id).is_some()
            && let Some(place) = self.published.get_mut(usize::from(id.place))
        {
            *place = None;
            self.version = self.version.wrapping_add(1);
        }
    }

    /// The GPU.
    pub fn get(&self, id: DeviceId) -> Option<&Published> {
        let published = self.published.get(usize::from(id.place))?.as_ref();
        published.filter(|published| published.number == id.number)
    }

    /// The same, to change it.
    pub fn get_mut(&mut self, id: DeviceId) -> Option<&mut Published> {
        let published = self.published.get_mut(usize::from(id.place))?.as_mut();
        published.filter(|published| published.number == id.number)
    }

    /// The GPU's windows, as long as it is there.
    pub fn room(&self, id: DeviceId) -> Option<&Room> {
        self.get(id)?;
        self.rooms.get(usize::from(id.place))
    }

    /// The same, to append to.
    pub fn room_mut(&mut self, id: DeviceId) -> Option<&mut Room> {
        self.get(id)?;
        self.rooms.get_mut(usize::from(id.place))
    }

    /// Hands the job to the bridge that is to run now; whether there was one.
    pub fn hand_out(&mut self, id: DeviceId, now: Duration) -> bool {
        let Some(Published { gpu, .. }) = self.get_mut(id) else { return false };
        let Some(started) = gpu.start(now) else { return false };
        // A lease that has ended has no job started.
        let lease = gpu.leases().live(now, started.holder).map(|lease| lease.share);
        let share = lease.map_or((0, 1), |share| (share.priority, share.mem_mb));
        if let Some(room) = self.room_mut(id) {
            room.order(&started, share);
        }
        true
    }

    /// What the GPU is called; nothing where it is gone.
    pub fn name(&self, id: DeviceId) -> &str {
        self.get(id).map_or("", |published| published.about.id())
    }

    /// The first GPU in this place or a later one.
    pub fn next_from(&self, place: usize) -> Option<DeviceId> {
        self.all().map(|(id, _)| id).find(|id| usize::from(id.place) >= place)
    }

    /// Every GPU.
    pub fn all(&self) -> impl Iterator<Item = (DeviceId, &Published)> {
        self.published.iter().enumerate().filter_map(|(place, published)| {
            let published = published.as_ref()?;
            Some((DeviceId { place: place as u8, number: published.number }, published))
        })
    }

    /// The GPU of this name.
    pub fn named(&self, name: &[u8]) -> Option<DeviceId> {
        let found = self.all().find(|(_, published)| published.about.id().as_bytes() == name);
        found.map(|(id, _)| id)
    }

    /// A GPU that this session has published.
    pub fn published_by(&self, bridge: SessionId) -> Option<DeviceId> {
        self.all().find(|(_, published)| published.bridge == bridge).map(|(id, _)| id)
    }

    /// When [`Self::due`] says the next.
    pub fn deadline(&self) -> Option<Duration> {
        self.all().filter_map(|(_, published)| published.gpu.next_expiry()).min()
    }

    /// A GPU with a lease whose time is over and that has not ended.
    pub fn due(&self, now: Duration) -> Option<DeviceId> {
        let is_due =
            |published: &Published| published.gpu.next_expiry().is_some_and(|at| at <= now);
        self.all().find(|(_, published)| is_due(published)).map(|(id, _)| id)
    }

    /// Writes what the GPU's `info` says.
    pub fn write_info(&self, id: DeviceId, text: &mut dyn fmt::Write) -> fmt::Result {
        self.get(id).map_or(Ok(()), |published| published.write(text))
    }

    fn desk(&self, worker: WorkerId) -> Option<&Desk> {
        self.desks.iter().find(|desk| desk.worker == Some(worker))
    }

    fn desk_mut(&mut self, worker: WorkerId) -> Option<&mut Desk> {
        self.desks.iter_mut().find(|desk| desk.worker == Some(worker))
    }

    /// Whether another GPU worker has a desk.
    pub fn has_desk(&self) -> bool {
        self.desks.iter().any(|desk| desk.worker.is_none())
    }

    /// Gives the worker a desk; `false` where there is none.
    pub fn seat(&mut self, worker: WorkerId) -> bool {
        let Some(desk) = self.desks.iter_mut().find(|desk| desk.worker.is_none()) else {
            return false;
        };
        desk.worker = Some(worker);
        desk.tasks.clear();
        desk.tenancies = [Tenancy::default(); MAX_GPUS];
        true
    }

    /// The worker is gone.
    pub fn unseat(&mut self, worker: WorkerId) {
        if let Some(desk) = self.desk_mut(worker) {
            desk.worker = None;
        }
    }

    /// The worker's tasks; `None` where it is no GPU worker.
    pub fn tasks(&self, worker: WorkerId) -> Option<&Window<TASK_BYTES>> {
        self.desk(worker).map(|desk| &desk.tasks)
    }

    /// The same, to append to.
    pub fn tasks_mut(&mut self, worker: WorkerId) -> Option<&mut Window<TASK_BYTES>> {
        self.desk_mut(worker).map(|desk| &mut desk.tasks)
    }

    /// The worker has a lease of the GPU from now on.
    pub fn let_to(&mut self, worker: WorkerId, device: DeviceId) {
        let Some(desk) = self.desk_mut(worker) else { return };
        desk.leases = desk.leases.wrapping_add(1);
        let tenancy = Tenancy { gpu: device.number, lease: desk.leases };
        if let Some(place) = desk.tenancies.get_mut(usize::from(device.place)) {
            *place = tenancy;
        }
    }

    /// Which of the worker's leases is its lease of the GPU, where that has not ended.
    pub fn lease(&self, worker: WorkerId, device: DeviceId, now: Duration) -> Option<u32> {
        let tenancy = self.desk(worker)?.tenancy(device)?;
        let live = self.get(device)?.gpu.leases().live(now, holder(worker));
        live.map(|_| tenancy.lease)
    }

    /// Whether the worker has a lease of the GPU or had one.
    pub fn is_tenant(&self, worker: WorkerId, device: DeviceId) -> bool {
        self.desk(worker).and_then(|desk| desk.tenancy(device)).is_some()
    }

    /// Whether the session has published the GPU.
    pub fn is_bridge(&self, session: SessionId, device: DeviceId) -> bool {
        self.get(device).is_some_and(|published| published.bridge == session)
    }
}

impl Default for Gpus {
    fn default() -> Self {
        Self::new()
    }
}
