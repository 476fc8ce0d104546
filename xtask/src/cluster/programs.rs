//! The programs of a real Kubernetes: built from Debian's own source package, since Debian ships
//! only kubectl from it.

use std::path::PathBuf;

use crate::workspace;

/// What they are, for messages.
pub(crate) const WANTED: &str = "Kubernetes 1.20 with etcd and CNI plugins";
/// The Debian package of the compiler that builds them.
pub(crate) const COMPILER: &str = "golang-go";

/// The part of the cache for them.
pub(super) const CACHE: &str = "kubernetes";
/// The programs that are built.
pub(super) const BUILT: [&str; 4] = [
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
];
/// What Debian has as packages: the package, and a file of it.
pub(super) const PACKAGED: [(&str, &str); 2] = [
    ("etcd-server", "usr/bin/etcd"),
    ("containernetworking-plugins", "usr/lib/cni/bridge"),
];

/// Whether all are in the cache.
pub(crate) fn is_there() -> bool {
    let built = BUILT.iter().map(|name| folder().join("usr/bin").join(name));
    let packaged = PACKAGED.iter().map(|(_, file)| folder().join(file));
    built.chain(packaged).all(|path| path.is_file())
}

/// The folder with all of them.
pub(super) fn folder() -> PathBuf {
    workspace::cache(CACHE).join("bookworm")
}
