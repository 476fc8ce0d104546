//! The agent's pod, as its DaemonSet describes it.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde::de::DeserializeOwned;
use serde_json::{Value, from_value};

use super::cri::{
    Capabilities, Container, ContainerMetadata, Image, KeyValue, LinuxContainer, Mount, Number,
    Profile, Resources, Security, mode,
};
use super::images::AGENT;
use super::pods::namespaces;
use crate::workspace;

const BASE: &str = "deploy/kubernetes/base";
const CRI: &str = "deploy/kubernetes/components/cri/kustomization.yaml";
/// Age from which zombies are stale here, so that the run does not wait for half a minute.
pub(super) const STALE_AFTER: &str = "3s";
/// The `oom_score_adj` that kubelet gives a container of the class of this pod, at most.
const OOM_SCORE: i64 = 999;

/// What the pod uses of the node, and where that is here.
pub(super) struct Node {
    /// The folder that replaces /var/log/containers.
    pub(super) logs: PathBuf,
    /// The folder for volumes that live as long as their pod.
    pub(super) volumes: PathBuf,
    /// The address of the agent, in the network of the node.
    pub(super) listen: SocketAddr,
    /// The socket of the container runtime, if the component `cri` is used.
    pub(super) cri: Option<PathBuf>,
}

/// The mode of PIDs of the pod, and its one container.
pub(super) fn pod(node: &Node) -> Result<(i32, Container)> {
    let text = read(&format!("{BASE}/daemon-set.yaml"))?;
    let mut manifest: Value = serde_saphyr::from_str(&text).context("parse the DaemonSet")?;
    if node.cri.is_some() {
        patch(&mut manifest, CRI).context(CRI)?;
    }
    let pod = &manifest["spec"]["template"]["spec"];
    let pids = if pod["hostPID"] == true {
        mode::NODE
    } else {
        mode::CONTAINER
    };
    Ok((pids, container(pod, pids, node)?))
}

/// Applies a component to the DaemonSet. Components only append to lists.
fn patch(manifest: &mut Value, component: &str) -> Result<()> {
    let component: Value = serde_saphyr::from_str(&read(component)?)?;
    let steps: String = get(&component["patches"][0]["patch"])?;
    let steps: Vec<Value> = serde_saphyr::from_str(&steps)?;
    for step in steps {
        let path: String = get(&step["path"])?;
        let list = path.strip_suffix("/-").filter(|_| step["op"] == "add");
        let list = list.and_then(|list| manifest.pointer_mut(list)?.as_array_mut());
        let list = list.with_context(|| format!("{path} is not a list"))?;
        list.push(step["value"].clone());
    }
    Ok(())
}

fn container(pod: &Value, pids: i32, node: &Node) -> Result<Container> {
    let one = &pod["containers"][0];
    let security = &one["securityContext"];
    let number = |value: &Value| value.as_i64().map(|value| Number { value });
    let is = |name: &str| security[name] == true;
    ensure!(
        pod["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault",
        "only the runtime's seccomp profile is supported here"
    );
    Ok(Container {
        metadata: Some(ContainerMetadata {
            name: get(&one["name"])?,
        }),
        image: Some(Image {
            image: AGENT.to_owned(),
        }),
        args: arguments(one, node)?,
        envs: environment()?,
        mounts: mounts(pod, one, node)?,
        linux: Some(LinuxContainer {
            resources: Some(Resources {
                memory_limit_in_bytes: mebibytes(&one["resources"]["limits"]["memory"])?,
                oom_score_adj: OOM_SCORE,
            }),
            security_context: Some(Security {
                capabilities: Some(Capabilities {
                    add: get(&security["capabilities"]["add"])?,
                    drop: get(&security["capabilities"]["drop"])?,
                }),
                privileged: is("privileged"),
                namespaces: Some(namespaces(pids)),
                run_as_user: number(&security["runAsUser"]),
                run_as_group: number(&security["runAsGroup"]),
                readonly_rootfs: is("readOnlyRootFilesystem"),
                no_new_privs: !is("allowPrivilegeEscalation"),
                seccomp: Some(Profile { kind: 0 }),
            }),
        }),
        ..Container::default()
    })
}

/// The arguments of the pod, except for the address: here it has the network of the node.
fn arguments(container: &Value, node: &Node) -> Result<Vec<String>> {
    let mut arguments: Vec<String> = get(&container["args"])?;
    let listen = arguments.iter_mut().find(|it| it.starts_with("--listen="));
    *listen.context("it listens nowhere")? = format!("--listen={}", node.listen);
    arguments.push(format!("--stale-after={STALE_AFTER}"));
    Ok(arguments)
}

fn environment() -> Result<Vec<KeyValue>> {
    let text = read(&format!("{BASE}/reapwatch.env"))?;
    let lines = text.lines().filter_map(|line| line.split_once('='));
    let own = lines.filter(|(name, _)| !name.starts_with('#'));
    let all = own
        .chain([("NODE_NAME", "node")])
        .map(|(key, value)| KeyValue {
            key: key.to_owned(),
            value: value.to_owned(),
        });
    Ok(all.collect())
}

fn mounts(pod: &Value, container: &Value, node: &Node) -> Result<Vec<Mount>> {
    let volumes: Vec<Value> = get(&pod["volumes"])?;
    let wanted: Vec<Value> = get(&container["volumeMounts"])?;
    let mount = |wanted: &Value| -> Result<Mount> {
        let named = |volume: &&Value| volume["name"] == wanted["name"];
        let volume = volumes.iter().find(named).context("it is no volume")?;
        Ok(Mount {
            container_path: get(&wanted["mountPath"])?,
            host_path: place(volume, node)?.display().to_string(),
            readonly: wanted["readOnly"] == true,
        })
    };
    let mounts = wanted
        .iter()
        .map(|wanted| mount(wanted).with_context(|| format!("mount {}", wanted["name"])));
    mounts.collect()
}

fn place(volume: &Value, node: &Node) -> Result<PathBuf> {
    if let Some(path) = volume["hostPath"]["path"].as_str() {
        return Ok(match path {
            "/var/log/containers" => node.logs.clone(),
            path => {
                let is_socket = volume["hostPath"]["type"] == "Socket";
                let cri = node.cri.clone().filter(|_| is_socket);
                cri.unwrap_or_else(|| Path::new(path).to_owned())
            }
        });
    }
    if volume.get("emptyDir").is_some() {
        let folder = node.volumes.join(get::<String>(&volume["name"])?);
        fs::create_dir_all(&folder).context("make a volume")?;
        return Ok(folder);
    }
    bail!("this kind of volume is not supported here: {volume}")
}

fn mebibytes(value: &Value) -> Result<i64> {
    let text = value.as_str().and_then(|text| text.strip_suffix("Mi"));
    let count: i64 = text.context("a limit in Mi was expected")?.parse()?;
    Ok(count << 20)
}

fn get<T: DeserializeOwned>(value: &Value) -> Result<T> {
    from_value(value.clone()).with_context(|| format!("understand {value} in the DaemonSet"))
}

fn read(name: &str) -> Result<String> {
    let path = workspace::root().join(name);
    fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))
}
