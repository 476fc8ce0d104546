//! Facts that must hold for the manifests beyond their schema.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

/// The capabilities that the agent's container may have.
const CAPABILITIES: [&str; 4] = ["BPF", "PERFMON", "SYS_PTRACE", "SYS_RESOURCE"];

/// What the agent does only if it is asked to.
#[derive(Debug)]
pub(super) struct Extras {
    /// It asks the container runtime for names.
    pub(super) asks_runtime: bool,
    /// It writes Events on pods.
    pub(super) writes_events: bool,
}

impl Extras {
    pub(super) const NONE: Self = Self {
        asks_runtime: false,
        writes_events: false,
    };
}

/// Checks all facts.
pub(super) fn check(documents: &[Value], extras: &Extras) -> Result<()> {
    let of = |kind: &str| {
        let mut found = documents.iter().filter(move |it| it["kind"] == kind);
        found.next().with_context(|| format!("there is no {kind}"))
    };
    let roles = documents.iter().filter(|it| it["kind"] == "ClusterRole");
    let rules: Vec<_> = roles
        .flat_map(|role| role["rules"].as_array())
        .flatten()
        .collect();
    let pods = json!({"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]});
    let events = json!({"apiGroups": [""], "resources": ["events"], "verbs": ["create", "patch"]});
    let mut needed = vec![&pods];
    needed.extend(extras.writes_events.then_some(&events));
    ensure!(
        rules == needed,
        "the agent's permissions are not those that it needs: {rules:?}"
    );
    ensure!(
        of("Namespace")?["metadata"]["labels"]["pod-security.kubernetes.io/enforce"]
            == "privileged",
        "the namespace refuses the agent's pods"
    );
    let pod = &of("DaemonSet")?["spec"]["template"]["spec"];
    check_pod(pod, extras.asks_runtime)?;
    for monitor in documents.iter().filter(|it| it["kind"] == "PodMonitor") {
        let endpoint = &monitor["spec"]["podMetricsEndpoints"][0];
        ensure!(
            endpoint["honorLabels"] == true,
            "the labels of the agent are not honoured: {endpoint}"
        );
    }
    Ok(())
}

fn check_pod(pod: &Value, asks_runtime: bool) -> Result<()> {
    ensure!(
        pod["hostPID"] == true,
        "the agent does not see the node's processes"
    );
    ensure!(
        pod["hostNetwork"] == false,
        "the agent is in the node's network"
    );
    let container = &pod["containers"][0];
    let context = &container["securityContext"];
    for (name, value) in [
        ("privileged", json!(false)),
        ("allowPrivilegeEscalation", json!(false)),
        ("readOnlyRootFilesystem", json!(true)),
    ] {
        ensure!(context[name] == value, "{name} is {}", context[name]);
    }
    let capabilities = &context["capabilities"];
    ensure!(
        capabilities["drop"] == json!(["ALL"]),
        "not all capabilities are dropped"
    );
    let added = capabilities["add"]
        .as_array()
        .context("no capability is added")?;
    for capability in added {
        ensure!(
            CAPABILITIES.iter().any(|known| capability == known),
            "the capability {capability} is not needed"
        );
    }
    let volumes = pod["volumes"].as_array().context("there are no volumes")?;
    let mounts = container["volumeMounts"]
        .as_array()
        .context("nothing is mounted")?;
    for volume in volumes.iter().filter(|it| it.get("hostPath").is_some()) {
        let mut mounted = mounts.iter().filter(|it| it["name"] == volume["name"]);
        ensure!(
            mounted.all(|mount| mount["readOnly"] == true),
            "{} of the node is writable",
            volume["hostPath"]["path"]
        );
    }
    let sockets = volumes
        .iter()
        .filter(|it| it["hostPath"]["type"] == "Socket");
    ensure!(
        sockets.count() == usize::from(asks_runtime),
        "only the component cri may mount the runtime's socket, which is as good as root"
    );
    ensure!(
        container["resources"]["limits"].get("cpu").is_none(),
        "the agent can be throttled"
    );
    for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
        ensure!(container.get(probe).is_some(), "there is no {probe}");
    }
    Ok(())
}
