use super::*;

const SECOND: u64 = 1_000_000_000;
const MINUTE: u64 = 60 * SECOND;

fn id() -> String {
    "ab".repeat(32)
}

fn key(tgid: u32) -> Key {
    Key { tgid, start_ns: 5 }
}

fn v1(id: u64) -> CgroupId {
    CgroupId {
        version: CgroupVersion::V1,
        id,
    }
}

fn v2(id: u64) -> CgroupId {
    CgroupId {
        version: CgroupVersion::V2,
        id,
    }
}

/// In the unified hierarchy.
fn at(id: u64) -> CgroupIds {
    CgroupIds {
        v1: None,
        v2: Some(id),
    }
}

fn made(id: CgroupId, path: &str) -> CgroupMade {
    CgroupMade {
        at_ns: 1,
        id,
        path: Some(path.to_owned()),
    }
}

/// Below a unit of the host itself, if below any.
fn located(path: &str) -> Located {
    Located {
        path: path.to_owned(),
        owner: Owner::Root,
    }
}

fn walked(began_ns: u64, cgroups: &[(u64, &str)]) -> Answer {
    Answer::Walked {
        version: CgroupVersion::V2,
        began_ns,
        cgroups: cgroups
            .iter()
            .map(|(id, path)| (*id, located(path)))
            .collect(),
        complete: true,
    }
}

fn known(found: Found) -> Arc<Workload> {
    match found {
        Found::Known(workload) => workload,
        other => panic!("{other:?}"),
    }
}

fn path_of(workloads: &mut Workloads, id: u64) -> Option<String> {
    match workloads.of_dead(key(7), at(id), None, SECOND) {
        Found::Known(workload) => workload.cgroup.clone(),
        _ => None,
    }
}

#[test]
fn a_new_cgroup_is_known_at_once() {
    let mut workloads = Workloads::new(false);
    workloads.made(&made(v2(42), "/system.slice/a.service"), 0);
    let found = known(workloads.of_dead(key(7), at(42), None, 0));
    assert_eq!(found.place.unit.as_deref(), Some("a.service"));
    assert_eq!(found.cgroup_id, Some(v2(42)));
    assert_eq!(workloads.asks(), [Ask::Walk]);
}

#[test]
fn an_unknown_id_is_looked_up_only_once() {
    let mut workloads = Workloads::new(false);
    workloads.asks();
    for dead in [7, 8] {
        let found = workloads.of_dead(key(dead), at(42), None, 0);
        assert_eq!(found, Found::Pending(None));
    }
    let asked = Ask::Cgroup {
        id: v2(42),
        dead: key(7),
    };
    assert_eq!(workloads.asks(), [asked]);
    workloads.receive(Answer::Cgroup(v2(42), None), 0);
    assert_eq!(workloads.failed.gone, 1);
    assert_eq!(workloads.of_dead(key(9), at(42), None, 0), Found::Unknown);
    assert_eq!(workloads.asks(), []);
    // It is still accepted if an answer arrives.
    workloads.receive(walked(0, &[(42, "/a")]), 0);
    assert_eq!(path_of(&mut workloads, 42).as_deref(), Some("/a"));
}

#[test]
fn an_answer_ends_the_wait() {
    let mut workloads = Workloads::new(false);
    workloads.of_dead(key(7), at(42), None, 0);
    workloads.receive(Answer::Cgroup(v2(42), Some(located("/a (deleted)"))), 0);
    assert_eq!(path_of(&mut workloads, 42).as_deref(), Some("/a"));
    assert_eq!(workloads.failed, Failed::default());
}

#[test]
fn a_removed_cgroup_is_kept_for_five_minutes_and_while_it_has_zombies() {
    let mut workloads = Workloads::new(false);
    workloads.made(&made(v2(42), "/a"), 0);
    workloads.made(&made(v2(43), "/b"), 0);
    workloads.receive(walked(SECOND, &[(1, "/")]), SECOND);
    let held = HashSet::from([v2(43)]);
    workloads.housekeeping(&held, 5 * MINUTE);
    assert_eq!(path_of(&mut workloads, 42).as_deref(), Some("/a"));
    workloads.housekeeping(&held, 6 * MINUTE);
    assert_eq!(path_of(&mut workloads, 42), None);
    assert_eq!(path_of(&mut workloads, 43).as_deref(), Some("/b"));
    workloads.housekeeping(&HashSet::new(), 6 * MINUTE);
    assert_eq!(path_of(&mut workloads, 43), None);
}

#[test]
fn a_walk_proves_nothing_about_new_or_unreached_cgroups() {
    let mut workloads = Workloads::new(false);
    workloads.made(&made(v2(42), "/a"), 2 * SECOND);
    workloads.receive(walked(SECOND, &[]), 3 * SECOND);
    assert_eq!(workloads.all().count(), 1);
    let partly = Answer::Walked {
        version: CgroupVersion::V2,
        began_ns: 4 * SECOND,
        cgroups: Vec::new(),
        complete: false,
    };
    workloads.receive(partly, 5 * SECOND);
    assert_eq!(workloads.all().count(), 1);
    workloads.receive(walked(6 * SECOND, &[]), 7 * SECOND);
    assert_eq!(workloads.all().count(), 0);
}

#[test]
fn the_number_of_cgroups_is_bounded_and_the_vanished_go_first() {
    let mut workloads = Workloads::new(false);
    for n in 0..CGROUPS as u64 {
        workloads.made(&made(v2(100 + n), "/a"), n);
    }
    let there: Vec<_> = (0..CGROUPS as u64).map(|n| (100 + n, "/a")).collect();
    let there: Vec<_> = there.into_iter().filter(|(id, _)| *id != 150).collect();
    workloads.receive(walked(MINUTE, &there), MINUTE);
    workloads.made(&made(v2(7), "/new"), MINUTE);
    assert_eq!(path_of(&mut workloads, 150), None);
    assert_eq!(path_of(&mut workloads, 100).as_deref(), Some("/a"));
    workloads.made(&made(v2(8), "/new"), MINUTE);
    assert_eq!(path_of(&mut workloads, 100), None);
    assert_eq!(workloads.all().count(), CGROUPS);
}

#[test]
fn questions_are_bounded_and_those_not_asked_are_counted() {
    let mut workloads = Workloads::new(false);
    for n in 0..2_000 {
        workloads.of_dead(key(7), at(100 + n), None, 0);
    }
    assert_eq!(workloads.asks().len(), ASKED);
    assert_eq!(workloads.failed.busy, 2_000 - (ASKED as u64 - 1));
}

#[test]
fn the_lookup_of_a_container_name_is_repeated_until_it_exists() {
    let mut workloads = Workloads::new(false);
    workloads.asks();
    let path = format!("/docker/{}", id());
    workloads.made(&made(v2(42), &path), 0);
    let ids = ContainerIds {
        container: Some(id()),
        pod_uid: None,
    };
    assert_eq!(workloads.asks(), [Ask::Name(ids.clone())]);
    let found = workloads.of_dead(key(7), at(42), None, 0);
    assert!(
        matches!(found, Found::Pending(Some(_))),
        "the name may be there"
    );
    workloads.receive(Answer::Named(ids.clone(), None), 0);
    let found = workloads.of_dead(key(7), at(42), None, 0);
    assert!(
        matches!(found, Found::Pending(Some(_))),
        "the container may be younger than its name"
    );
    workloads.housekeeping(&HashSet::new(), 0);
    assert_eq!(workloads.asks(), [], "not at once again");
    workloads.housekeeping(&HashSet::new(), SECOND);
    assert_eq!(workloads.asks(), [Ask::Name(ids.clone())]);
    workloads.receive(Answer::Named(ids, Some(Named::container("db"))), SECOND);
    let found = known(workloads.of_dead(key(7), at(42), None, SECOND));
    assert_eq!(found.container(), Some("db"));
    // The next of it has its name at once.
    workloads.made(&made(v2(43), &format!("{path}/inner")), SECOND);
    let found = known(workloads.of_dead(key(7), at(43), None, SECOND));
    assert_eq!(found.container(), Some("db"));
}

#[test]
fn a_new_container_is_not_named_until_its_own_name_is_known() {
    let mut workloads = Workloads::new(false);
    let path = format!("/kubepods/pod0a1b2c3d-0000-4000-8000-000000000000/{}", id());
    workloads.made(&made(v2(42), &path), 0);
    let asks = workloads.asks();
    let Some(Ask::Name(ids)) = asks.last().cloned() else {
        panic!("{asks:?}");
    };
    let pod = Named {
        pod: Some("web-0".to_owned()),
        ..Named::default()
    };
    let whole = Named {
        container: Some("app".to_owned()),
        ..pod.clone()
    };
    workloads.receive(Answer::Named(ids.clone(), Some(pod.clone())), 0);
    let found = workloads.of_dead(key(7), at(42), None, 0);
    assert!(matches!(found, Found::Pending(Some(_))), "{found:?}");
    workloads.housekeeping(&HashSet::new(), SECOND);
    assert_eq!(workloads.asks(), [Ask::Name(ids.clone())]);
    workloads.receive(Answer::Named(ids.clone(), Some(whole)), SECOND);
    // The watch on pods may be behind.
    workloads.receive(Answer::Named(ids, Some(pod)), SECOND);
    let found = known(workloads.of_dead(key(7), at(42), None, SECOND));
    assert_eq!(
        [found.pod(), found.container()],
        [Some("web-0"), Some("app")]
    );
}

#[test]
fn a_container_without_a_name_is_waited_for_only_while_it_is_new() {
    let mut workloads = Workloads::new(false);
    workloads.made(&made(v2(42), &format!("/docker/{}", id())), 0);
    for second in 0..PROMPT as u64 {
        let found = workloads.of_dead(key(7), at(42), None, second * SECOND);
        assert!(matches!(found, Found::Pending(Some(_))), "{found:?}");
        workloads.housekeeping(&HashSet::new(), second * SECOND);
        for ask in workloads.asks() {
            if let Ask::Name(ids) = ask {
                workloads.receive(Answer::Named(ids, None), second * SECOND);
            }
        }
    }
    let found = known(workloads.of_dead(key(7), at(42), None, PROMPT as u64 * SECOND));
    assert_eq!(found.container(), Some(&id()[..12]));
}

#[test]
fn the_lookup_of_a_name_that_never_appears_ends_and_is_counted() {
    let mut workloads = Workloads::new(false);
    workloads.made(&made(v2(42), &format!("/docker/{}", id())), 0);
    let mut asked = 0;
    for second in 0..600 {
        for ask in workloads.asks() {
            if let Ask::Name(ids) = ask {
                asked += 1;
                workloads.receive(Answer::Named(ids, None), second * SECOND);
            }
        }
        workloads.housekeeping(&HashSet::new(), second * SECOND);
    }
    assert_eq!(asked, 1 + NAME_AGAIN_NS.len());
    assert_eq!(workloads.failed.unnamed, 1);
}

#[test]
fn without_a_version_1_id_the_parent_s_cgroup_is_used() {
    let mut workloads = Workloads::new(true);
    workloads.receive(walked(0, &[(1, "/")]), 0);
    let dead = |workloads: &mut Workloads| workloads.of_dead(key(7), at(1), Some(key(3)), 0);
    assert!(matches!(dead(&mut workloads), Found::Pending(Some(_))));
    let path = format!(
        "/kubepods/besteffort/pod3f1c2b4e-7a90-4d1e-8c55-0a1b2c3d4e5f/{}",
        id()
    );
    workloads.receive(Answer::Process(key(3), Some(located(&path))), 0);
    let found = known(dead(&mut workloads));
    assert_eq!(found.cgroup, Some(path));
    assert!(found.of_parent);
    // Where the parent ended meanwhile, its own is left.
    let found = |workloads: &mut Workloads| workloads.of_dead(key(7), at(1), Some(key(4)), 0);
    assert!(matches!(found(&mut workloads), Found::Pending(Some(_))));
    workloads.receive(Answer::Process(key(4), None), 0);
    let found = known(found(&mut workloads));
    assert_eq!(found.cgroup.as_deref(), Some("/"));
    assert!(!found.of_parent);
}

#[test]
fn on_version_1_a_container_path_needs_no_parent() {
    let mut workloads = Workloads::new(true);
    workloads.made(&made(v2(42), &format!("/docker/{}", id())), 0);
    let ids = ContainerIds {
        container: Some(id()),
        pod_uid: None,
    };
    workloads.receive(Answer::Named(ids, Some(Named::container("db"))), 0);
    let found = known(workloads.of_dead(key(7), at(42), Some(key(3)), 0));
    assert!(!found.of_parent);
    // A process's own unit is more specific than its parent's.
    workloads.made(&made(v2(43), "/system.slice/a.service"), 0);
    workloads.receive(
        Answer::Process(key(3), Some(located("/system.slice/b.service"))),
        0,
    );
    let found = known(workloads.of_dead(key(7), at(43), Some(key(3)), 0));
    assert_eq!(found.place.unit.as_deref(), Some("a.service"));
}

#[test]
fn on_version_1_the_own_path_is_used_before_the_parent_s() {
    let mut workloads = Workloads::new(true);
    let (root, nowhere) = (Some(1), Some(99));
    let found = |workloads: &mut Workloads, v1, v2| {
        workloads.of_dead(key(7), CgroupIds { v1, v2 }, Some(key(3)), 0)
    };
    let path = |found| known(found).cgroup.clone();
    // The same number means another cgroup in another hierarchy.
    workloads.made(&made(v1(42), "/system.slice/a.service"), 0);
    workloads.made(&made(v2(42), "/system.slice/b.service"), 0);
    let own = path(found(&mut workloads, Some(42), root));
    assert_eq!(own.as_deref(), Some("/system.slice/a.service"));
    let own = path(found(&mut workloads, root, Some(42)));
    assert_eq!(own.as_deref(), Some("/system.slice/b.service"));
    let own = path(found(&mut workloads, Some(42), Some(42)));
    assert_eq!(own.as_deref(), Some("/system.slice/b.service"));
    let own = path(found(&mut workloads, root, root));
    assert_eq!(own.as_deref(), Some("/"));
    // A container is more specific than a unit, in any hierarchy.
    workloads.made(&made(v1(43), "/lxc.payload.db"), 0);
    let own = known(found(&mut workloads, Some(43), Some(42)));
    assert_eq!(own.container(), Some("db"));
    assert_eq!(own.cgroup_id, Some(v1(43)));
    assert!(!workloads.asks().contains(&Ask::Process(key(3))));
    // The root is no answer where the other hierarchy has a place that nobody knows.
    assert!(matches!(
        found(&mut workloads, nowhere, root),
        Found::Pending(_)
    ));
    workloads.receive(Answer::Cgroup(v1(99), None), 0);
    assert_eq!(found(&mut workloads, nowhere, root), Found::Unknown);
    let other = path(found(&mut workloads, nowhere, Some(42)));
    assert_eq!(other.as_deref(), Some("/system.slice/b.service"));
}

#[test]
fn a_walk_of_one_hierarchy_proves_nothing_about_the_other() {
    let mut workloads = Workloads::new(true);
    workloads.made(&made(v1(42), "/a"), 0);
    workloads.receive(walked(SECOND, &[]), SECOND);
    assert_eq!(workloads.all().count(), 1);
}

#[test]
fn the_workload_of_a_living_process_is_cached_for_as_long_as_it_had_lived() {
    let mut workloads = Workloads::new(false);
    let answered = |workloads: &mut Workloads, path: &str, now_ns| {
        workloads.receive(Answer::Process(key(3), Some(located(path))), now_ns);
    };
    let asks = |workloads: &mut Workloads, now_ns| {
        workloads.asks();
        workloads.of_living(key(3), now_ns);
        !workloads.asks().is_empty()
    };
    assert!(asks(&mut workloads, 0));
    // A runtime has not moved it yet.
    answered(&mut workloads, "/runtime", 0);
    assert!(!asks(&mut workloads, SECOND - 1));
    assert!(asks(&mut workloads, SECOND));
    answered(&mut workloads, "/a", 30 * SECOND);
    assert!(!asks(&mut workloads, 59 * SECOND));
    assert!(asks(&mut workloads, MINUTE));
    answered(&mut workloads, "/a", 3 * MINUTE);
    assert!(!asks(&mut workloads, 4 * MINUTE - 1));
    assert!(asks(&mut workloads, 4 * MINUTE));
    workloads.receive(Answer::Process(key(3), None), 4 * MINUTE);
    let found = known(workloads.of_living(key(3), 4 * MINUTE));
    assert_eq!(found.cgroup.as_deref(), Some("/a"), "it has ended since");
    workloads.housekeeping(&HashSet::new(), 10 * MINUTE);
    assert_eq!(
        workloads.of_living(key(3), 10 * MINUTE),
        Found::Pending(None)
    );
}

#[test]
fn a_user_s_container_with_the_id_of_another_gets_no_name() {
    let mut workloads = Workloads::new(false);
    workloads.asks();
    let theirs = format!(
        "/system.slice/a.service/kubepods/pod{}/{}",
        "0".repeat(36),
        id()
    );
    // Who owns the unit is not known at its making.
    workloads.made(&made(v2(42), &theirs), 0);
    let of_dead = workloads.of_dead(key(7), at(42), None, 0);
    assert_eq!(of_dead, Found::Pending(None));
    assert_eq!(workloads.asks().len(), 1);
    let owned = Located {
        path: theirs,
        owner: Owner::User(1000),
    };
    workloads.receive(Answer::Cgroup(v2(42), Some(owned)), 0);
    let found = known(workloads.of_dead(key(7), at(42), None, 0));
    assert_eq!(workloads.asks(), []);
    assert_eq!((found.pod(), found.container_name()), (None, None));
    assert_eq!(found.place.user, Some(1000));
    assert_eq!(found.place.unit.as_deref(), Some("a.service"));
}
