use proptest::prelude::*;

use super::*;

const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const INNER: &str = "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210";
const UID: &str = "3f1c2b4e-7a90-4d1e-8c55-0a1b2c3d4e5f";
const UID_: &str = "3f1c2b4e_7a90_4d1e_8c55_0a1b2c3d4e5f";

fn at(path: &str) -> Place {
    owned_by(Owner::Root, path)
}

fn owned_by(owner: Owner, path: &str) -> Place {
    parse(&filled(path), owner)
}

fn filled(path: &str) -> String {
    let path = path.replace("UID_", UID_).replace("UID", UID);
    path.replace("INNER", INNER).replace("ID", ID)
}

fn container(id: &str, runtime: Option<&'static str>) -> Place {
    Place {
        container: Some(id.to_owned()),
        runtime,
        ..Place::default()
    }
}

fn pod(qos: Qos, runtime: Option<&'static str>) -> Place {
    Place {
        pod_uid: Some(UID.to_owned()),
        qos: Some(qos),
        ..container(ID, runtime)
    }
}

fn unit(name: &str) -> Place {
    Place {
        unit: Some(name.to_owned()),
        ..Place::default()
    }
}

#[test]
fn pods_of_the_cgroupfs_driver() {
    assert_eq!(
        at("/kubepods/besteffort/podUID/ID"),
        pod(Qos::Besteffort, None)
    );
    assert_eq!(
        at("/kubepods/burstable/podUID/ID"),
        pod(Qos::Burstable, None)
    );
    assert_eq!(at("/kubepods/podUID/ID"), pod(Qos::Guaranteed, None));
    assert_eq!(
        at("/kubepods/burstable/podUID/crio-ID"),
        pod(Qos::Burstable, Some("crio"))
    );
}

#[test]
fn pods_of_the_systemd_driver() {
    let slices = "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-podUID_.slice";
    for (scope, runtime) in [
        ("cri-containerd", "containerd"),
        ("crio", "crio"),
        ("docker", "docker"),
    ] {
        assert_eq!(
            at(&format!("{slices}/{scope}-ID.scope")),
            pod(Qos::Besteffort, Some(runtime))
        );
    }
    assert_eq!(
        at("/kubepods.slice/kubepods-podUID_.slice/crio-ID.scope/container"),
        pod(Qos::Guaranteed, Some("crio"))
    );
}

#[test]
fn the_form_for_systemd_as_folders() {
    let name = "kubepods-burstable-podUID_.slice:cri-containerd:ID";
    let expected = pod(Qos::Burstable, Some("containerd"));
    assert_eq!(
        at(&format!("/system.slice/containerd.service/{name}")),
        expected
    );
    assert_eq!(at(&format!("/{name}")), expected);
}

#[test]
fn static_pods_have_a_hash_for_a_uid() {
    let hash = "0123456789abcdef0123456789abcdef";
    let place = at(&format!("/kubepods/burstable/pod{hash}/ID"));
    assert_eq!(place.pod_uid.as_deref(), Some(hash));
    assert_eq!(place.container.as_deref(), Some(ID));
}

#[test]
fn a_pod_without_a_container_is_that_pod() {
    let place = at("/kubepods/besteffort/podUID");
    assert_eq!(place.pod_uid.as_deref(), Some(UID));
    assert_eq!(place.container, None);
}

#[test]
fn docker_of_both_drivers() {
    assert_eq!(at("/docker/ID"), container(ID, Some("docker")));
    assert_eq!(
        at("/system.slice/docker-ID.scope"),
        container(ID, Some("docker"))
    );
}

#[test]
fn podman_rootful_and_rootless() {
    let podman = container(ID, Some("podman"));
    assert_eq!(at("/machine.slice/libpod-ID.scope/container"), podman);
    assert_eq!(at("/libpod_parent/libpod-ID"), podman);
    let rootless =
        at("/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-ID.scope/container");
    let expected = Place {
        user: Some(1000),
        unit: Some("user@1000.service".to_owned()),
        ..podman
    };
    assert_eq!(rootless, expected);
}

#[test]
fn what_a_user_names_after_a_pod_is_the_user_s() {
    let pods = [
        "kubepods/besteffort/podUID/ID",
        "kubepods.slice/kubepods-podUID_.slice/cri-containerd-ID.scope",
        "kubepods-burstable-podUID_.slice:cri-containerd:ID",
    ];
    for pod in pods {
        let place = at(&format!("/user.slice/user-7.slice/user@7.service/{pod}"));
        assert_eq!((place.pod_uid, place.qos), (None, None), "{pod}");
        assert_eq!(place.user, Some(7), "{pod}");
        assert_eq!(place.unit.as_deref(), Some("user@7.service"), "{pod}");
        let delegated = format!("/system.slice/a.service/x/{pod}");
        let place = owned_by(Owner::User(7), &delegated);
        assert_eq!((place.pod_uid, place.user), (None, Some(7)), "{pod}");
        assert_eq!(place.unit.as_deref(), Some("a.service"), "{pod}");
        let unknown = owned_by(Owner::Unknown, &delegated);
        assert_eq!(unknown, unit("a.service"), "{pod}");
        assert_eq!(at(&delegated).pod_uid.as_deref(), Some(UID), "{pod}");
    }
    assert_eq!(
        at("/user.slice/user-7.slice/user@7.service/kubepods/podUID").container,
        None
    );
}

#[test]
fn the_owner_matters_only_below_a_unit_of_the_host() {
    let around = |path: &str| unit_around(&filled(path)).map(str::to_owned);
    let service = Some("/system.slice/a.service".to_owned());
    assert_eq!(around("/system.slice/a.service/libpod-payload-ID"), service);
    assert_eq!(
        around("/system.slice/a.service/b.scope/kubepods/podUID"),
        service
    );
    for path in [
        "/system.slice/a.service/worker",
        "/system.slice/docker-ID.scope",
        "/kubepods/podUID/ID",
        "/docker/INNER/system.slice/a.service/docker/ID",
        "/user.slice/user-7.slice/user@7.service/libpod-ID.scope",
        "/",
        "",
    ] {
        assert_eq!(around(path), None, "{path}");
    }
}

#[test]
fn a_monitor_is_not_its_container() {
    for scope in ["libpod-conmon", "crio-conmon"] {
        let place = at(&format!("/machine.slice/{scope}-ID.scope"));
        assert_eq!(place, unit(&format!("{scope}-{ID}.scope")));
    }
    assert_eq!(at("/lxc.monitor.web"), Place::default());
}

#[test]
fn lxc_in_all_three_layouts() {
    for path in ["/lxc/web", "/lxc.payload.web", "/lxc.payload/web"] {
        assert_eq!(at(path), container("web", Some("lxc")), "{path}");
    }
}

#[test]
fn runc_alone() {
    assert_eq!(
        at("/system.slice/runc-my\\x2dbox.scope"),
        container("my-box", Some("runc"))
    );
    // A directory with an arbitrary name proves nothing.
    assert_eq!(at("/mybox"), Place::default());
}

#[test]
fn machine_slices_are_named() {
    for path in [
        "/machine.slice/machine-web\\x2d1.scope",
        "/machine.slice/systemd-nspawn@web\\x2d1.service",
    ] {
        assert_eq!(at(path), container("web-1", Some("machine")), "{path}");
    }
    let inside = at("/machine.slice/systemd-nspawn@web.service/payload/system.slice/nginx.service");
    assert_eq!(inside.container.as_deref(), Some("web"));
    assert_eq!(inside.unit.as_deref(), Some("nginx.service"));
}

#[test]
fn system_units_are_named() {
    assert_eq!(at("/system.slice/foo.service"), unit("foo.service"));
    assert_eq!(
        at("/system.slice/system-getty.slice/getty@tty1.service"),
        unit("getty@tty1.service")
    );
    assert_eq!(
        at("/system.slice/my\\x2dapp.service/worker"),
        unit("my-app.service")
    );
    assert_eq!(at("/init.scope"), unit("init.scope"));
    assert_eq!(at("/system.slice/_cpu.service"), unit("cpu.service"));
    assert_eq!(
        at("/system.slice/odd\\xzz\\x2"),
        Place::default(),
        "a slip in an escape is no panic"
    );
}

#[test]
fn user_units_are_named() {
    let session = at("/user.slice/user-1000.slice/session-3.scope");
    assert_eq!(session.user, Some(1000));
    assert_eq!(session.unit.as_deref(), Some("session-3.scope"));
    let app = at("/user.slice/user-1000.slice/user@1000.service/app.slice/web.service");
    assert_eq!(app.unit.as_deref(), Some("user@1000.service"));
    assert_eq!(app.user_unit.as_deref(), Some("web.service"));
}

#[test]
fn the_innermost_of_nested_containers_is_named() {
    let kind = at("/docker/INNER/kubelet.slice/kubelet-kubepods.slice/\
                   kubelet-kubepods-besteffort.slice/\
                   kubelet-kubepods-besteffort-podUID_.slice/cri-containerd-ID.scope");
    assert_eq!(kind, pod(Qos::Besteffort, Some("containerd")));
    let cgroupfs = at("/docker/INNER/kubelet/kubepods/besteffort/podUID/ID");
    assert_eq!(cgroupfs, pod(Qos::Besteffort, None));
    // Docker in a pod: another container, the same pod.
    let docker = at("/kubepods/besteffort/podUID/INNER/docker/ID");
    assert_eq!(docker, pod(Qos::Besteffort, Some("docker")));
    let unit_inside = at("/docker/ID/system.slice/nginx.service");
    assert_eq!(unit_inside.unit.as_deref(), Some("nginx.service"));
    assert_eq!(unit_inside.container.as_deref(), Some(ID));
}

#[test]
fn the_path_of_a_removed_cgroup_is_parsed_like_any_other() {
    assert_eq!(
        at("/kubepods/besteffort/podUID/ID (deleted)"),
        pod(Qos::Besteffort, None)
    );
    assert_eq!(clean("/a b (deleted)"), "/a b");
}

#[test]
fn from_inside_a_namespace_the_way_up_is_left_out() {
    assert_eq!(
        at("/../../kubepods/besteffort/podUID/ID"),
        pod(Qos::Besteffort, None)
    );
    assert_eq!(clean("/.."), "/");
    assert_eq!(clean("/"), "/");
}

#[test]
fn paths_that_only_resemble_containers_are_not_containers() {
    for path in [
        "/",
        "",
        "/user.slice",
        "/app/0123456789abcdef",
        "/podUID",
        "/pod7/ID7",
    ] {
        let place = at(path);
        assert_eq!(place.pod_uid, None, "{path}");
        assert_eq!(place.container, None, "{path}");
    }
}

proptest! {
    #[test]
    fn any_path_is_parsed_without_a_panic(path in ".*") {
        let _ = (parse(&path, Owner::User(7)), unit_around(&path));
    }

    #[test]
    fn any_sequence_of_filter_words_is_parsed_without_a_panic(
        names in proptest::collection::vec(
            prop_oneof![
                Just("kubepods".to_owned()),
                Just(".slice:".to_owned()),
                Just("pod".to_owned()),
                Just("-pod.slice".to_owned()),
                Just("\\x".to_owned()),
                Just("é.scope".to_owned()),
                Just("lxc".to_owned()),
                Just("user-.slice".to_owned()),
            ],
            0..8,
        )
    ) {
        let _ = (parse(&names.join("/"), Owner::Root), unit_around(&names.join("/")));
        let _ = parse(&names.join(""), Owner::Unknown);
    }
}
