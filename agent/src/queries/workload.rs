//! `/api/v1/workload`.

use api::{Query, WorkloadQuery};

use super::Ask;
use crate::engine::replay::Replay;
use crate::handle::{Handle, Request, Stopped};

impl Ask for WorkloadQuery {
    type Checked = Option<String>;

    fn check(self) -> Result<Option<String>, String> {
        match self.cgroup {
            Some(cgroup) if !cgroup.starts_with('/') => Err(format!(
                "cgroup is a path such as /system.slice/cron.service, not `{cgroup}`"
            )),
            cgroup => Ok(cgroup),
        }
    }

    async fn ask(
        cgroup: Option<String>,
        handle: &Handle,
    ) -> Result<<Self as Query>::Answer, Stopped> {
        handle.ask(|to| Request::Workload(cgroup, to)).await
    }

    fn replay(cgroup: Option<String>, replay: &Replay) -> anyhow::Result<<Self as Query>::Answer> {
        Ok(replay.workload(cgroup.as_deref()))
    }
}
