//! Lines on where processes belong.

use super::read::{Fields as Read, Malformed, key, unescaped};
use super::write::{self, Fields, escaped};
use crate::events::{CgroupId, CgroupVersion};
use crate::workload::{Answer, ContainerIds, Located, Named, Owner};

/// What a lookup found, a line each; nothing where it found nothing.
pub fn found(text: &mut String, answer: &Answer) {
    match answer {
        Answer::Walked {
            version, cgroups, ..
        } => {
            for (id, located) in cgroups {
                let version = *version;
                cgroup(text, CgroupId { version, id: *id }, located);
            }
        }
        Answer::Cgroup(id, Some(located)) => cgroup(text, *id, located),
        Answer::Process(process, Some(located)) => {
            let mut line = Fields::of(text, "placed");
            line.field("process", write::key(*process));
            line.located(located);
        }
        Answer::Named(ids, Some(named)) => {
            let mut line = Fields::of(text, "named");
            for (name, value) in [
                ("container", &ids.container),
                ("pod_uid", &ids.pod_uid),
                ("namespace", &named.namespace),
                ("pod", &named.pod),
                ("name", &named.container),
            ] {
                line.known(name, value.as_deref().map(escaped));
            }
        }
        Answer::Cgroup(_, None)
        | Answer::Process(_, None)
        | Answer::Named(_, None)
        | Answer::Watched(..) => {}
    }
}

fn cgroup(text: &mut String, id: CgroupId, located: &Located) {
    let mut line = Fields::of(text, "cgroup");
    line.field("id", id.id);
    line.flag("v1", id.version == CgroupVersion::V1);
    line.located(located);
}

impl Fields<'_> {
    fn located(&mut self, located: &Located) {
        self.field("path", escaped(&located.path));
        match located.owner {
            Owner::Unknown => {}
            Owner::Root => self.field("owner", 0),
            Owner::User(uid) => self.field("owner", uid),
        }
    }
}

impl Read<'_> {
    /// The content of a line that begins with this word.
    pub(super) fn found(&self, word: &str) -> Result<Answer, Malformed> {
        Ok(match word {
            "cgroup" => Answer::Cgroup(self.cgroup_id()?, Some(self.located()?)),
            "placed" => Answer::Process(self.must("process", key)?, Some(self.located()?)),
            _ => {
                let ids = ContainerIds {
                    container: self.maybe("container", unescaped)?,
                    pod_uid: self.maybe("pod_uid", unescaped)?,
                };
                let named = Named {
                    namespace: self.maybe("namespace", unescaped)?,
                    pod: self.maybe("pod", unescaped)?,
                    container: self.maybe("name", unescaped)?,
                };
                Answer::Named(ids, Some(named))
            }
        })
    }

    fn located(&self) -> Result<Located, Malformed> {
        let owner = self.number::<u32>("owner")?;
        Ok(Located {
            path: self.must("path", unescaped)?,
            owner: match owner {
                None => Owner::Unknown,
                Some(0) => Owner::Root,
                Some(uid) => Owner::User(uid),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::Key;
    use crate::recording::{Line, parse};

    #[test]
    fn workloads_come_back() {
        let located = |owner| Located {
            path: "/kubepods.slice/a b%".to_owned(),
            owner,
        };
        let id = |version| CgroupId { version, id: 7 };
        let key = Key {
            tgid: 42,
            start_ns: 1_000_000_007,
        };
        let ids = ContainerIds {
            container: Some("ab".repeat(32)),
            pod_uid: None,
        };
        let named = Named {
            namespace: Some("shop".to_owned()),
            pod: Some("web-0".to_owned()),
            container: None,
        };
        for answer in [
            Answer::Cgroup(id(CgroupVersion::V1), Some(located(Owner::Root))),
            Answer::Cgroup(id(CgroupVersion::V2), Some(located(Owner::User(1000)))),
            Answer::Process(key, Some(located(Owner::Unknown))),
            Answer::Named(ids, Some(named)),
        ] {
            let mut text = String::new();
            found(&mut text, &answer);
            assert_eq!(parse(text.trim_end()), Ok(Some(Line::Found(answer))));
        }
    }
}
