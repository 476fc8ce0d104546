//! What happens to an agent. Each actor is a file: it does one thing, and returns how many processes
//! have died for it at least.

mod certificates;
mod cgroups;
mod crowd;
mod cycles;
mod deaths;
mod descriptors;
mod exhausted;
mod flood;
mod kill;
mod leak;
mod socket;

use anyhow::Result;

use super::stage::Stage;

/// One actor.
pub(super) struct Actor {
    pub(super) name: &'static str,
    pub(super) act: fn(&mut Stage) -> Result<u64>,
}

/// In the order of a round.
pub(super) static ACTORS: &[Actor] = &[
    Actor {
        name: "cycles",
        act: cycles::act,
    },
    Actor {
        name: "deaths",
        act: deaths::act,
    },
    Actor {
        name: "leak",
        act: leak::act,
    },
    Actor {
        name: "crowd",
        act: crowd::act,
    },
    Actor {
        name: "flood",
        act: flood::act,
    },
    Actor {
        name: "cgroups",
        act: cgroups::act,
    },
    Actor {
        name: "descriptors",
        act: descriptors::act,
    },
    Actor {
        name: "exhausted",
        act: exhausted::act,
    },
    Actor {
        name: "certificates",
        act: certificates::act,
    },
    Actor {
        name: "socket",
        act: socket::act,
    },
    Actor {
        name: "kill",
        act: kill::act,
    },
];
