//! Facts of the host: files of /proc and of cgroups, the container runtime, the API server.

pub mod actor;
pub mod cgroup_lookup;
pub mod cgroups;
pub mod container_names;
pub mod cri;
pub mod ends;
pub mod kubernetes;
pub mod membership;
pub mod memory;
pub mod mounts;
pub mod own;
pub mod parse;
pub mod pids;
pub mod proc;
pub mod process;
pub mod refusal;
pub mod stat;
pub mod stuck;
pub mod suspects;
