//! File systems whose server does not answer, and disks. I/O.

use super::{
    at::{At, simple, unsure},
    call::Call,
    fuse, mounts,
    search::Search,
};
use crate::host::mounts::Mount;
use model::culprit::evidence::block::{Block, On};

/// Prefixes of functions that wait for a block device.
const DISK: [&str; 9] = [
    "io_schedule",
    "folio_wait_",
    "__folio_lock",
    "wait_on_page",
    "__wait_on_buffer",
    "rq_qos_wait",
    "blk_",
    "jbd2_",
    "submit_bio_wait",
];

/// A file system whose server does not answer, or a disk.
pub(super) fn of_file_system(search: &mut Search, at: &At, call: Call) -> Option<Block> {
    let of_disk = at.sleeps_in(&DISK);
    // A FUSE server that waits for requests.
    let serves = at.sleeps_in(&["fuse_dev_"]);
    let fuse = at.sleeps_in(&["request_wait_answer", "fuse_"]) && !serves;
    let network = at.sleeps_in(&["rpc_", "nfs_", "nfs4_", "cifs_", "smb2_", "ceph_", "p9_"]);
    if !(of_disk || fuse || network) {
        return None;
    }
    let mount = call
        .descriptor()
        .and_then(|descriptor| mounts::of_descriptor(&at.root, descriptor));
    if fuse || of_disk && mount.as_ref().is_some_and(Mount::is_fuse) {
        return Some(of_fuse(search, at));
    }
    let is_network = mount.as_ref().is_some_and(Mount::is_network);
    if !network && !is_network {
        return Some(simple(On::Disk));
    }
    let mut seen = mounts::seen_by(&at.root);
    seen.retain(Mount::is_network);
    let words = match (mount.filter(|_| is_network), seen.as_slice()) {
        (Some(mount), _) => Some(mount.words()),
        (None, [only]) => Some(only.words()),
        _ => None,
    };
    if let Some(mount) = words {
        return Some(simple(On::Network { mount }));
    }
    let mount = seen.iter().map(Mount::words).collect::<Vec<_>>().join(", ");
    let why = "it may be any of these mounts".to_owned();
    Some(unsure(On::Network { mount }, why))
}

fn of_fuse(search: &mut Search, at: &At) -> Block {
    let (connections, exact) = fuse::connections(at.pid, at.tid, &mut search.servers);
    let servers = connections.iter().flat_map(|it| &it.servers);
    let holders = servers.map(|server| server.pid).collect();
    let certain = exact && connections.iter().all(|it| it.servers_are_certain);
    Block {
        on: On::Fuse,
        ends: search.ends(at.pid, holders),
        unknown: (!certain).then(|| "it may be another FUSE server".to_owned()),
    }
}
