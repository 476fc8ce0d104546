//! Probe options.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, ValueEnum};

use super::values;

/// How an agent probes the kernel, also when it runs inside a view.
#[derive(Clone, Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
#[command(next_help_heading = "Probe options")]
pub struct ProbeArgs {
    /// Use this kind of hook instead of the best one that the kernel supports
    #[arg(long, value_name = "KIND")]
    pub hook: Option<HookKind>,
    /// Do not trace wait calls: cheaper, but some reap times become less exact
    #[arg(long)]
    pub no_syscall_tracepoints: bool,
    /// Size of the ring buffer between kernel and agent; a power of two
    #[arg(long, value_name = "SIZE", default_value = "2MiB", value_parser = values::ring_bytes)]
    pub ring_bytes: u32,
    /// How often to compare with a snapshot of all processes, to repair lost events
    #[arg(long, value_name = "DURATION", default_value = "60s",
          value_parser = values::reconcile_interval)]
    pub reconcile_every: Duration,
    /// Measure the steps of each exit; this makes each exit slightly slower
    #[arg(long)]
    pub steps: bool,
    /// Also measure how long each process spent in libc's exit (exit handlers, flushing buffers),
    /// by probes on the C libraries and static programs that processes use; new ones are found
    /// within 10 seconds. This needs CAP_SYS_ADMIN, which one thread of the agent keeps
    #[arg(long, requires = "steps")]
    pub libc_exit: bool,
    /// Count open pidfds of reaped processes by workload (reapwatch_dead_pidfds): at each scrape, the
    /// descriptors of all processes are looked at, for half a second at most
    #[arg(long)]
    pub dead_pidfds: bool,
    /// Where the host's root is mounted; its files have the names of containers and pods
    #[arg(long, value_name = "PATH", default_value = "/")]
    pub host_root: PathBuf,
    /// Also ask the container runtime for the names of pods and containers, over CRI; for example
    /// unix:///run/containerd/containerd.sock. Names from the pod watch come first, then these,
    /// then files. Access to this socket is equivalent to root on the host
    #[arg(long, value_name = "unix://PATH", value_parser = values::cri_endpoint)]
    pub cri_endpoint: Option<PathBuf>,
    /// Make the probes log each death that they send
    #[arg(long)]
    pub debug_probes: bool,
    /// Run even in a PID namespace that hides most processes, although the results are wrong; only
    /// for testing the package under a systemd in its own namespace
    #[arg(long, hide = true)]
    pub any_pid_namespace: bool,
}

/// A kind of kernel hook, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum HookKind {
    /// Function entry through a trampoline; needs BTF
    Fentry,
    /// Function entry through a breakpoint
    Kprobe,
    /// Tracepoints only
    Tracepoint,
}

/// Only the probe options, to get their defaults.
#[derive(Parser)]
struct Alone {
    #[command(flatten)]
    probes: ProbeArgs,
}

impl ProbeArgs {
    /// The options that differ from their defaults.
    pub fn asked(&self) -> Vec<&'static str> {
        let Alone { probes: usual } = Alone::parse_from([""]);
        let all = [
            ("--hook", self.hook != usual.hook),
            (
                "--no-syscall-tracepoints",
                self.no_syscall_tracepoints != usual.no_syscall_tracepoints,
            ),
            ("--ring-bytes", self.ring_bytes != usual.ring_bytes),
            (
                "--reconcile-every",
                self.reconcile_every != usual.reconcile_every,
            ),
            ("--steps", self.steps != usual.steps),
            ("--libc-exit", self.libc_exit != usual.libc_exit),
            ("--dead-pidfds", self.dead_pidfds != usual.dead_pidfds),
            ("--host-root", self.host_root != usual.host_root),
            ("--cri-endpoint", self.cri_endpoint != usual.cri_endpoint),
            ("--debug-probes", self.debug_probes != usual.debug_probes),
            (
                "--any-pid-namespace",
                self.any_pid_namespace != usual.any_pid_namespace,
            ),
        ];
        let asked = all.into_iter().filter(|(_, differs)| *differs);
        asked.map(|(name, _)| name).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_changed_options_are_listed() {
        let asked = |words: &[&str]| Alone::parse_from([&[""], words].concat()).probes.asked();
        assert!(asked(&[]).is_empty());
        assert_eq!(
            asked(&["--steps", "--hook", "kprobe"]),
            ["--hook", "--steps"]
        );
    }

    #[test]
    fn every_option_can_be_listed() {
        use clap::CommandFactory;
        let all = Alone::command().get_arguments().count();
        let every = "--hook kprobe --no-syscall-tracepoints --ring-bytes 8MiB \
                     --reconcile-every 5s --steps --libc-exit --dead-pidfds --host-root /host \
                     --cri-endpoint unix:///run/c.sock --debug-probes \
                     --any-pid-namespace";
        let words = std::iter::once("").chain(every.split_whitespace());
        assert_eq!(Alone::parse_from(words).probes.asked().len(), all);
    }
}
