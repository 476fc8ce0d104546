//! Pods like those of the agent, each without one of its privileges: `doctor` in them says what is
//! missing, and how to fix that. Its ClusterRole is taken away in `names`.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::{NODES, soon};
use crate::cluster::{agents, kubectl, timeline::Timeline};

const REAPWATCH: &str = "--namespace=reapwatch";

/// Where a pod has the token of its service account.
const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// What the component pod-events sets.
const EVENTS: &str = "REAPWATCH_POD_EVENTS";
/// A user that is not root.
const NOBODY: u32 = 65534;

/// What is taken away.
enum Taken {
    Capability(&'static str),
    /// The volume of this name.
    Volume(&'static str),
    HostPid,
    Root,
    Token,
}

struct Case {
    name: &'static str,
    taken: Taken,
    /// Whether an agent can run without it.
    runs: bool,
    /// Words of what `doctor` says.
    says: &'static str,
}

const CASES: [Case; 8] = [
    Case {
        name: "bpf",
        taken: Taken::Capability("BPF"),
        runs: false,
        says: "BPF and PERFMON to its container",
    },
    Case {
        name: "perfmon",
        taken: Taken::Capability("PERFMON"),
        runs: false,
        says: "BPF and PERFMON to its container",
    },
    Case {
        name: "sys-ptrace",
        taken: Taken::Capability("SYS_PTRACE"),
        runs: true,
        says: "not visible for other processes",
    },
    Case {
        name: "cgroup",
        taken: Taken::Volume("cgroup"),
        runs: true,
        says: "only a part of their tree",
    },
    Case {
        name: "container-logs",
        taken: Taken::Volume("container-logs"),
        runs: true,
        says: "/host does not exist",
    },
    Case {
        name: "host-pid",
        taken: Taken::HostPid,
        runs: false,
        says: "hostPID: true",
    },
    Case {
        name: "root",
        taken: Taken::Root,
        runs: false,
        says: "runAsUser: 0",
    },
    Case {
        name: "token",
        taken: Taken::Token,
        runs: true,
        says: "mount a token of the service account",
    },
];

/// Takes away one after the other, all at the same time.
pub(super) fn are_needed(timeline: &Timeline) -> Result<()> {
    let agent = agents::pod_on(NODES[1])?;
    for case in &CASES {
        kubectl::apply(&case.pod(&agent["spec"])?.to_string())?;
    }
    for case in &CASES {
        let pod = format!("without-{}", case.name);
        let text = if case.keeps_running() {
            kubectl::try_run(&[
                "wait",
                "--for=condition=Ready",
                &format!("pod/{pod}"),
                REAPWATCH,
            ])?;
            kubectl::finished(&mut agents::plugin(&["--pod", &pod, "doctor"]))?
        } else {
            case.log(&pod)?
        };
        // Lines are wrapped.
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        ensure!(text.contains(case.says), "doctor {pod}: {text}");
        let ends = if case.runs { "runs" } else { "does not run" };
        timeline.print(&format!("{pod} it {ends}; doctor: {}", case.says));
    }
    kubectl::try_run(&[
        "delete",
        "pods",
        REAPWATCH,
        "--selector=taken=yes",
        "--wait=false",
    ])
    .map(drop)
}

impl Case {
    /// Whether it is an agent: only a running one knows whether it gets names.
    fn keeps_running(&self) -> bool {
        matches!(self.taken, Taken::Token)
    }

    /// What `doctor` has printed in this pod, which is all that it runs.
    fn log(&self, pod: &str) -> Result<String> {
        let code = soon(&format!("the end of {pod}"), || {
            let pod = kubectl::get(&["pod", pod, REAPWATCH])?;
            let state = &pod["status"]["containerStatuses"][0]["state"];
            Ok(state["terminated"]["exitCode"].as_i64())
        })?;
        let log = kubectl::try_run(&["logs", pod, REAPWATCH])?;
        ensure!(
            (code == 0) == self.runs,
            "doctor {pod} ends with {code}: {log}"
        );
        Ok(log)
    }

    /// The pod, from the description of the agent's pod.
    fn pod(&self, agent: &Value) -> Result<Value> {
        let mut spec = agent.clone();
        spec["restartPolicy"] = "Never".into();
        let containers = spec["containers"].as_array_mut();
        let container = containers.and_then(|it| it.first_mut());
        let container = container.context("the agent's pod has no container")?;
        if !self.keeps_running() {
            container["args"] = json!(["doctor", "--host-root=/host"]);
        }
        for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
            container[probe].take();
        }
        let retain = |list: &mut Value, keep: &dyn Fn(&Value) -> bool| {
            if let Some(list) = list.as_array_mut() {
                list.retain(keep);
            }
        };
        match self.taken {
            Taken::Capability(name) => {
                let added = &mut container["securityContext"]["capabilities"]["add"];
                retain(added, &|it| it != name);
            }
            Taken::Volume(name) => {
                retain(&mut container["volumeMounts"], &|it| it["name"] != name);
                retain(&mut spec["volumes"], &|it| it["name"] != name);
            }
            Taken::HostPid => spec["hostPID"] = false.into(),
            Taken::Root => {
                for id in ["runAsUser", "runAsGroup"] {
                    container["securityContext"][id] = NOBODY.into();
                }
            }
            Taken::Token => {
                retain(&mut container["volumeMounts"], &|it| {
                    it["mountPath"] != ACCOUNT
                });
                // Events cannot be written without it, which is refused at the start.
                retain(&mut container["env"], &|it| it["name"] != EVENTS);
                spec["automountServiceAccountToken"] = false.into();
            }
        }
        Ok(json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": format!("without-{}", self.name),
                "namespace": "reapwatch",
                "labels": {"taken": "yes"},
            },
            "spec": spec,
        }))
    }
}
