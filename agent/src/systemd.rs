//! Notifies the service manager of the agent's state, as in sd_notify(3), if there is one.
//!
//! It never blocks: a service manager that hangs must not stop the measurement. The `sd-notify`
//! crate (0.5) is not used since it sends through a blocking socket, and only to one with a path.

use std::{
    env,
    ffi::OsStr,
    os::linux::net::SocketAddrExt as _,
    os::unix::{
        ffi::OsStrExt as _,
        net::{SocketAddr, UnixDatagram},
    },
    process,
    time::{Duration, Instant},
};

/// A service manager that expects notifications.
#[derive(Debug)]
pub struct Manager {
    socket: UnixDatagram,
    address: SocketAddr,
}

impl Manager {
    /// The service manager that started this process, if it expects notifications.
    pub fn find() -> Option<Self> {
        let name = env::var_os("NOTIFY_SOCKET")?;
        let address = match name.as_bytes() {
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
            name if name.starts_with(b"/") => SocketAddr::from_pathname(OsStr::from_bytes(name)),
            _ => return None,
        };
        let socket = UnixDatagram::unbound();
        match (address, socket) {
            (Ok(address), Ok(socket)) if socket.set_nonblocking(true).is_ok() => {
                Some(Self { socket, address })
            }
            _ => None,
        }
    }

    /// The probes are attached, the first snapshot is done, and the agent answers requests.
    pub fn ready(&self, status: &str) {
        self.notify(&format!("READY=1\nSTATUS={status}\n"));
    }

    /// The agent is shutting down.
    pub fn stopping(&self) {
        self.notify("STOPPING=1\n");
    }

    fn notify(&self, text: &str) {
        if let Err(error) = self.socket.send_to_addr(text.as_bytes(), &self.address) {
            log::debug!("cannot notify the service manager: {error}");
        }
    }
}

/// The service manager's watchdog, fed by the loop.
#[derive(Debug)]
pub struct Watchdog {
    manager: Manager,
    every: Duration,
    last: Instant,
}

impl Watchdog {
    /// Returns the watchdog if it is enabled for this process.
    pub fn find(now: Instant) -> Option<Self> {
        let number = |name| env::var(name).ok()?.parse::<u64>().ok();
        if env::var_os("WATCHDOG_PID").is_some()
            && number("WATCHDOG_PID") != Some(process::id().into())
        {
            return None;
        }
        Some(Self {
            every: Duration::from_micros(number("WATCHDOG_USEC")?),
            manager: Manager::find()?,
            last: now,
        })
    }

    /// Called at each turn of the loop. Notifies twice per watchdog period, as
    /// sd_watchdog_enabled(3) recommends.
    pub fn beat(&mut self, now: Instant) {
        if now.duration_since(self.last) >= self.every / 2 {
            self.last = now;
            self.manager.notify("WATCHDOG=1\n");
        }
    }
}
