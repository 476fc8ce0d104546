//! Finds the best hook that this kernel accepts for each transition, and attaches
//! it.
//!
//! Everything is held by file descriptors of this process, so nothing remains when it ends.

use std::{
    fs, io,
    os::fd::{AsFd, AsRawFd},
};

use aya::{
    Ebpf,
    maps::{MapData, PerCpuArray, RingBuf},
    programs::Program,
};
use aya_log::EbpfLogger;
use wire::{counter, holds};

use super::{
    board::Board,
    error::{KernelError, with_causes},
    hooks::{FREE, FREE_AS_REAP, Hook, HookKind, TRANSITIONS, Transition},
    libc_exit, memlock,
    object::{self, Config, Host},
    privileges,
    report::ProbeReport,
    steps::STEPS,
    tracefs,
    visibility::PidNamespace,
};
use crate::host::proc;
use crate::memory;

/// The iterator that lists all processes.
pub(super) const SNAPSHOT: &str = "snapshot";
/// The iterator that lists the threads of dying processes.
pub(super) const STACKS: &str = "stacks";

/// The loaded and attached kernel side.
pub(crate) struct Attached {
    /// The stream of records.
    pub(crate) events: RingBuf<MapData>,
    /// The probes' own log, if requested.
    pub(crate) log: Option<EbpfLogger<&'static dyn log::Log>>,
    /// What is attached where.
    pub(crate) probes: Vec<ProbeReport>,
    /// The weakest hook kind among the transitions that matter.
    pub(crate) source: HookKind,
    /// Ordinary deaths, which are not sent.
    pub(crate) board: Board,
    counters: PerCpuArray<MapData, [u64; counter::COUNT]>,
    ebpf: Ebpf,
    /// Why the task iterator was refused, if it was.
    pub(super) iterator_refused: Option<String>,
    /// Why the stack iterator was refused, if it was.
    pub(super) stacks_refused: Option<String>,
}

/// The counters, summed over all CPUs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    /// By [`wire::counter`].
    pub(crate) values: [u64; counter::COUNT],
}

/// Loads and attaches.
///
/// # Errors
/// If no death can be measured.
pub(crate) fn attach(config: Config) -> Result<Attached, KernelError> {
    if !config.any_pid_namespace {
        PidNamespace::own().check()?;
    }
    if !privileges::may_load() {
        return Err(KernelError::Privileges(privileges::fix_for_loading()));
    }
    memlock::raise();
    let attached = tracefs::with_tracefs(|| load_and_attach(config));
    // Some 20 MB that parsing the kernel's types took.
    memory::give_back();
    attached.map_err(|error| match (&error, memlock::limit()) {
        (KernelError::Load(_) | KernelError::Required(..), Some(bytes)) => {
            KernelError::Memlock(bytes / 1024)
        }
        _ => error,
    })
}

fn load_and_attach(config: Config) -> Result<Attached, KernelError> {
    let host = Host::read(config)?;
    let refused = match object::may_load_directly() {
        Err(lack) => lack,
        Ok(()) => match Attaching::all(&host, None) {
            Ok(done) => match done.verifier_refused {
                None => return done.finish(),
                Some(program) => program,
            },
            Err(error) => error.to_string(),
        },
    };
    log::debug!("no direct loads, all reads go through a helper: {refused}");
    Attaching::all(&host, Some(refused))?.finish()
}

/// Hooks being attached.
struct Attaching<'a> {
    host: &'a Host,
    ebpf: Ebpf,
    probes: Vec<ProbeReport>,
    source: HookKind,
    /// Whether a hook sees reaps.
    sees_reaps: bool,
    iterator_refused: Option<String>,
    stacks_refused: Option<String>,
    /// Which program the verifier refused, and why.
    verifier_refused: Option<String>,
    libraries: Option<libc_exit::Later>,
}

impl<'a> Attaching<'a> {
    /// Attaches a hook for each transition. Fields are loaded through typed pointers unless that was
    /// refused. The iterators come first: they read the most fields, so they show at once whether
    /// the verifier accepts that.
    fn all(host: &'a Host, no_direct_loads: Option<String>) -> Result<Self, KernelError> {
        let directly = no_direct_loads.is_none();
        let mut ebpf = host.load(directly)?;
        let mut load = |name| object::load_iterator(&mut ebpf, name, &host.types).err();
        let (snapshot, stacks) = (load(SNAPSHOT), load(STACKS));
        let refused = snapshot.as_ref().or(stacks.as_ref());
        let refused = refused.map(|why| format!("iter:task: {why}"));
        let mut all = Self {
            host,
            ebpf,
            probes: Vec::new(),
            source: HookKind::Fentry,
            sees_reaps: false,
            verifier_refused: refused.filter(|_| directly),
            iterator_refused: snapshot,
            stacks_refused: stacks,
            libraries: None,
        };
        if all.verifier_refused.is_none() {
            all.transitions()?;
        }
        all.probes.push(ProbeReport::of_loads(no_direct_loads));
        Ok(all)
    }

    fn transitions(&mut self) -> Result<(), KernelError> {
        if self.host.config.steps && self.best(&STEPS)?.is_none() {
            log::warn!(
                "--steps: this kernel can measure only the step waiting_for_siblings; `reapwatch \
                 doctor --steps` shows why"
            );
        }
        for transition in TRANSITIONS {
            let kind = self.best(transition)?;
            if let (true, Some(kind)) = (transition.decides_source, kind) {
                self.source = self.source.max(kind);
            }
            if transition.name == "reap" {
                self.sees_reaps = kind.is_some();
                let exact = matches!(kind, Some(HookKind::Fentry | HookKind::Kprobe));
                self.best(if exact { &FREE } else { &FREE_AS_REAP })?;
            }
        }
        self.probes.extend(self.host.report_v1());
        if self.host.config.libc_exit {
            let (report, later) = libc_exit::attach(&mut self.ebpf);
            self.probes.push(report);
            self.libraries = later;
        }
        Ok(())
    }

    /// Tries the hooks of one transition, best first.
    fn best(&mut self, transition: &Transition) -> Result<Option<HookKind>, KernelError> {
        let mut refused = Vec::new();
        for hook in allowed(transition, self.host.config) {
            match object::attach_hook(&mut self.ebpf, &self.host.types, hook) {
                Ok(()) => {
                    log::debug!("{}: attached to {}", transition.name, hook.label());
                    for name in hook.replaces {
                        object::unload(&mut self.ebpf, name);
                    }
                    self.probes.push(ProbeReport {
                        probe: transition.name,
                        hook: Some(hook.label()),
                        required: transition.required,
                        lost: hook.lost.map(str::to_owned),
                        refused,
                    });
                    return Ok(Some(hook.kind));
                }
                Err(error) => {
                    let why = format!("{}: {}", hook.label(), object::reason(&error));
                    if object::is_from_verifier(&error) {
                        self.verifier_refused.get_or_insert(why.clone());
                    }
                    refused.push(why);
                }
            }
        }
        if transition.required {
            return Err(KernelError::Required(transition.name, refused.join("; ")));
        }
        self.probes.push(ProbeReport {
            probe: transition.name,
            hook: None,
            required: false,
            lost: Some(transition.lost_without.to_owned()),
            refused,
        });
        Ok(None)
    }

    /// Which ordinary deaths the kernel side may hold back until their reap. What only user space can
    /// tell of a reap must be sent: steps, and reaps that tracepoints see by a number in a nested
    /// namespace. The snapshot must know which zombies are held back.
    fn may_hold(&self) -> u32 {
        if !self.sees_reaps || self.host.config.steps || self.iterator_refused.is_some() {
            return holds::NONE;
        }
        match self.source {
            HookKind::Fentry | HookKind::Kprobe => holds::ALL,
            HookKind::Tracepoint => holds::INITIAL_NAMESPACE,
        }
    }

    fn finish(mut self) -> Result<Attached, KernelError> {
        if let Some(libraries) = self.libraries.take() {
            libraries.start()?;
        }
        let log = self.host.config.debug;
        let log = log.then(|| EbpfLogger::init(&mut self.ebpf));
        let log = log.and_then(|log| {
            log.inspect_err(|error| log::warn!("cannot read the probes' log: {error}"))
                .ok()
        });
        let lacking = |name: &str| KernelError::Load(format!("the object has no map {name}"));
        let events = self.ebpf.take_map("EVENTS");
        let events = events.and_then(|map| RingBuf::try_from(map).ok());
        let may_hold = self.may_hold();
        let board = Board::take(&mut self.ebpf, self.host.slots - 1, may_hold)?;
        let counters = self.ebpf.take_map("COUNTERS");
        let counters = counters.and_then(|map| PerCpuArray::try_from(map).ok());
        Ok(Attached {
            events: events.ok_or_else(|| lacking("EVENTS"))?,
            counters: counters.ok_or_else(|| lacking("COUNTERS"))?,
            board,
            log,
            probes: self.probes,
            source: self.source,
            ebpf: self.ebpf,
            iterator_refused: self.iterator_refused,
            stacks_refused: self.stacks_refused,
        })
    }
}

/// The hooks allowed by the options. A forced kind applies only to transitions that have it.
fn allowed(transition: &Transition, config: Config) -> impl Iterator<Item = &Hook> {
    let force = config
        .force
        .filter(|kind| transition.hooks.iter().any(|hook| hook.kind == *kind));
    let syscalls = config.syscall_tracepoints;
    transition
        .hooks
        .iter()
        .filter(move |hook| force.is_none_or(|kind| hook.kind == kind))
        .filter(move |hook| syscalls || !hook.slows_system_calls)
}

impl Attached {
    /// The kernel's counters now.
    ///
    /// # Errors
    /// If the map cannot be read.
    pub(crate) fn counters(&self) -> io::Result<Counters> {
        let mut counters = Counters::default();
        let cpus = self.counters.get(&0, 0).map_err(with_causes)?;
        for of_cpu in cpus.iter() {
            for (sum, value) in counters.values.iter_mut().zip(of_cpu) {
                *sum += value;
            }
        }
        Ok(counters)
    }

    /// What reads, on any thread, how many probe runs the kernel skipped because one was already
    /// running on that CPU. fdinfo has this count since Linux 5.12; 0 before.
    pub(crate) fn skipped_runs(&self) -> impl FnOnce() -> u64 + Send + use<> {
        let programs = self.ebpf.programs();
        let files: Vec<_> = programs
            .filter_map(|(_, program)| Some(program.fd().ok()?.as_fd().as_raw_fd()))
            .collect();
        let skipped = |fd| {
            let info = proc::text(format!("/proc/self/fdinfo/{fd}")).ok()?;
            let mut lines = info.lines();
            let count = lines.find_map(|line| line.strip_prefix("recursion_misses:"))?;
            count.trim().parse::<u64>().ok()
        };
        move || files.into_iter().filter_map(skipped).sum()
    }

    /// Whether this thread can read the counters and the iterator with its current capabilities.
    pub(crate) fn can_be_read(&mut self) -> bool {
        let iterator = self.iterator_refused.is_some() || self.open_iterator(SNAPSHOT).is_ok();
        iterator && self.counters().is_ok()
    }

    /// Passes the probes' log on.
    pub(crate) fn flush_log(&mut self) {
        if let Some(log) = &mut self.log {
            log.flush();
        }
    }

    /// A file that reads the output of an iterator program, [`SNAPSHOT`] or [`STACKS`].
    pub(super) fn open_iterator(&mut self, name: &str) -> io::Result<fs::File> {
        let Some(Program::Iter(program)) = self.ebpf.program_mut(name) else {
            return Err(io::Error::other(format!("the object has no {name}")));
        };
        let link = program.attach().map_err(with_causes)?;
        let link = program.take_link(link).map_err(with_causes)?;
        link.into_file().map_err(with_causes)
    }
}

impl Counters {
    /// One of [`wire::counter`].
    pub(crate) fn get(&self, index: u32) -> u64 {
        self.values[index as usize]
    }
}
