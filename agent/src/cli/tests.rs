use clap::FromArgMatches as _;

use super::*;

#[test]
fn agent_defaults_are_as_documented() {
    let args = defaults::<AgentArgs>();
    assert_eq!(
        args.listen.get().map(ToString::to_string).as_deref(),
        Some("127.0.0.1:9991")
    );
    assert_eq!(args.socket.get(), Some(&PathBuf::from(DEFAULT_SOCKET)));
    assert_eq!(args.stale_after, Duration::from_secs(30));
    assert_eq!(args.probes.ring_bytes, 2 << 20);
    assert_eq!(args.probes.reconcile_every, Duration::from_secs(60));
    assert_eq!(args.max_groups, 256);
}

#[test]
fn cri_endpoint_is_a_url_or_a_path() {
    let socket = PathBuf::from("/run/crio/crio.sock");
    for text in ["unix:///run/crio/crio.sock", "/run/crio/crio.sock"] {
        assert_eq!(values::cri_endpoint(text).as_ref(), Ok(&socket));
    }
    for text in [
        "",
        "unix://",
        "unix://crio.sock",
        "tcp://1.2.3.4:5",
        "crio.sock",
    ] {
        assert!(values::cri_endpoint(text).is_err(), "{text}");
    }
    let args = defaults::<AgentArgs>();
    assert_eq!(args.probes.cri_endpoint, None);
}

#[test]
fn none_turns_listeners_off() {
    let command = AgentArgs::augment_args(clap::Command::new("agent"));
    let matches = command.get_matches_from(["agent", "--listen", "none", "--socket", "none"]);
    let args = AgentArgs::from_arg_matches(&matches).expect("they are right");
    assert_eq!((args.listen.get(), args.socket.get()), (None, None));
}
