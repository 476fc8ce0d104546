//! Names of containers and pods, from files that kubelet and the runtime leave on disk. I/O, done
//! off the loop.
//!
//! Only reading is needed: /var/log/containers is readable by all, the runtimes' own state usually
//! by root. Other sources provide what is missing.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::Value;

use model::workload::{ContainerIds, Named};

/// Maximum size read from one file.
const MOST_BYTES: u64 = 4 << 20;
/// Maximum number of entries read in one directory.
const MOST_ENTRIES: usize = 16_384;

/// Links to the logs of containers, in the directories of their pods.
const LOGS: &str = "var/log/containers";

/// The keys of a pod's namespace, its name and the container's name, as each runtime writes them.
const ANNOTATIONS: [[&str; 3]; 2] = [
    [
        "io.kubernetes.cri.sandbox-namespace",
        "io.kubernetes.cri.sandbox-name",
        "io.kubernetes.cri.container-name",
    ],
    [
        "io.kubernetes.pod.namespace",
        "io.kubernetes.pod.name",
        "io.kubernetes.container.name",
    ],
];

/// Files below the host's root.
#[derive(Clone, Debug)]
pub struct Disk {
    root: PathBuf,
}

impl Disk {
    /// The host with this root.
    pub fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }

    /// The names; `None` if no file has them.
    pub fn find(&self, ids: &ContainerIds) -> Option<Named> {
        let of_container = || {
            let id = ids.container.as_deref().filter(|id| is_plain(id))?;
            self.log_of(id)
                .or_else(|| self.containerd(id))
                .or_else(|| self.crio(id))
                .or_else(|| self.docker(id))
                .or_else(|| self.podman(id))
        };
        of_container().or_else(|| self.pod(ids.pod_uid.as_deref()?))
    }

    fn log_of(&self, id: &str) -> Option<Named> {
        let end = format!("-{id}.log");
        let mut names = self.list(LOGS);
        names.find_map(|name| of_log(name.strip_suffix(&end)?))
    }

    /// By the directory of its logs, or by the target of the link to one of its logs: that
    /// directory is not mounted, so the link is read and not followed.
    fn pod(&self, uid: &str) -> Option<Named> {
        let mut folders = self.list("var/log/pods");
        let by_folder = folders.find_map(|name| of_pod_folder(&name, uid));
        let mut links = self.list(LOGS);
        by_folder.or_else(|| {
            links.find_map(|link| {
                let log = fs::read_link(self.root.join(LOGS).join(link)).ok()?;
                let folder = log.parent()?.parent()?.file_name()?;
                of_pod_folder(folder.to_str()?, uid)
            })
        })
    }

    fn containerd(&self, id: &str) -> Option<Named> {
        let tasks = "run/containerd/io.containerd.runtime.v2.task";
        let mut spaces = self.list(tasks);
        spaces.find_map(|space| {
            let config = self.json(&format!("{tasks}/{space}/{id}/config.json"))?;
            of_annotations(&config["annotations"])
        })
    }

    fn crio(&self, id: &str) -> Option<Named> {
        let folder = "run/containers/storage/overlay-containers";
        let config = self.json(&format!("{folder}/{id}/userdata/config.json"))?;
        of_annotations(&config["annotations"])
    }

    fn docker(&self, id: &str) -> Option<Named> {
        let config = self.json(&format!("var/lib/docker/containers/{id}/config.v2.json"))?;
        of_annotations(&config["Config"]["Labels"]).or_else(|| {
            let name = config["Name"].as_str()?;
            Some(Named::container(name.trim_start_matches('/')))
        })
    }

    fn podman(&self, id: &str) -> Option<Named> {
        let list = self.json("var/lib/containers/storage/overlay-containers/containers.json")?;
        let mut containers = list.as_array()?.iter();
        let container = containers.find(|it| it["id"] == id)?;
        Some(Named::container(container["names"][0].as_str()?))
    }

    fn list(&self, folder: &str) -> impl Iterator<Item = String> + use<> {
        let entries = fs::read_dir(self.root.join(folder));
        let names = entries.into_iter().flatten().flatten().take(MOST_ENTRIES);
        names.filter_map(|entry| entry.file_name().into_string().ok())
    }

    fn json(&self, file: &str) -> Option<Value> {
        let file = File::open(self.root.join(file)).ok()?;
        let mut text = Vec::new();
        file.take(MOST_BYTES).read_to_end(&mut text).ok()?;
        serde_json::from_slice(&text).ok()
    }
}

/// An id that is safe as a file name.
fn is_plain(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// `POD_NAMESPACE_CONTAINER`: none of them may contain an underscore.
fn of_log(name: &str) -> Option<Named> {
    let mut parts = name.split('_').map(str::to_owned);
    Some(Named {
        pod: Some(parts.next()?),
        namespace: Some(parts.next()?),
        container: Some(parts.next()?),
    })
    .filter(|_| parts.next().is_none())
}

/// `NAMESPACE_POD_UID`.
fn of_pod_folder(name: &str, uid: &str) -> Option<Named> {
    let (namespace, pod) = name.strip_suffix(uid)?.strip_suffix('_')?.split_once('_')?;
    Some(Named {
        namespace: Some(namespace.to_owned()),
        pod: Some(pod.to_owned()),
        container: None,
    })
}

fn of_annotations(annotations: &Value) -> Option<Named> {
    ANNOTATIONS.iter().find_map(|keys| {
        let [namespace, pod, container] =
            keys.map(|key| annotations[key].as_str().map(str::to_owned));
        pod.is_some().then_some(Named {
            namespace,
            pod,
            container,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const UID: &str = "3f1c2b4e-7a90-4d1e-8c55-0a1b2c3d4e5f";

    fn id() -> String {
        "ab".repeat(32)
    }

    /// A host with one file.
    fn host(file: &str, text: &str) -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("a folder can be made");
        let file = root.path().join(file);
        fs::create_dir_all(file.parent().expect("it is in a folder")).expect("ours");
        fs::write(file, text).expect("ours");
        root
    }

    fn found(root: &tempfile::TempDir) -> Option<Named> {
        Disk::new(root.path()).find(&ContainerIds {
            container: Some(id()),
            pod_uid: Some(UID.to_owned()),
        })
    }

    fn in_pod(container: Option<&str>) -> Named {
        Named {
            namespace: Some("shop".to_owned()),
            pod: Some("web-0".to_owned()),
            container: container.map(str::to_owned),
        }
    }

    #[test]
    fn a_log_name_contains_pod_namespace_and_container() {
        let root = host(
            &format!("var/log/containers/web-0_shop_app-x-{}.log", id()),
            "",
        );
        assert_eq!(found(&root), Some(in_pod(Some("app-x"))));
    }

    #[test]
    fn a_pod_directory_names_no_container() {
        let root = host(&format!("var/log/pods/shop_web-0_{UID}/app/0.log"), "");
        assert_eq!(found(&root), Some(in_pod(None)));
    }

    #[test]
    fn a_link_to_a_log_of_the_pod_leads_through_its_folder() {
        // A pause process has no log: only another container of its pod has one.
        let other = "cd".repeat(32);
        let link = format!("var/log/containers/web-0_shop_app-{other}.log");
        let root = host(&link, "");
        assert_eq!(found(&root), None);
        let link = root.path().join(link);
        fs::remove_file(&link).expect("ours");
        let nowhere = format!("/var/log/pods/shop_web-0_{UID}/app/0.log");
        std::os::unix::fs::symlink(nowhere, link).expect("ours");
        assert_eq!(found(&root), Some(in_pod(None)));
    }

    #[test]
    fn containerd_s_annotations() {
        let text = r#"{"annotations":{"io.kubernetes.cri.sandbox-namespace":"shop",
            "io.kubernetes.cri.sandbox-name":"web-0","io.kubernetes.cri.container-name":"app"}}"#;
        let folder = "run/containerd/io.containerd.runtime.v2.task/k8s.io";
        let root = host(&format!("{folder}/{}/config.json", id()), text);
        assert_eq!(found(&root), Some(in_pod(Some("app"))));
        // A pause process has no name of its own.
        let text = text.replace(r#","io.kubernetes.cri.container-name":"app""#, "");
        let root = host(&format!("{folder}/{}/config.json", id()), &text);
        assert_eq!(found(&root), Some(in_pod(None)));
    }

    #[test]
    fn cri_o_s_annotations() {
        let text = r#"{"annotations":{"io.kubernetes.pod.namespace":"shop",
            "io.kubernetes.pod.name":"web-0","io.kubernetes.container.name":"app"}}"#;
        let folder = "run/containers/storage/overlay-containers";
        let root = host(&format!("{folder}/{}/userdata/config.json", id()), text);
        assert_eq!(found(&root), Some(in_pod(Some("app"))));
    }

    #[test]
    fn docker_s_name_has_a_slash_before_it() {
        let file = format!("var/lib/docker/containers/{}/config.v2.json", id());
        let root = host(&file, r#"{"Name":"/db","Config":{"Labels":{}}}"#);
        assert_eq!(found(&root), Some(Named::container("db")));
    }

    #[test]
    fn podman_keeps_a_list() {
        let file = "var/lib/containers/storage/overlay-containers/containers.json";
        let text = format!(
            r#"[{{"id":"x","names":["y"]}},{{"id":"{}","names":["db"]}}]"#,
            id()
        );
        assert_eq!(found(&host(file, &text)), Some(Named::container("db")));
    }

    #[test]
    fn broken_or_foreign_links_are_not_followed() {
        let file = format!("var/lib/docker/containers/{}/config.v2.json", id());
        assert_eq!(found(&host(&file, "{")), None);
        let root = host("secret/config.json", r#"{"Name":"/x"}"#);
        let outside = ContainerIds {
            container: Some("../../../../../secret".to_owned()),
            pod_uid: None,
        };
        assert_eq!(Disk::new(root.path()).find(&outside), None);
    }

    #[test]
    fn damaged_files_of_runtimes_are_read() {
        let folder = format!("shop_web-0_{UID}");
        let corpus = [
            "web-0_shop_app-x",
            &folder,
            r#"{"annotations":{"io.kubernetes.pod.namespace":"shop","io.kubernetes.pod.name":"a"}}"#,
        ];
        fuzz::feed(&corpus, |bytes| {
            let text = String::from_utf8_lossy(bytes);
            let _ = (of_log(&text), of_pod_folder(&text, UID), is_plain(&text));
            if let Ok(config) = serde_json::from_slice::<Value>(bytes) {
                of_annotations(&config["annotations"]);
            }
        });
    }
}
