//! Tells a service manager how the agent is, as sd_notify(3) says; nothing where none listens.
//!
//! It never waits for the manager: one that is stuck must not stop the agent from measuring it.

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

/// A service manager that wants to be told.
#[derive(Debug)]
pub struct Manager {
    socket: UnixDatagram,
    address: SocketAddr,
}

impl Manager {
    /// The one that started this process, if it asked.
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

    /// The probes are attached, the first look at all processes is done, and the agent answers.
    pub fn ready(&self, status: &str) {
        self.tell(&format!("READY=1\nSTATUS={status}\n"));
    }

    /// It is on its way out.
    pub fn stopping(&self) {
        self.tell("STOPPING=1\n");
    }

    fn tell(&self, text: &str) {
        if let Err(error) = self.socket.send_to_addr(text.as_bytes(), &self.address) {
            log::debug!("the service manager is not told: {error}");
        }
    }
}

/// The manager's watchdog, which the loop's beat keeps quiet.
#[derive(Debug)]
pub struct Watchdog {
    manager: Manager,
    every: Duration,
    last: Instant,
}

impl Watchdog {
    /// Where the manager has one for this process.
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

    /// The loop beats. Told twice in the watchdog's time, as sd_watchdog_enabled(3) advises.
    pub fn beat(&mut self, now: Instant) {
        if now.duration_since(self.last) >= self.every / 2 {
            self.last = now;
            self.manager.tell("WATCHDOG=1\n");
        }
    }
}
