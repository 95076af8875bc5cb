//! What each process holds, from the root task's own book.

use core::fmt::{self, Write};

use abi::service::{MAX_LINE, Status, TEXT_WORDS, pack_text};
use drivers::timer;
use heapless::{String, Vec};
use manifest::{MAX_COMPONENTS, Target};
use objects::process::Process;
use supervisor::MILLISECOND;

use crate::root::{PROCESSES, Root};
use crate::serve::Answer;
use crate::workers;

impl Root {
    /// The first process from `index` on: its index and a line about it.
    pub(crate) fn process_line(&self, words: &[u64]) -> Answer {
        let &[index, about] = words else { return Answer::Word(Status::Invalid, 0) };
        let first = usize::try_from(index).unwrap_or(PROCESSES);
        let known = self.processes.iter().enumerate().skip(first);
        // How workers are scheduled their server knows.
        let last = if about == 0 { PROCESSES } else { MAX_COMPONENTS };
        let found = known.take_while(|(index, _)| *index < last);
        let found = found.flat_map(|(index, process)| Some((index, process.as_ref()?))).next();
        let Some((index, process)) = found else { return Answer::words(&[]) };
        let mut line = String::<MAX_LINE>::new();
        // What no longer fits is cut.
        let _ = self.write_name(index, &mut line).and_then(|()| match about {
            0 => self.write_holdings(index, process, &mut line),
            _ => self.write_schedule(index, &mut line),
        });
        let mut packed = [0; TEXT_WORDS];
        let used = pack_text(&line, &mut packed);
        let mut words: Vec<u64, { TEXT_WORDS + 1 }> = Vec::new();
        // Room for both.
        let _ = words.push(index as u64);
        let _ = words.extend_from_slice(&packed[..used]);
        Answer::Words(words)
    }

    fn write_name(&self, index: usize, line: &mut dyn Write) -> fmt::Result {
        match self.system.components.get(index) {
            Some(component) => write!(line, "{}", component.name),
            None => match workers::place(self.ids[index]).and_then(|at| self.workers.number(at)) {
                Some(number) => write!(line, "worker-{number}"),
                None => write!(line, "process-{index}"),
            },
        }
    }

    /// Priority, which of the processes of its name it is, and when it ends by the clock.
    fn write_schedule(&self, index: usize, line: &mut dyn Write) -> fmt::Result {
        let Some(component) = self.system.components.get(index) else { return Ok(()) };
        let generation = self.ids[index].generation;
        write!(line, " priority={} generation={generation}", component.priority)?;
        match self.supervisor.deadline(index) {
            Some(end) => {
                let left = end.saturating_sub(timer::now()) / MILLISECOND;
                write!(line, " ttl_left_ms={left:<12}")
            }
            None => Ok(()),
        }
    }

    fn write_holdings(&self, index: usize, process: &Process, line: &mut dyn Write) -> fmt::Result {
        let plan = process.plan();
        write!(
            line,
            " untyped={} left={} slots={} pages={} tables={} tcb=1 cnode=1 endpoint={} \
             notification={} shared-pages={} calls=",
            process.memory(),
            process.memory() - plan.bytes(),
            process.slot_count(),
            plan.pages(),
            plan.tables(),
            u8::from(plan.serves),
            u8::from(plan.notified),
            process.shared_pages(),
        )?;
        let Some(component) = self.system.components.get(index) else {
            let server = self.system.workers.as_ref().map(|workers| usize::from(workers.server));
            let server = server.and_then(|server| self.system.components.get(server));
            return write!(line, "root-task,{}", server.map_or("", |server| &server.name));
        };
        for (number, target) in component.calls.iter().enumerate() {
            let name = match *target {
                Target::RootTask => "root-task",
                Target::Component(callee) => &self.system.components[usize::from(callee)].name,
            };
            write!(line, "{}{name}", if number > 0 { "," } else { "" })?;
        }
        Ok(())
    }
}
