//! The workload of a suspect, which decides where its remedy applies.

use std::sync::Arc;

use super::evidence::Place;
use crate::workload::Workload;

/// The place of a process in `own`. `init_of` are the workloads of its zombies if it is the init of
/// a PID namespace.
pub fn of(own: Option<&Workload>, init_of: &[Arc<Workload>]) -> Place {
    let Some(own) = own else {
        return Place::Host;
    };
    if own.place.pod_uid.is_some() {
        return Place::Pod {
            name: pod(own).unwrap_or_default(),
            shares_pid_namespace: init_of.iter().any(|zombie| is_beside(zombie, own)),
        };
    }
    if let Some(name) = own.container() {
        return Place::Container {
            name: name.to_owned(),
        };
    }
    // A scope has no persistent drop-in, and a unit of a user manager needs a different one.
    let is_service = |unit: &&String| unit.ends_with(".service") && own.place.user_unit.is_none();
    match own.place.unit.as_ref().filter(is_service) {
        Some(unit) => Place::Unit { name: unit.clone() },
        None => Place::Host,
    }
}

/// `namespace/pod/container` as far as known, otherwise the UID.
fn pod(own: &Workload) -> Option<String> {
    let named = own.named.as_ref().filter(|named| named.pod.is_some());
    let Some(named) = named else {
        return own.place.pod_uid.clone();
    };
    let parts = [&named.namespace, &named.pod, &named.container];
    let parts: Vec<_> = parts.into_iter().flatten().map(String::as_str).collect();
    Some(parts.join("/"))
}

/// In another container of the same pod.
fn is_beside(zombie: &Workload, own: &Workload) -> bool {
    let (zombie, own) = (&zombie.place, &own.place);
    zombie.pod_uid == own.pod_uid
        && zombie.container.is_some()
        && own.container.is_some()
        && zombie.container != own.container
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::{self, Named};

    const POD: &str = "3f1c2b4e-7a90-4d1e-9c11-0a2b3c4d5e6f";

    fn in_pod(container: char) -> Workload {
        Workload {
            place: workload::Place {
                container: Some(container.to_string().repeat(64)),
                pod_uid: Some(POD.to_owned()),
                ..workload::Place::default()
            },
            ..Workload::default()
        }
    }

    fn named(names: [Option<&str>; 3]) -> Named {
        let [namespace, pod, container] = names.map(|name| name.map(str::to_owned));
        Named {
            namespace,
            pod,
            container,
        }
    }

    fn name(place: Place) -> String {
        match place {
            Place::Host => "host".to_owned(),
            Place::Pod { name, .. } | Place::Container { name } | Place::Unit { name } => name,
        }
    }

    #[test]
    fn a_pod_has_its_names_as_far_as_they_are_known() {
        let of = |names| {
            let named = Some(named(names));
            name(of(
                Some(&Workload {
                    named,
                    ..in_pod('a')
                }),
                &[],
            ))
        };
        assert_eq!(
            of([Some("shop"), Some("web-0"), Some("app")]),
            "shop/web-0/app"
        );
        assert_eq!(of([Some("shop"), Some("web-0"), None]), "shop/web-0");
        assert_eq!(of([None, None, Some("app")]), POD);
        assert_eq!(name(super::of(Some(&in_pod('a')), &[])), POD);
    }

    #[test]
    fn only_a_zombie_of_another_container_of_the_same_pod_shares_the_namespace() {
        let shares = |zombies: &[Workload]| {
            let zombies: Vec<_> = zombies.iter().cloned().map(Arc::new).collect();
            match of(Some(&in_pod('a')), &zombies) {
                Place::Pod {
                    shares_pid_namespace,
                    ..
                } => shares_pid_namespace,
                other => panic!("{other:?}"),
            }
        };
        let mut of_another_pod = in_pod('b');
        of_another_pod.place.pod_uid = Some("another".to_owned());
        let mut unknown = in_pod('b');
        unknown.place.container = None;
        assert!(!shares(&[]));
        assert!(!shares(&[in_pod('a'), of_another_pod, unknown]));
        assert!(shares(&[in_pod('a'), in_pod('b')]));
    }

    #[test]
    fn only_a_service_of_the_machine_is_a_unit() {
        let unit = |unit: &str, user_unit: Option<&str>| {
            let place = workload::Place {
                unit: Some(unit.to_owned()),
                user_unit: user_unit.map(str::to_owned),
                ..workload::Place::default()
            };
            let own = Workload {
                place,
                ..Workload::default()
            };
            name(of(Some(&own), &[]))
        };
        assert_eq!(unit("nginx.service", None), "nginx.service");
        assert_eq!(unit("session-3.scope", None), "host");
        assert_eq!(unit("user@1000.service", Some("app.service")), "host");
        assert_eq!(name(of(None, &[])), "host");
    }
}
