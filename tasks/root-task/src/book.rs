//! What each process holds, from the root task's own book.

use core::fmt::{self, Write};

use abi::service::{MAX_LINE, TEXT_WORDS, pack_text};
use heapless::{String, Vec};
use manifest::Target;
use objects::process::Process;

use crate::root::{PROCESSES, Root};
use crate::serve::Answer;
use crate::workers;

impl Root {
    /// The first process from `index` on: its index and a line about it.
    pub(crate) fn process_line(&self, index: u64) -> Answer {
        let first = usize::try_from(index).unwrap_or(PROCESSES);
        let known = self.processes.iter().enumerate().skip(first);
        let found = known.flat_map(|(index, process)| Some((index, process.as_ref()?))).next();
        let Some((index, process)) = found else { return Answer::words(&[]) };
        let mut line = String::<MAX_LINE>::new();
        // What no longer fits is cut.
        let _ = self.describe(index, process, &mut line);
        let mut packed = [0; TEXT_WORDS];
        let used = pack_text(&line, &mut packed);
        let mut words: Vec<u64, { TEXT_WORDS + 1 }> = Vec::new();
        // Room for both.
        let _ = words.push(index as u64);
        let _ = words.extend_from_slice(&packed[..used]);
        Answer::Words(words)
    }

    fn describe(&self, index: usize, process: &Process, line: &mut dyn Write) -> fmt::Result {
        match self.system.components.get(index) {
            Some(component) => write!(line, "{}", component.name)?,
            None => match workers::place(self.ids[index]).and_then(|at| self.workers.number(at)) {
                Some(number) => write!(line, "worker-{number}")?,
                None => write!(line, "process-{index}")?,
            },
        }
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
