//! All processes at one time: from the iter/task program if it loads, otherwise from /proc.

use std::{
    fs::File,
    io::{self, BufRead as _, BufReader, Read as _},
};

use super::{
    attach::{Attached, SNAPSHOT},
    clock, procfs,
    report::ProbeReport,
};
use model::events::{Snapshot, Tasks, decode_task};

/// Where snapshots come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The kernel's task iterator: exact start times, exit status and namespaces.
    Iterator,
    /// A walk of /proc.
    Procfs,
}

impl Source {
    /// Chooses the source, and reports it.
    pub(crate) fn choose(kernel: &Attached) -> (Self, ProbeReport) {
        let refused = kernel.iterator_refused.as_deref();
        let (source, hook, lost) = if refused.is_none() {
            (Self::Iterator, "iter:task", None)
        } else {
            let lost = "start times of zombies older than the agent are exact only to 10 ms";
            (Self::Procfs, "procfs", Some(lost.to_owned()))
        };
        let report = ProbeReport {
            probe: "snapshot",
            hook: Some(hook.to_owned()),
            required: false,
            lost,
            refused: refused
                .map(|why| format!("iter:task: {why}"))
                .into_iter()
                .collect(),
        };
        (source, report)
    }

    /// What takes a snapshot of all processes, on any thread.
    ///
    /// # Errors
    /// If the iterator or /proc cannot be read.
    pub(crate) fn prepare(
        self,
        kernel: &mut Attached,
    ) -> io::Result<impl FnOnce() -> io::Result<Snapshot> + Send + use<>> {
        let iterator = match self {
            Self::Iterator => Some(kernel.open_iterator(SNAPSHOT)?),
            Self::Procfs => None,
        };
        Ok(move || {
            // The reader's own wait for a CPU calibrates when the dead last ran.
            std::thread::sleep(std::time::Duration::from_micros(1));
            let begun_ns = clock::now_ns();
            let exact_start = iterator.is_some();
            let tasks = iterator.map_or_else(|| procfs::tasks().map(Tasks::from), read)?;
            Ok(Snapshot {
                begun_ns,
                ended_ns: clock::now_ns(),
                exact_start,
                tasks,
            })
        })
    }
}

fn read(iterator: File) -> io::Result<Tasks> {
    let mut records = BufReader::new(iterator);
    let mut record = [0; size_of::<wire::TaskRecord>()];
    let mut tasks = Tasks::default();
    while !records.fill_buf()?.is_empty() {
        records.read_exact(&mut record)?;
        tasks.push(decode_task(&record).map_err(io::Error::other)?);
    }
    Ok(tasks)
}
