//! The object: loads it with what it needs to know of this host, and attaches single hooks.

use std::{collections::HashSet, io};

use aya::{
    Btf, Ebpf, EbpfLoader, Pod,
    programs::{Program, ProgramError},
    util::KernelVersion,
};
use aya_log::Level;
use wire::{Machine, NO_OFFSET, Offsets, Options};

use super::{
    error::KernelError,
    hooks::{FREE, FREE_AS_REAP, Hook, HookKind, Point, TRANSITIONS, Transition},
    offsets::{self, Resolved},
    report::ProbeReport,
    steps::STEPS,
};
use crate::host::{cgroups::Version1, proc};

/// The kernel side, built by `cargo xtask ebpf`; a link, since a published package has only its own
/// folder.
const OBJECT: &[u8] = aya::include_bytes_aligned!("../../prebuilt/reapwatch.bpf.o");

/// What both iterate over.
const ITERATED: &str = "task";

#[derive(Clone, Copy)]
struct Plain<T>(T);
// SAFETY: `repr(C)`, integers only, no padding: `wire` asserts the sizes.
unsafe impl Pod for Plain<Offsets> {}
// SAFETY: as above.
unsafe impl Pod for Plain<Options> {}
// SAFETY: as above.
unsafe impl Pod for Plain<Machine> {}

#[cfg(target_arch = "x86_64")]
const MACHINE: Plain<Machine> = Plain(Machine::X86_64);
#[cfg(target_arch = "aarch64")]
const MACHINE: Plain<Machine> = Plain(Machine::AARCH64);

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
    /// Whether to probe C libraries for their exit.
    pub(crate) libc_exit: bool,
    /// Whether the probes log what they do.
    pub(crate) debug: bool,
    /// Whether to run even if not all processes are visible.
    pub(crate) any_pid_namespace: bool,
}

/// What the object needs to know of this host.
pub(super) struct Host {
    pub(super) config: Config,
    pub(super) types: Btf,
    resolved: Resolved,
    v1: Option<Version1>,
    /// How many slots for processes there are, a power of two.
    pub(super) slots: u32,
    /// Room for processes whose slot is taken.
    overflow: u32,
}

impl Host {
    pub(super) fn read(config: Config) -> Result<Self, KernelError> {
        let bytes = btf::read()?;
        let v1 = Version1::find();
        let all = btf::Btf::parse(&bytes)?;
        let resolved = offsets::resolve(&all, v1);
        if !resolved.missing.is_empty() {
            return Err(KernelError::Fields(resolved.missing.join(", ")));
        }
        let types = Btf::parse(&all.only(&type_names()), aya::Endianness::default())
            .map_err(|error| KernelError::Load(error.to_string()))?;
        let (slots, overflow) = slots(pid_max());
        Ok(Self {
            config,
            types,
            resolved,
            v1,
            slots,
            overflow,
        })
    }

    /// The object with its options and the running kernel's offsets; nothing is attached yet.
    pub(super) fn load(&self, direct_loads: bool) -> Result<Ebpf, KernelError> {
        let config = self.config;
        let offsets = Plain(Offsets {
            direct_loads: u32::from(direct_loads),
            ..self.resolved.offsets
        });
        let options = Plain(Options {
            exit_has_group_dead: u32::from(self.resolved.exit_has_group_dead),
            wake_bytes: config.ring_bytes / 2,
            victim_is_task: u32::from(self.resolved.victim_is_task),
            steps: u32::from(config.steps),
            cgroup_v1: self.v1.map_or(0, |v1| v1.hierarchy),
            slot_mask: self.slots - 1,
        });
        let level = if config.debug {
            Level::Debug
        } else {
            Level::Warn
        } as u8;
        EbpfLoader::new()
            .btf(Some(&self.types))
            .override_global("OFFSETS", &offsets, true)
            .override_global("OPTIONS", &options, true)
            .override_global("MACHINE", &MACHINE, true)
            .override_global(aya_log::LEVEL, &level, true)
            .map_max_entries("EVENTS", config.ring_bytes)
            .map_max_entries("SLOTS", self.slots)
            .map_max_entries("OVERFLOW", self.overflow)
            .load(OBJECT)
            .map_err(|error| KernelError::Load(chain(&error)))
    }

    /// Whether the kernel side can read a zombie's cgroup on hosts with cgroup v1.
    pub(super) fn report_v1(&self) -> Option<ProbeReport> {
        let v1 = self.v1?;
        let offsets = self.resolved.offsets;
        let found = offsets.css_set_v1_css != NO_OFFSET && offsets.css_cgroup != NO_OFFSET;
        Some(ProbeReport {
            probe: "cgroup_v1",
            hook: found.then(|| format!("css_set:{}", v1.controller)),
            required: false,
            lost: (!found)
                .then(|| "a zombie's own cgroup; its parent's is shown instead".to_owned()),
            refused: Vec::new(),
        })
    }
}

/// Whether this kernel has the helper that returns the current task with its type
/// (`bpf_get_current_task_btf`); otherwise, what it lacks.
pub(super) fn may_load_directly() -> Result<(), String> {
    let is_enough = |kernel| kernel >= KernelVersion::new(5, 11, 0);
    if KernelVersion::current().is_ok_and(is_enough) {
        Ok(())
    } else {
        Err("needs Linux 5.11".to_owned())
    }
}

/// The kernel's limit of PIDs.
fn pid_max() -> Option<u32> {
    proc::text("/proc/sys/kernel/pid_max")
        .ok()?
        .trim()
        .parse()
        .ok()
}

/// How many slots there are, and the room for processes whose slot is taken. No two processes share
/// a slot if there is one for each PID.
fn slots(pid_max: Option<u32>) -> (u32, u32) {
    match pid_max {
        Some(most @ 1..=wire::MOST_SLOTS) => (most.next_power_of_two(), 1),
        _ => (wire::MOST_SLOTS, wire::OVERFLOW),
    }
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

/// Attaches all programs of a hook, or none.
pub(super) fn attach_hook(ebpf: &mut Ebpf, types: &Btf, hook: &Hook) -> Result<(), ProgramError> {
    for (done, (name, point)) in hook.programs.iter().enumerate() {
        let attached = match ebpf.program_mut(name) {
            Some(program) => attach_program(program, *point, types),
            None => Err(ProgramError::UnexpectedProgramType),
        };
        if let Err(error) = attached {
            log::debug!("{name}: attach failed: {}", chain(&error));
            for (name, _) in &hook.programs[..=done] {
                unload(ebpf, name);
            }
            return Err(error);
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

pub(super) fn load_iterator(ebpf: &mut Ebpf, name: &str, types: &Btf) -> Result<(), String> {
    match ebpf.program_mut(name) {
        Some(Program::Iter(program)) => program.load(ITERATED, types).map_err(|error| {
            log::debug!("{name}: load failed: {}", chain(&error));
            reason(&error)
        }),
        _ => Err("not in the object".to_owned()),
    }
}

pub(super) fn unload(ebpf: &mut Ebpf, name: &str) {
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
pub(super) fn reason(error: &ProgramError) -> String {
    match error {
        ProgramError::LoadError { io_error, .. } => plain(io_error),
        ProgramError::SyscallError(error) => plain(&error.io_error),
        other if chain(other).contains("devices/kprobe/type") => {
            "this kernel is built without kprobes".to_owned()
        }
        other => chain(other),
    }
}

/// Whether the kernel's verifier refused the program itself. Missing privileges give EPERM.
pub(super) fn is_from_verifier(error: &ProgramError) -> bool {
    let ProgramError::LoadError { io_error, .. } = error else {
        return false;
    };
    let refusals = [libc::EACCES, libc::EINVAL, libc::E2BIG];
    io_error
        .raw_os_error()
        .is_some_and(|code| refusals.contains(&code))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_one_slot_per_pid_none_is_shared() {
        assert_eq!(slots(Some(32_768)), (32_768, 1));
        assert_eq!(slots(Some(5_000)), (8_192, 1));
        let shared = (wire::MOST_SLOTS, wire::OVERFLOW);
        assert_eq!(slots(Some(4_194_304)), shared);
        assert_eq!(slots(None), shared);
    }
}
