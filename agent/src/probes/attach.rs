//! Loads the object, finds the best hook that this kernel accepts for each transition, and attaches
//! it.
//!
//! Everything is held by file descriptors of this process, so nothing remains when it ends.

use std::{
    collections::HashSet,
    fs, io,
    os::fd::{AsFd, AsRawFd},
};

use aya::{
    Btf, Ebpf, EbpfLoader, Pod,
    maps::{MapData, PerCpuArray, RingBuf},
    programs::{Program, ProgramError},
};
use aya_log::{EbpfLogger, Level};
use wire::{NO_OFFSET, Offsets, Options, counter};

use super::{
    error::KernelError,
    hooks::{FREE, FREE_AS_REAP, Hook, HookKind, Point, TRANSITIONS, Transition},
    memlock, offsets, privileges,
    steps::STEPS,
    tracefs,
    visibility::PidNamespace,
};
use crate::host::cgroups::Version1;
use crate::host::proc;
use crate::memory;

/// The kernel side, built by `cargo xtask ebpf`.
const OBJECT: &[u8] = aya::include_bytes_aligned!("../../../ebpf/prebuilt/reapwatch.bpf.o");

/// The iterator that lists all processes.
pub(super) const SNAPSHOT: &str = "snapshot";
/// The iterator that lists the threads of dying processes.
pub(super) const STACKS: &str = "stacks";
/// What both iterate over.
const ITERATED: &str = "task";

/// Options of the loader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub(crate) struct Config {
    /// Size of the event ring in bytes: a power of two, at least a page.
    pub(crate) ring_bytes: u32,
    /// Use only this kind of hook, for transitions that have it.
    pub(crate) force: Option<HookKind>,
    /// Whether hooks may run at the end of every system call.
    pub(crate) syscall_tracepoints: bool,
    /// Whether to measure the steps of each exit.
    pub(crate) steps: bool,
    /// Whether the probes log what they do.
    pub(crate) debug: bool,
    /// Whether to run even if not all processes are visible.
    pub(crate) any_pid_namespace: bool,
}

/// One transition and the result of attaching it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProbeReport {
    /// The transition.
    pub(crate) probe: &'static str,
    /// The hook in use.
    pub(crate) hook: Option<String>,
    /// Whether the agent cannot run without it.
    pub(crate) required: bool,
    /// What is lost.
    pub(crate) lost: Option<String>,
    /// Each better hook with the reason why it was refused.
    pub(crate) refused: Vec<String>,
}

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
    counters: PerCpuArray<MapData, u64>,
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
    pub(crate) values: [u64; counter::COUNT as usize],
}

#[derive(Clone, Copy)]
struct Plain<T>(T);
// SAFETY: `repr(C)`, integers only, no padding: `wire` asserts the sizes.
unsafe impl Pod for Plain<Offsets> {}
// SAFETY: as above.
unsafe impl Pod for Plain<Options> {}

/// Loads and attaches.
///
/// # Errors
/// If no death can be measured.
pub(crate) fn attach(config: Config) -> Result<Attached, KernelError> {
    if !config.any_pid_namespace {
        PidNamespace::own().check()?;
    }
    if !privileges::may_load() {
        return Err(KernelError::Privileges);
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
    let bytes = btf::read()?;
    let v1 = Version1::find();
    let all = btf::Btf::parse(&bytes)?;
    let resolved = offsets::resolve(&all, v1);
    if !resolved.missing.is_empty() {
        return Err(KernelError::Fields(resolved.missing.join(", ")));
    }
    let types = Btf::parse(&all.only(&type_names()), aya::Endianness::default())
        .map_err(|error| KernelError::Load(error.to_string()))?;
    let mut ebpf = load(config, &resolved, v1, &types)?;
    let mut probes = Vec::new();
    let mut source = HookKind::Fentry;
    if config.steps && attach_best(&mut ebpf, &types, &STEPS, config, &mut probes)?.is_none() {
        log::warn!(
            "--steps: this kernel can measure only the step waiting_for_siblings; `reapwatch \
             doctor --steps` shows why"
        );
    }
    for transition in TRANSITIONS {
        let kind = attach_best(&mut ebpf, &types, transition, config, &mut probes)?;
        if let (true, Some(kind)) = (transition.decides_source, kind) {
            source = source.max(kind);
        }
        if transition.name == "reap" {
            let exact = matches!(kind, Some(HookKind::Fentry | HookKind::Kprobe));
            let free = if exact { &FREE } else { &FREE_AS_REAP };
            attach_best(&mut ebpf, &types, free, config, &mut probes)?;
        }
    }
    probes.extend(v1.map(|v1| report_v1(v1, &resolved.offsets)));
    let iterator_refused = load_iterator(&mut ebpf, SNAPSHOT, &types).err();
    let stacks_refused = load_iterator(&mut ebpf, STACKS, &types).err();
    let log = config.debug.then(|| EbpfLogger::init(&mut ebpf));
    let log = log.and_then(|log| {
        log.inspect_err(|error| log::warn!("cannot read the probes' log: {error}"))
            .ok()
    });
    let lacking = |name: &str| KernelError::Load(format!("the object has no map {name}"));
    let events = ebpf
        .take_map("EVENTS")
        .and_then(|map| RingBuf::try_from(map).ok());
    let counters = ebpf
        .take_map("COUNTERS")
        .and_then(|map| PerCpuArray::try_from(map).ok());
    Ok(Attached {
        events: events.ok_or_else(|| lacking("EVENTS"))?,
        counters: counters.ok_or_else(|| lacking("COUNTERS"))?,
        log,
        probes,
        source,
        ebpf,
        iterator_refused,
        stacks_refused,
    })
}

/// The BTF names of all functions and tracepoints that programs may attach to.
fn type_names() -> HashSet<Vec<u8>> {
    let apart = [&STEPS, &FREE, &FREE_AS_REAP];
    let transitions = TRANSITIONS.iter().chain(apart);
    let iterator = format!("bpf_iter_{ITERATED}");
    transitions
        .flat_map(Transition::type_names)
        .chain([iterator])
        .map(String::into_bytes)
        .collect()
}

/// The object with its options and the running kernel's offsets; nothing is attached yet.
fn load(
    config: Config,
    resolved: &offsets::Resolved,
    v1: Option<Version1>,
    types: &Btf,
) -> Result<Ebpf, KernelError> {
    let offsets = Plain(resolved.offsets);
    let options = Plain(Options {
        exit_has_group_dead: u32::from(resolved.exit_has_group_dead),
        wake_bytes: config.ring_bytes / 2,
        victim_is_task: u32::from(resolved.victim_is_task),
        steps: u32::from(config.steps),
        cgroup_v1: v1.map_or(0, |v1| v1.hierarchy),
    });
    let level = if config.debug {
        Level::Debug
    } else {
        Level::Warn
    } as u8;
    EbpfLoader::new()
        .btf(Some(types))
        .override_global("OFFSETS", &offsets, true)
        .override_global("OPTIONS", &options, true)
        .override_global(aya_log::LEVEL, &level, true)
        .map_max_entries("EVENTS", config.ring_bytes)
        .map_max_entries("STEPPING", if config.steps { wire::STEPPING } else { 1 })
        .load(OBJECT)
        .map_err(|error| KernelError::Load(chain(&error)))
}

/// Whether the kernel side can read a zombie's cgroup on hosts with cgroup v1.
fn report_v1(v1: Version1, offsets: &Offsets) -> ProbeReport {
    let found = offsets.css_set_v1_css != NO_OFFSET && offsets.css_cgroup != NO_OFFSET;
    ProbeReport {
        probe: "cgroup_v1",
        hook: found.then(|| format!("css_set:{}", v1.controller)),
        required: false,
        lost: (!found).then(|| "a zombie's own cgroup; its parent's is shown instead".to_owned()),
        refused: Vec::new(),
    }
}

/// Tries the hooks of one transition, best first.
fn attach_best(
    ebpf: &mut Ebpf,
    types: &Btf,
    transition: &Transition,
    config: Config,
    probes: &mut Vec<ProbeReport>,
) -> Result<Option<HookKind>, KernelError> {
    let mut refused = Vec::new();
    for hook in allowed(transition, config) {
        match attach_hook(ebpf, types, hook) {
            Ok(()) => {
                log::debug!("{}: attached to {}", transition.name, hook.label());
                probes.push(ProbeReport {
                    probe: transition.name,
                    hook: Some(hook.label()),
                    required: transition.required,
                    lost: hook.lost.map(str::to_owned),
                    refused,
                });
                return Ok(Some(hook.kind));
            }
            Err(why) => refused.push(format!("{}: {why}", hook.label())),
        }
    }
    if transition.required {
        return Err(KernelError::Required(transition.name, refused.join("; ")));
    }
    probes.push(ProbeReport {
        probe: transition.name,
        hook: None,
        required: false,
        lost: Some(transition.lost_without.to_owned()),
        refused,
    });
    Ok(None)
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

/// Attaches all programs of a hook, or none.
fn attach_hook(ebpf: &mut Ebpf, types: &Btf, hook: &Hook) -> Result<(), String> {
    for (done, (name, point)) in hook.programs.iter().enumerate() {
        let program = ebpf.program_mut(name).ok_or("not in the object")?;
        if let Err(error) = attach_program(program, *point, types) {
            log::debug!("{name}: attach failed: {}", chain(&error));
            for (name, _) in &hook.programs[..=done] {
                unload(ebpf, name);
            }
            return Err(reason(&error));
        }
    }
    Ok(())
}

fn attach_program(program: &mut Program, point: Point, types: &Btf) -> Result<(), ProgramError> {
    match (program, point) {
        (Program::FEntry(program), Point::Function(function)) => {
            program.load(function, types)?;
            program.attach()?;
        }
        (Program::FEntry(program), Point::Renamed(before, after)) => {
            match program.load(before, types) {
                // This kernel has no such function.
                Err(ProgramError::Btf(_)) => program.load(after, types)?,
                other => other?,
            }
            program.attach()?;
        }
        (Program::KProbe(program), Point::Function(function)) => {
            program.load()?;
            program.attach(function, 0)?;
        }
        (Program::KProbe(program), Point::Renamed(before, after)) => {
            program.load()?;
            program
                .attach(before, 0)
                .or_else(|_| program.attach(after, 0))?;
        }
        (Program::BtfTracePoint(program), Point::Typed(name)) => {
            program.load(name, types)?;
            program.attach()?;
        }
        (Program::TracePoint(program), Point::Classic(category, name)) => {
            program.load()?;
            program.attach(category, name)?;
        }
        _ => return Err(ProgramError::UnexpectedProgramType),
    }
    Ok(())
}

fn load_iterator(ebpf: &mut Ebpf, name: &str, types: &Btf) -> Result<(), String> {
    match ebpf.program_mut(name) {
        Some(Program::Iter(program)) => program.load(ITERATED, types).map_err(|error| {
            log::debug!("{name}: load failed: {}", chain(&error));
            reason(&error)
        }),
        _ => Err("not in the object".to_owned()),
    }
}

fn unload(ebpf: &mut Ebpf, name: &str) {
    let result = match ebpf.program_mut(name) {
        Some(Program::FEntry(program)) => program.unload(),
        Some(Program::KProbe(program)) => program.unload(),
        Some(Program::BtfTracePoint(program)) => program.unload(),
        Some(Program::TracePoint(program)) => program.unload(),
        _ => return,
    };
    match result {
        Ok(()) | Err(ProgramError::NotLoaded) => {}
        Err(error) => log::warn!("{name}: unload failed: {error}"),
    }
}

/// The kernel's error, without the verifier's log.
fn reason(error: &ProgramError) -> String {
    match error {
        ProgramError::LoadError { io_error, .. } => plain(io_error),
        ProgramError::SyscallError(error) => plain(&error.io_error),
        other if chain(other).contains("devices/kprobe/type") => {
            "this kernel is built without kprobes".to_owned()
        }
        other => chain(other),
    }
}

/// The error without its number.
fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error")
        .next()
        .unwrap_or_default()
        .to_owned()
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

impl Attached {
    /// The kernel's counters now.
    ///
    /// # Errors
    /// If the map cannot be read.
    pub(crate) fn counters(&self) -> io::Result<Counters> {
        let mut counters = Counters::default();
        for (index, value) in (0..).zip(&mut counters.values) {
            let cpus = self.counters.get(&index, 0).map_err(io::Error::other)?;
            *value = cpus.iter().sum();
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
        let link = program.attach().map_err(io::Error::other)?;
        let link = program.take_link(link).map_err(io::Error::other)?;
        link.into_file().map_err(io::Error::other)
    }
}

impl ProbeReport {
    /// The transition and its hook, if it has one.
    pub(crate) fn attached(&self) -> Option<(String, String)> {
        Some((self.probe.to_owned(), self.hook.clone()?))
    }
}

impl Counters {
    /// One of [`wire::counter`].
    pub(crate) fn get(&self, index: u32) -> u64 {
        self.values[index as usize]
    }
}
