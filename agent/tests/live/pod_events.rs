//! Events on a pod that leaks zombies: written through the API server, also after it has refused, and
//! after a restart of the agent.

use std::{fs, process};

use serde_json::Value;

use crate::agent::{Agent, eventually};
use crate::api_server::{Answer, ApiServer};
use crate::cgroup::Cgroup;
use crate::scenario::Leak;

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn a_pod_that_leaks_gets_one_event_also_after_refusals_and_a_restart() {
    let run = process::id();
    let uid = format!("{run:08x}-0000-4000-8000-5e1fe0e0e0e0");
    let id = format!("{run:0>64x}");
    let cgroup = Cgroup::unified(&format!("/kubepods/burstable/pod{uid}/{id}"));
    let leak = Leak::start(12);
    cgroup.set("cgroup.procs", &leak.pid().to_string());
    let pod = format!(
        r#"{{"metadata":{{"name":"web-0","namespace":"shop","uid":"{uid}"}},"spec":{{}},"status":{{"containerStatuses":[{{"name":"app","containerID":"containerd://{id}"}}]}}}}"#
    );
    let server = ApiServer::with(&[pod]);
    for _ in 0..2 {
        server.next_write(Answer::Status(403, "Forbidden"));
    }
    let url = server.url();
    let options = [
        "--node-name=node-a",
        "--kube-url",
        &url,
        "--pod-events",
        "--stale-after=0s",
    ];
    let agent = Agent::start(&options);
    let ours = || {
        let mut written = server.written();
        written.retain(|[_, _, object]| object.contains(&uid));
        written
    };
    assert!(eventually(|| ours().len() >= 3), "{:?}", server.written());
    let [method, path, object] = &ours()[2];
    let place = "/api/v1/namespaces/shop/events";
    assert_eq!([method.as_str(), path.as_str()], ["POST", place]);
    let object: Value = serde_json::from_str(object).expect("it is JSON");
    assert_eq!(object["involvedObject"]["name"], "web-0");
    assert_eq!(object["source"]["host"], "node-a");
    let message = object["message"].as_str().unwrap_or_default();
    for fact in [&leak.pid().to_string(), "12 zombies", "container app"] {
        assert!(message.contains(fact), "{message}");
    }
    let log = fs::read_to_string(agent.socket().with_extension("log")).expect("it logs there");
    let fix = "let the service account create and patch events";
    assert_eq!(log.matches(fix).count(), 1, "{log}");
    // A scrape is answered as ever, and nothing is written again so soon.
    assert!(agent.metric("reapwatch_exits_total", "") >= 0.0);
    assert_eq!(ours().len(), 3, "{:?}", server.written());
    drop(agent);
    let _next = Agent::start(&options);
    let stored = || {
        let mut events = server.events();
        events.retain(|event| event["involvedObject"]["uid"] == uid);
        events
    };
    let is_counted = || stored().iter().any(|event| event["count"] == 2);
    assert!(eventually(is_counted), "{:?}", server.written());
    let [event] = &stored()[..] else {
        panic!("{:?}", stored());
    };
    assert_eq!(event["reason"], "ZombieLeak");
}
