//! The OCI image layout in a tar archive: <https://github.com/opencontainers/image-spec>. The same
//! files give the same bytes: no times, no users, one order.

use anyhow::Result;
use serde_json::{Value, json};
use tar::{Builder, EntryType, Header};

use crate::sidecar::sha256;

const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// The configuration of an image.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Content {
    /// The title in its labels.
    pub(crate) title: &'static str,
    /// The command of a container.
    pub(crate) entrypoint: &'static [&'static str],
    /// The default arguments.
    pub(crate) arguments: &'static [&'static str],
    /// The port that it listens on.
    pub(crate) port: Option<&'static str>,
    /// Folders to create.
    pub(crate) folders: &'static [&'static str],
}

/// A file of the image.
#[derive(Debug)]
pub(crate) struct File {
    path: String,
    mode: u32,
    bytes: Vec<u8>,
}

impl File {
    pub(crate) fn program(path: &str, bytes: Vec<u8>) -> Self {
        Self {
            path: path.to_owned(),
            mode: 0o755,
            bytes,
        }
    }

    pub(crate) fn text(path: &str, bytes: Vec<u8>) -> Self {
        Self {
            mode: 0o644,
            ..Self::program(path, bytes)
        }
    }
}

/// Builds the archive. Docker reads `manifest.json`, other tools read `index.json`.
pub(crate) fn archive(
    name: &str,
    architecture: &str,
    content: &Content,
    files: &[File],
) -> Result<Vec<u8>> {
    let layer = tar_of(content.folders, files)?;
    let mut config = json!({
        "architecture": architecture,
        "os": "linux",
        "config": {
            "User": "0:0",
            "Entrypoint": content.entrypoint,
            "Cmd": content.arguments,
            "Labels": {
                "org.opencontainers.image.title": content.title,
                "org.opencontainers.image.version": env!("CARGO_PKG_VERSION"),
                "org.opencontainers.image.licenses":
                    "(MIT OR Apache-2.0) AND (GPL-2.0-only OR MIT)",
            },
        },
        "rootfs": {"type": "layers", "diff_ids": [digest(&layer)]},
        "history": [{"created_by": "cargo xtask image"}],
    });
    if let Some(port) = content.port {
        config["config"]["ExposedPorts"] = json!({port: {}});
    }
    let config = serde_json::to_vec(&config)?;
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": descriptor(CONFIG, &config),
        "layers": [descriptor(LAYER, &layer)],
    });
    let manifest = serde_json::to_vec(&manifest)?;
    let mut named = descriptor(MANIFEST, &manifest);
    let tag = name.rsplit_once(':').map_or("latest", |(_, tag)| tag);
    named["annotations"] = json!({
        "io.containerd.image.name": name,
        "org.opencontainers.image.ref.name": tag,
    });
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [named]});
    let docker = json!([{
        "Config": blob(&config),
        "RepoTags": [name],
        "Layers": [blob(&layer)],
    }]);
    let text = |path: &str, value: &Value| -> Result<File> {
        Ok(File::text(path, serde_json::to_vec(value)?))
    };
    let mut files = vec![
        text("oci-layout", &json!({"imageLayoutVersion": "1.0.0"}))?,
        text("index.json", &index)?,
        text("manifest.json", &docker)?,
    ];
    files.extend([config, manifest, layer].map(|bytes| File::text(&blob(&bytes), bytes)));
    tar_of(&["blobs/", "blobs/sha256/"], &files)
}

fn descriptor(kind: &str, bytes: &[u8]) -> Value {
    json!({"mediaType": kind, "digest": digest(bytes), "size": bytes.len()})
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", sha256(bytes))
}

fn blob(bytes: &[u8]) -> String {
    format!("blobs/sha256/{}", sha256(bytes))
}

fn tar_of(folders: &[&str], files: &[File]) -> Result<Vec<u8>> {
    let mut tar = Builder::new(Vec::new());
    for folder in folders {
        let mut header = header(0o755, 0, EntryType::Directory);
        tar.append_data(&mut header, folder, &[][..])?;
    }
    for file in files {
        let mut header = header(file.mode, file.bytes.len(), EntryType::Regular);
        tar.append_data(&mut header, &file.path, file.bytes.as_slice())?;
    }
    Ok(tar.into_inner()?)
}

/// Time, user and group are 0.
fn header(mode: u32, size: usize, kind: EntryType) -> Header {
    let mut header = Header::new_ustar();
    header.set_mode(mode);
    header.set_size(size as u64);
    header.set_entry_type(kind);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::Read;

    use super::*;

    const NAME: &str = "docker.io/library/reapwatch:7";

    fn image() -> Vec<u8> {
        let program = File::program("reapwatch", b"\x7fELF".to_vec());
        let licence = File::text("licenses/LICENSE", b"words".to_vec());
        let content = Content {
            title: "reapwatch",
            entrypoint: &["/reapwatch"],
            arguments: &[],
            port: Some("9991/tcp"),
            folders: &["licenses/"],
        };
        archive(NAME, "amd64", &content, &[program, licence]).expect("in memory")
    }

    fn files(bytes: &[u8]) -> BTreeMap<String, (u32, Vec<u8>)> {
        let mut archive = tar::Archive::new(bytes);
        let entries = archive.entries().expect("a tar archive").map(|entry| {
            let mut entry = entry.expect("an entry");
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).expect("in memory");
            let path = entry.path().expect("UTF-8").display().to_string();
            (path, (entry.header().mode().expect("octal"), bytes))
        });
        entries.collect()
    }

    /// What a descriptor names, which must be there with that size and digest.
    fn followed<'a>(files: &'a BTreeMap<String, (u32, Vec<u8>)>, to: &Value) -> &'a [u8] {
        let digest = to["digest"].as_str().expect("a digest");
        let hex = digest.strip_prefix("sha256:").expect("of that kind");
        let (_, bytes) = &files[&format!("blobs/sha256/{hex}")];
        assert_eq!(sha256(bytes), hex);
        assert_eq!(to["size"], bytes.len());
        bytes
    }

    #[test]
    fn every_digest_leads_from_the_index_to_the_program() {
        let image = image();
        let files = files(&image);
        let parse = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).expect("JSON");
        let index = parse(&files["index.json"].1);
        let named = &index["manifests"][0];
        assert_eq!(named["annotations"]["io.containerd.image.name"], NAME);
        let manifest = parse(followed(&files, named));
        let config = parse(followed(&files, &manifest["config"]));
        assert_eq!(config["config"]["Entrypoint"], json!(["/reapwatch"]));
        let layer = followed(&files, &manifest["layers"][0]);
        assert_eq!(config["rootfs"]["diff_ids"], json!([digest(layer)]));
        let (mode, program) = &self::files(layer)["reapwatch"];
        assert_eq!((*mode, program.as_slice()), (0o755, &b"\x7fELF"[..]));
        let docker = parse(&files["manifest.json"].1);
        for path in [&docker[0]["Config"], &docker[0]["Layers"][0]] {
            assert!(files.contains_key(path.as_str().expect("a path")), "{path}");
        }
    }

    #[test]
    fn the_same_files_give_the_same_bytes() {
        assert_eq!(image(), image());
    }
}
