//! Facts about this machine.

use std::fs;
use std::path::Path;

use nix::unistd::Uid;

/// Whether we can install packages and load probes.
pub(crate) fn is_root() -> bool {
    Uid::effective().is_root()
}

/// Whether this is Debian, so that apt has the packages that we need.
pub(crate) fn is_debian() -> bool {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    release.lines().any(|line| line == "ID=debian")
}

/// Why the probes cannot be loaded here, if so.
pub(crate) fn no_probes() -> Option<String> {
    if is_root() {
        no_btf()
    } else {
        Some("loading probes needs root".to_owned())
    }
}

/// Why the kernel's types cannot be read here, if so.
pub(crate) fn no_btf() -> Option<String> {
    let there = Path::new("/sys/kernel/btf/vmlinux").exists();
    (!there).then(|| "this kernel has no BTF (/sys/kernel/btf/vmlinux)".to_owned())
}

/// The number of CPUs that this process may use.
pub(crate) fn cpus() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Processor, number of CPUs and kernel, in one line.
pub(crate) fn describe() -> String {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown processor", |(_, model)| model);
    let cpus = cpus();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{model}, {cpus} CPUs, Linux {}", kernel.trim())
}
