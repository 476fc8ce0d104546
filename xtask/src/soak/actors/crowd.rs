//! Clients that follow deaths or ask for everything, and read nothing.

use anyhow::Result;

use crate::soak::stage::Stage;

const CLIENTS: usize = 24;

pub(super) fn act(stage: &mut Stage) -> Result<u64> {
    let leak = stage.leak(3_000)?;
    let paths = ["/api/v1/exits", "/api/v1/zombies", "/metrics"];
    let clients = paths.iter().cycle().take(CLIENTS);
    let clients: Result<Vec<_>> = clients.map(|path| stage.agent.ask_only(path)).collect();
    let clients = clients?;
    stage.cycles(10_000)?;
    stage.expect_health()?;
    drop((clients, leak));
    Ok(13_001)
}
