//! What this process uses. I/O.

use rustix::time::{ClockId, clock_gettime};

use super::{memory, parse, proc};
use api::{AgentUse, Seconds};

/// Adds the CPU time and the memory of this process.
pub fn complete(agent: &mut AgentUse) {
    let cpu = clock_gettime(ClockId::ProcessCPUTime);
    agent.cpu_seconds = Some(Seconds(cpu.tv_sec as f64 + cpu.tv_nsec as f64 / 1e9));
    agent.memory_bytes = resident_bytes();
    agent.memory_limit_bytes = memory::own_limit_bytes();
}

fn resident_bytes() -> Option<u64> {
    let status = proc::text("/proc/self/status").ok()?;
    let resident = parse::field(&status, "VmRSS")?;
    let kilobytes: u64 = resident.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_memory_and_cpu_time() {
        let mut agent = AgentUse::default();
        complete(&mut agent);
        assert!(agent.memory_bytes > Some(1 << 20), "{agent:?}");
        assert!(agent.cpu_seconds.is_some_and(|it| it > 0.0), "{agent:?}");
    }
}
