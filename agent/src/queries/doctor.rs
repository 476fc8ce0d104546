//! `/api/v1/doctor`.

use api::{DoctorQuery, Query};

use super::Ask;
use crate::engine::replay::Replay;
use crate::handle::{Handle, Request, Stopped};
use crate::host::own;

impl Ask for DoctorQuery {
    type Checked = ();

    fn check(self) -> Result<(), String> {
        Ok(())
    }

    async fn ask((): (), handle: &Handle) -> Result<<Self as Query>::Answer, Stopped> {
        let mut doctor = handle.ask(Request::Doctor).await?;
        if let Some(agent) = &mut doctor.agent {
            own::complete(agent);
        }
        Ok(doctor)
    }

    fn replay((): (), replay: &Replay) -> anyhow::Result<<Self as Query>::Answer> {
        Ok(replay.doctor())
    }
}
