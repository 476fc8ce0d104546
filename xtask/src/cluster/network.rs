//! The network of the cluster: a bridge that joins the nodes, and a route to the pods of each.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};

use crate::shell;

/// The address of the API server on the bridge.
pub(super) const CONTROL_PLANE: &str = "192.168.100.1";
/// The addresses of services. The API server has the first.
pub(super) const SERVICES: &str = "10.0.0.0/24";
/// The API server as a service: where pods look for it.
pub(super) const API_SERVER: &str = "10.0.0.1";
/// Where the resolver of names would be; nothing here needs one.
pub(super) const DNS: &str = "10.0.0.10";
const BRIDGE: &str = "nodes";

/// Sets up the network of the control plane, which this process is in.
pub(super) fn of_control_plane() -> Result<()> {
    ip("link set lo up")?;
    // An address of its own saves the translation of addresses that a real node does.
    ip(&format!("address add {API_SERVER}/32 dev lo"))?;
    ip(&format!("link add {BRIDGE} type bridge"))?;
    ip(&format!("address add {CONTROL_PLANE}/24 dev {BRIDGE}"))?;
    ip(&format!("link set {BRIDGE} up"))?;
    forward()
}

/// Sets up the network of a node, which the calling thread is in.
pub(super) fn of_node(number: u8) -> Result<()> {
    let control_plane = std::process::id();
    ip("link set lo up")?;
    ip(&format!(
        "link add eth0 type veth peer name node-{number} netns {control_plane}"
    ))?;
    ip(&format!("address add {}/24 dev eth0", address(number)))?;
    ip("link set eth0 up")?;
    ip(&format!("route add default via {CONTROL_PLANE}"))?;
    forward()
}

/// Joins a node with the others, from the network of the control plane.
pub(super) fn join(number: u8) -> Result<()> {
    ip(&format!("link set node-{number} master {BRIDGE} up"))?;
    let pods = pods(number);
    ip(&format!("route add {pods} via {}", address(number)))
}

/// The address of a node.
pub(super) fn address(number: u8) -> String {
    format!("192.168.100.{}", 10 + number)
}

/// The addresses of its pods.
pub(super) fn pods(number: u8) -> String {
    format!("10.244.{number}.0/24")
}

fn forward() -> Result<()> {
    fs::write("/proc/sys/net/ipv4/ip_forward", "1").context("forward packets")
}

fn ip(words: &str) -> Result<()> {
    shell::run(Command::new("ip").args(words.split(' ')))
}
