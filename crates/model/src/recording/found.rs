//! The forms of lines on where processes belong.

use super::event::cgroup_id;
use super::fields::{Fields, Malformed, write};
use crate::events::{CgroupId, Key};
use crate::workload::{Answer, ContainerIds, Located, Named, Owner};

/// What a lookup found, a line each; nothing where it found nothing.
pub fn found(text: &mut String, answer: &Answer) {
    match answer {
        Answer::Walked {
            version, cgroups, ..
        } => {
            for (id, located) in cgroups {
                let (version, id) = (*version, *id);
                write(
                    text,
                    "cgroup",
                    &(CgroupId { version, id }, located.clone()),
                    cgroup,
                );
            }
        }
        Answer::Cgroup(id, Some(located)) => write(text, "cgroup", &(*id, located.clone()), cgroup),
        Answer::Process(key, Some(located)) => {
            write(text, "placed", &(*key, located.clone()), placed);
        }
        Answer::Named(ids, Some(names)) => {
            write(text, "named", &(ids.clone(), names.clone()), named);
        }
        Answer::Cgroup(_, None)
        | Answer::Process(_, None)
        | Answer::Named(_, None)
        | Answer::Watched(..) => {}
    }
}

pub(super) fn cgroup(f: &mut Fields<'_, (CgroupId, Located)>) -> Result<Answer, Malformed> {
    let id = cgroup_id(&mut f.part(|it| &it.0))?;
    Ok(Answer::Cgroup(id, Some(located(&mut f.part(|it| &it.1))?)))
}

pub(super) fn placed(f: &mut Fields<'_, (Key, Located)>) -> Result<Answer, Malformed> {
    let key = f.must("process", |it| it.0)?;
    Ok(Answer::Process(
        key,
        Some(located(&mut f.part(|it| &it.1))?),
    ))
}

pub(super) fn named(f: &mut Fields<'_, (ContainerIds, Named)>) -> Result<Answer, Malformed> {
    let ids = ContainerIds {
        container: f.maybe("container", |it| it.0.container.clone())?,
        pod_uid: f.maybe("pod_uid", |it| it.0.pod_uid.clone())?,
    };
    let named = Named {
        namespace: f.maybe("namespace", |it| it.1.namespace.clone())?,
        pod: f.maybe("pod", |it| it.1.pod.clone())?,
        container: f.maybe("name", |it| it.1.container.clone())?,
    };
    Ok(Answer::Named(ids, Some(named)))
}

fn located(f: &mut Fields<'_, Located>) -> Result<Located, Malformed> {
    let path = f.must("path", |it| it.path.clone())?;
    let owner = f.maybe("owner", |it| match it.owner {
        Owner::Unknown => None,
        Owner::Root => Some(0),
        Owner::User(uid) => Some(uid),
    })?;
    let owner = match owner {
        None => Owner::Unknown,
        Some(0) => Owner::Root,
        Some(uid) => Owner::User(uid),
    };
    Ok(Located { path, owner })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{CgroupVersion, Key};
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
