//! The responses of the test agent.

use serde_json::Value;

use crate::schema::{Problem, problems};

pub(crate) const ZOMBIES: &str = r#"{"version":1,"host":"web-1","kernel":"6.18.44",
"source":"fentry","at":"2026-11-22T03:11:22Z","lost_events":3,"items":[
{"pid":42,"start_time":"2026-11-22T03:00:00Z","comm":"sh",
 "exit":{"kind":"exited","code":1,"signal":null},"died_at":null,"zombie_seconds":3.4,
 "age_is_lower_bound":true,"forker":null,
 "parent":{"pid":10,"start_time":null,"comm":"java"},"tracer":null,"held_before":[],"container":null,"parent_container":null,
 "verdict":null},
{"pid":43,"start_time":null,"comm":"\u001b[31m","exit":null,"died_at":null,
 "zombie_seconds":0.00085,"age_is_lower_bound":false,"forker":null,"parent":null,
 "tracer":null,"held_before":[],"container":null,"parent_container":null,"verdict":null}],"notes":[]}"#;

/// From a newer agent, which has names that this one does not know.
pub(crate) const NEWER_ZOMBIES: &str = r#"{"version":1,"host":"web-1","kernel":"6.18.44",
"source":"fprobe","at":"2026-11-22T03:11:22Z","lost_events":0,"items":[
{"pid":42,"start_time":null,"comm":"sh","exit":{"kind":"evicted","code":null,"signal":null},
 "died_at":null,"zombie_seconds":3.4,"age_is_lower_bound":true,"forker":null,"parent":null,
 "tracer":null,"container":null,"verdict":{"id":"sleeps_deeply","summary":"","evidence":[],
 "remedy":"","confidence":"sworn"}}]}"#;

pub(crate) const NO_ZOMBIES: &str = r#"{"version":1,"host":"web-1","kernel":"6.18.44",
"source":"fentry","at":"2026-11-22T03:11:22Z","lost_events":0,"unlisted_zombies":0,
"items":[]}"#;

pub(crate) const CULPRITS: &str = r#"{"version":1,"host":"web-1","kernel":"6.18.44",
"source":"fentry","at":"2026-11-22T03:11:22Z","lost_events":0,"items":[
{"process":{"pid":10,"start_time":null,"comm":"java"},"container":null,"zombies":2,
 "oldest_seconds":245.0,"oldest_is_lower_bound":false,"leaked_per_second":0.5,"reaped_total":7,
 "waits_total":8,"last_wait_at":"2026-11-22T03:11:20.123456789Z",
 "verdict":{"id":"parent_stopped","summary":"java (PID 10) is stopped",
  "evidence":["its only thread is stopped"],"remedy":"kill -CONT 10","confidence":"certain"}},
{"process":{"pid":11,"start_time":null,"comm":"sh"},"container":null,"zombies":1,
 "oldest_seconds":3.4,"oldest_is_lower_bound":true,"leaked_per_second":0.0,"reaped_total":0,
 "waits_total":null,"last_wait_at":null,"verdict":null}],
"pids":[{"scope":"node","container":null,"used":900,"limit":1000,"zombies":3,
 "leaked_per_second":0.5,"full_in_seconds":200.0}]}"#;

/// A zombie and its parent.
pub(crate) const EXPLAIN: &str = r#"{"version":1,"host":"web-1","kernel":"6.18.44",
"source":"fentry","at":"2026-11-22T03:12:22.5Z","lost_events":0,"pid":42,
"process":{"pid":42,"start_time":"2026-11-22T03:00:00Z","comm":"sh\u001b"},"state":"zombie",
"leader_exited":false,"threads":null,
"summary":"sh\u001b (PID 42) is a zombie: dead for 60s, and java (PID 10) has not reaped it",
"meaning":"A zombie runs no more.",
"timeline":[
 {"at":"2026-11-22T03:00:00Z","bound":"exact","what":"started: java (PID 10) created it"},
 {"at":null,"bound":"exact","what":"gdb (PID 7) traces it"},
 {"at":"2026-11-22T03:11:22.5Z","bound":"exact","what":"exited with code 3"}],
"phases":[{"name":"exit","seconds":0.00085,"bound":"exact","what":"until it was dead"},
 {"name":"zombie","seconds":60.0,"bound":"at_least","what":"waiting to be reaped"}],
"ancestry":[{"pid":10,"start_time":null,"comm":"java"},{"pid":1,"start_time":null,"comm":"init"}],
"forker":{"pid":10,"start_time":null,"comm":"java"},
"responsible":{"role":"parent","process":{"pid":10,"start_time":null,"comm":"java"},
 "container":null,"zombies":2,"oldest_seconds":245.0,"oldest_is_lower_bound":true,
 "leaked_per_second":0.5,"reaped_total":7,"waits_total":8,
 "last_wait_at":"2026-11-22T03:11:20.123456789Z","verdict":null,
 "p50_seconds":0.00085,"p99_seconds":0.0012},
"habits":null,"death":null,"container":null,
"verdict":{"id":"parent_stopped","summary":"java (PID 10) is stopped",
 "evidence":["its only thread is stopped"],"remedy":"kill -CONT 10","confidence":"certain"},
"earlier":[{"process":{"pid":42,"start_time":null,"comm":"ls"},
 "died_at":"2026-11-22T02:00:00Z","reaped_at":null}],
"advice":["look at java"]}"#;

pub(crate) const TOP: &str = r#"{"version":1,"host":"web-1","kernel":"6.18.44",
"source":"fentry","at":"2026-11-22T03:11:22.123456789Z","lost_events":0,"items":[{
"summary":{"zombies":2,"exits_total":1234,"reaped_total":1200,"uptime_seconds":312.0,
 "agent_version":"0.1.0"},
"parents":[
 {"process":{"pid":30,"start_time":null,"comm":"sh"},"zombies":0,"oldest_seconds":null,
  "oldest_is_lower_bound":false,"leaked_per_second":0.0,"reaped_per_second":100.0,
  "reaped_total":1100,"p50_seconds":null,"p99_seconds":null},
 {"process":{"pid":10,"start_time":null,"comm":"java"},"zombies":2,"oldest_seconds":15.0,
  "oldest_is_lower_bound":false,"leaked_per_second":0.5,"reaped_per_second":1.25,
  "reaped_total":100,"p50_seconds":0.00085,"p99_seconds":0.0012}],
"zombies":[]}]}"#;

pub(crate) const DOCTOR: &str = r#"{"version":1,"host":"web-1","kernel":"4.18.0","source":null,
"runs":false,
"facts":[{"name":"privileges","ok":false,"found":"no CAP_BPF","fix":"run it with sudo"}],
"probes":[{"probe":"zombie","hook":null,"required":true,"lost":"all","refused":["EPERM"]}]}"#;

/// Two deaths with a loss between them, one per line, and an empty line.
pub(crate) const EXITS: &str = concat!(
    r#"{"pid":42,"start_time":null,"comm":"sh","exit":{"kind":"killed","code":null,"#,
    r#""signal":"SIGKILL"},"forker":null,"parent":null,"tracer":null,"reaper":null,"#,
    r#""how":"wait","killer":{"process":{"pid":77,"start_time":null,"comm":"bash"},"#,
    r#""signal":"SIGKILL","at":"2026-11-22T03:11:22Z"},"began_at":null,"died_at":null,"#,
    r#""reaped_at":"2026-11-22T03:11:22.5Z","exit_seconds":0.1,"zombie_seconds":0.2,"#,
    r#""zombie_seconds_is_upper_bound":false,"kill_seconds":null,"container":null,"uid":0,"#,
    r#""resources":null}"#,
    "\n\n",
    r#"{"lost":4}"#,
    "\n",
    r#"{"pid":43,"start_time":null,"comm":"sh","exit":{"kind":"exited","code":0,"#,
    r#""signal":null},"forker":null,"parent":null,"tracer":null,"reaper":null,"#,
    r#""how":"autoreap","killer":null,"began_at":null,"died_at":null,"reaped_at":null,"#,
    r#""exit_seconds":null,"zombie_seconds":1.5,"zombie_seconds_is_upper_bound":true,"#,
    r#""kill_seconds":null,"container":null,"uid":0,"resources":null}"#,
    "\n"
);

/// They are those of older agents, so they may lack fields.
#[test]
fn the_documents_fit_the_schemas() {
    let lists = [
        ("zombies", ZOMBIES),
        ("zombies", NEWER_ZOMBIES),
        ("zombies", NO_ZOMBIES),
        ("culprits", CULPRITS),
        ("explain", EXPLAIN),
        ("top", TOP),
        ("doctor", DOCTOR),
    ];
    let lines = EXITS.lines().filter(|line| !line.is_empty());
    for (name, text) in lists.into_iter().chain(lines.map(|line| ("exits", line))) {
        let document: Value = serde_json::from_str(text).expect(name);
        let mut problems = problems(name, &document);
        problems.retain(|problem| !matches!(problem, Problem::Missing(_)));
        assert_eq!(problems, []);
    }
}

#[test]
fn values_and_fields_outside_of_the_schema_are_found() {
    let text = NO_ZOMBIES.replace(r#""host":"web-1""#, r#""host":1,"hots":2"#);
    let document = serde_json::from_str(&text).expect("JSON");
    let invalid = |problem: &Problem| matches!(problem, Problem::Invalid(_));
    let (invalid, missing): (Vec<_>, Vec<_>) = problems("zombies", &document)
        .into_iter()
        .partition(invalid);
    assert_eq!(
        (invalid.len(), missing.len()),
        (2, 2),
        "{invalid:?} {missing:?}"
    );
}
