//! That the views print what the agent answers.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::agent::{Agent, eventually, view};
use crate::scenario::Misbehaving;

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn each_view_prints_the_document_of_the_agent() {
    let agent = Agent::start(&[]);
    let one = Misbehaving::start("never_waits");
    let pid = one.culprit.pid;
    assert!(eventually(|| agent.culprit(pid).is_some()));
    let explain = format!("explain {pid}");
    let of_pid = format!("explain/{pid}");
    for (command, document) in [
        ("zombies", "zombies"),
        ("culprits", "culprits"),
        (explain.as_str(), of_pid.as_str()),
        ("stuck", "stuck"),
        ("doctor", "doctor"),
    ] {
        let args: Vec<_> = command.split(' ').chain(["--json"]).collect();
        let output = view(&args, agent.socket());
        let printed: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{command}: {error} in {output:?}"));
        let answered: Value = agent.document(document);
        assert_eq!(fields(&printed), fields(&answered), "{command}");
        // Others die on this machine meanwhile; this one and its zombies stay.
        let named = |it: &Value| it.to_string().contains(&format!("\"pid\":{pid},"));
        assert_eq!(named(&printed), named(&answered), "{command}");
    }
}

fn fields(document: &Value) -> BTreeSet<&String> {
    let object = document.as_object().expect("a document is an object");
    object.keys().collect()
}
