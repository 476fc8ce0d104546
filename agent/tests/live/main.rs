//! The real agent on the real kernel, compared with deaths of known truth.
//!
//!     cargo test -p reapwatch --test live -- --ignored --test-threads=1
//!
//! Each test starts an agent of its own, so that several may share a machine with other agents
//! and with whatever else dies there: only the processes of the test's own scenarios are judged.

mod agent;
mod announced;
mod api_server;
mod browser;
mod cgroup;
mod clocks;
mod compare;
mod cri;
mod cri_server;
mod culprits;
mod deaths;
mod degraded;
mod explain;
mod floods;
mod followed;
mod held;
mod hierarchies;

mod host;
mod incident;
mod leaving;
mod libc_exit;
mod loaded;
mod matrix;
mod noise;
mod odd_names;
mod opens;
mod ordinary;
mod pids;
mod pod_events;
mod pod_watch;
mod privileges;
mod programs;
#[expect(dead_code, reason = "the tests of the command need more of it")]
#[path = "../cli/pty.rs"]
mod pty;
mod recording;
mod refusals;
mod remedies;
mod row;
mod scenario;
#[path = "../cli/schema.rs"]
mod schema;
mod slots;
mod steps;
mod stream;
mod stuck;
mod systemd;
mod terminal;
mod views;
mod web;
mod workloads;
mod zombies;
