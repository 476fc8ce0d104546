//! Names from a watch on the node's pods or from the container runtime. Pure: `now_ns` is an
//! argument.
//!
//! A pod's uid is known before its first process, the id of a container only once kubelet has
//! written it to the pod's status, or the runtime was asked. Lookups that came too early are
//! answered then.

use std::collections::{HashMap, VecDeque};

use super::{Answer, ContainerIds, Named};

/// Maximum number of pods kept; a node has a few hundred.
const PODS: usize = 4_096;
/// Maximum number of those that are gone.
const GONE: usize = 1_024;
/// How long a pod is kept once it is gone: longer than a removed cgroup.
const KEEP_NS: u64 = 600_000_000_000;
/// Maximum number of lookups that wait for names.
const WANTED: usize = 4_096;

/// Sources of pods, most trusted first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The API server.
    Watch,
    /// The container runtime, over CRI.
    Cri,
}

/// The needed fields of a pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pod {
    /// Its uid.
    pub uid: String,
    /// For a static pod, the name of its cgroup.
    pub hash: Option<String>,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Ids and names of its containers.
    pub containers: Vec<(String, String)>,
    /// Ids of its pause processes, if known.
    pub sandboxes: Vec<String>,
}

/// News from a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// All pods of the node.
    All(Vec<Pod>),
    /// A new or changed pod.
    There(Pod),
    /// The pod with this uid is gone.
    Gone(String),
    /// The source works from now on.
    Up,
    /// The source has failed.
    Failed(Failure),
}

/// Why a watch restarted, or the runtime is asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// No permission to read pods.
    Forbidden,
    /// The resource version has expired, so all pods are listed again.
    Expired,
    /// An unreadable response.
    Malformed,
    /// No connection, or a broken one.
    Disconnected,
    /// A timeout.
    Slow,
    /// Another error of the server.
    Server,
}

/// State of a source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Watched {
    /// Whether the watch is connected, or the last request succeeded.
    pub up: bool,
    /// Number of failures, in the order of [`Failure`].
    pub failures: [u64; 6],
    /// The last failure.
    pub last: Option<Failure>,
}

impl Failure {
    /// All of them in order, with their names.
    pub const ALL: [(Self, &str); 6] = [
        (Self::Forbidden, "forbidden"),
        (Self::Expired, "expired"),
        (Self::Malformed, "malformed"),
        (Self::Disconnected, "disconnected"),
        (Self::Slow, "slow"),
        (Self::Server, "server"),
    ];
}

impl Watched {
    /// Number of failures, by kind and name.
    pub fn each_failure(&self) -> impl Iterator<Item = (Failure, &'static str, u64)> {
        let all = Failure::ALL.into_iter().zip(self.failures);
        all.map(|((failure, name), total)| (failure, name, total))
    }
}

/// What a pod knows about a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// The names.
    pub named: Named,
    /// Complete: a pause process has no name of its own.
    pub is_complete: bool,
}

/// The pods of the node, and lookups waiting for names.
#[derive(Debug, Default)]
pub struct Roster {
    pods: HashMap<String, Kept>,
    /// Oldest first, and whether they know their pod already.
    wanted: VecDeque<(ContainerIds, bool)>,
    watched: Watched,
}

#[derive(Debug)]
struct Kept {
    pod: Pod,
    gone_ns: Option<u64>,
}

impl Pod {
    /// What this pod knows about a container, if it is one of its own.
    fn named(&self, ids: &ContainerIds) -> Option<Match> {
        let id = ids.container.as_ref();
        let container = self.containers.iter().find(|(its, _)| Some(its) == id);
        let is_pause = id.is_some_and(|id| self.sandboxes.contains(id));
        let uid = ids.pod_uid.as_ref();
        let own = uid.is_some_and(|uid| *uid == self.uid || Some(uid) == self.hash.as_ref());
        (container.is_some() || is_pause || own).then(|| Match {
            named: Named {
                namespace: Some(self.namespace.clone()),
                pod: Some(self.name.clone()),
                container: container.map(|(_, name)| name.clone()),
            },
            is_complete: container.is_some() || is_pause || id.is_none(),
        })
    }
}

impl Roster {
    /// What is known about a container.
    pub fn find(&self, ids: &ContainerIds) -> Option<Match> {
        let all = self.pods.values().filter_map(|kept| kept.pod.named(ids));
        all.max_by_key(|found| found.is_complete)
    }

    /// State of the source.
    pub fn watched(&self) -> Watched {
        self.watched
    }

    /// Keeps a lookup that has no name yet, or only that of the pod.
    pub fn want(&mut self, ids: ContainerIds, has_pod: bool) {
        self.wanted.retain(|(wanted, _)| *wanted != ids);
        if self.wanted.len() >= WANTED {
            self.wanted.pop_front();
        }
        self.wanted.push_back((ids, has_pod));
    }

    /// Takes news, and answers waiting lookups.
    pub fn hear(&mut self, news: News, now_ns: u64) -> Vec<Answer> {
        let mut answers = Vec::new();
        match news {
            News::All(pods) => {
                for kept in self.pods.values_mut() {
                    if !pods.iter().any(|pod| pod.uid == kept.pod.uid) {
                        kept.gone_ns.get_or_insert(now_ns);
                    }
                }
                for pod in pods {
                    self.put(pod, &mut answers);
                }
            }
            News::There(pod) => self.put(pod, &mut answers),
            News::Gone(uid) => {
                if let Some(kept) = self.pods.get_mut(&uid) {
                    kept.gone_ns.get_or_insert(now_ns);
                }
            }
            News::Up => self.watched.up = true,
            News::Failed(failure) => {
                self.watched.up = false;
                self.watched.failures[failure as usize] += 1;
                self.watched.last = Some(failure);
            }
        }
        self.forget(now_ns);
        answers
    }

    fn put(&mut self, pod: Pod, answers: &mut Vec<Answer>) {
        if self.pods.len() >= PODS && !self.pods.contains_key(&pod.uid) {
            return;
        }
        self.wanted.retain_mut(|(ids, has_pod)| {
            let Some(found) = pod.named(ids) else {
                return true;
            };
            if !*has_pod || found.is_complete {
                answers.push(Answer::Named(ids.clone(), Some(found.named)));
            }
            *has_pod = true;
            !found.is_complete
        });
        self.pods
            .insert(pod.uid.clone(), Kept { pod, gone_ns: None });
    }

    fn forget(&mut self, now_ns: u64) {
        let long_gone = |gone_ns: u64| now_ns.saturating_sub(gone_ns) >= KEEP_NS;
        self.pods
            .retain(|_, kept| !kept.gone_ns.is_some_and(long_gone));
        let gone = self.pods.iter();
        let gone = gone.filter_map(|(uid, kept)| Some((kept.gone_ns?, uid.clone())));
        let mut gone: Vec<_> = gone.collect();
        if gone.len() > GONE {
            gone.sort_unstable();
            for (_, uid) in &gone[..gone.len() - GONE] {
                self.pods.remove(uid);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(uid: &str, containers: &[(&str, &str)]) -> Pod {
        let owned = |(id, name): &(&str, &str)| ((*id).to_owned(), (*name).to_owned());
        Pod {
            uid: uid.to_owned(),
            hash: None,
            namespace: "shop".to_owned(),
            name: format!("web-{uid}"),
            containers: containers.iter().map(owned).collect(),
            sandboxes: Vec::new(),
        }
    }

    fn ids(container: Option<&str>, pod_uid: Option<&str>) -> ContainerIds {
        ContainerIds {
            container: container.map(str::to_owned),
            pod_uid: pod_uid.map(str::to_owned),
        }
    }

    fn a_match(named: Named, is_complete: bool) -> Match {
        Match { named, is_complete }
    }

    fn named(pod: &str, container: Option<&str>) -> Named {
        Named {
            namespace: Some("shop".to_owned()),
            pod: Some(pod.to_owned()),
            container: container.map(str::to_owned),
        }
    }

    #[test]
    fn a_container_is_found_by_its_id_and_by_its_pod() {
        let mut roster = Roster::default();
        roster.hear(News::All(vec![pod("1", &[("a", "app")]), pod("2", &[])]), 0);
        let app = Some(a_match(named("web-1", Some("app")), true));
        assert_eq!(roster.find(&ids(Some("a"), Some("1"))), app);
        assert_eq!(roster.find(&ids(Some("a"), None)), app);
        let unknown = ids(Some("b"), Some("2"));
        assert_eq!(
            roster.find(&unknown),
            Some(a_match(named("web-2", None), false))
        );
        assert_eq!(roster.find(&ids(Some("b"), Some("3"))), None);
    }

    #[test]
    fn a_pause_process_has_its_pod_name_but_no_container() {
        let mut roster = Roster::default();
        let pause = ids(Some("p"), None);
        roster.want(pause.clone(), false);
        let with_pause = Pod {
            sandboxes: vec!["p".to_owned()],
            ..pod("1", &[("a", "app")])
        };
        let answers = roster.hear(News::All(vec![with_pause]), 0);
        let name = named("web-1", None);
        assert_eq!(answers, [Answer::Named(pause.clone(), Some(name.clone()))]);
        assert_eq!(roster.find(&pause), Some(a_match(name, true)));
        assert!(roster.wanted.is_empty(), "{:?}", roster.wanted);
    }

    #[test]
    fn a_static_pod_is_found_by_its_hash() {
        let mut roster = Roster::default();
        let mirror = Pod {
            hash: Some("f00d".to_owned()),
            ..pod("1", &[])
        };
        roster.hear(News::There(mirror), 0);
        let found = roster.find(&ids(None, Some("f00d")));
        assert_eq!(found, Some(a_match(named("web-1", None), true)));
    }

    #[test]
    fn early_requests_are_answered_once_for_each_new_fact() {
        let mut roster = Roster::default();
        let early = ids(Some("a"), Some("1"));
        roster.want(early.clone(), false);
        let only_pod = roster.hear(News::There(pod("1", &[])), 0);
        let expected = Answer::Named(early.clone(), Some(named("web-1", None)));
        assert_eq!(only_pod, [expected]);
        assert_eq!(roster.hear(News::There(pod("1", &[])), 0), []);
        let all = roster.hear(News::There(pod("1", &[("a", "app")])), 0);
        let expected = Answer::Named(early, Some(named("web-1", Some("app"))));
        assert_eq!(all, [expected]);
        let again = roster.hear(News::All(vec![pod("1", &[("a", "app")])]), 0);
        assert_eq!(again, []);
    }

    #[test]
    fn a_pod_that_is_gone_is_kept_for_a_while() {
        let mut roster = Roster::default();
        roster.hear(News::All(vec![pod("1", &[]), pod("2", &[])]), 0);
        roster.hear(News::Gone("1".to_owned()), 1);
        roster.hear(News::All(vec![]), 2);
        let [first, second] = ["1", "2"].map(|uid| ids(None, Some(uid)));
        roster.hear(News::Up, KEEP_NS);
        assert!(roster.find(&first).is_some() && roster.find(&second).is_some());
        roster.hear(News::Up, KEEP_NS + 1);
        assert!(roster.find(&first).is_none() && roster.find(&second).is_some());
    }

    #[test]
    fn pods_and_waiting_lookups_are_bounded() {
        let mut roster = Roster::default();
        for n in 0..PODS + 10 {
            let uid = n.to_string();
            roster.hear(News::There(pod(&uid, &[])), n as u64);
            roster.want(ids(Some(&uid), None), false);
        }
        assert_eq!((roster.pods.len(), roster.wanted.len()), (PODS, WANTED));
        roster.hear(News::All(vec![]), PODS as u64);
        assert_eq!(roster.pods.len(), GONE);
    }

    #[test]
    fn failures_are_counted_by_reason() {
        let mut roster = Roster::default();
        roster.hear(News::Up, 0);
        roster.hear(News::Failed(Failure::Slow), 0);
        let expected = Watched {
            up: false,
            failures: [0, 0, 0, 0, 1, 0],
            last: Some(Failure::Slow),
        };
        assert_eq!(roster.watched(), expected);
        for (n, (failure, _)) in Failure::ALL.into_iter().enumerate() {
            assert_eq!(failure as usize, n);
        }
    }
}
