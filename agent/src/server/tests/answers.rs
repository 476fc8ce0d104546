use super::*;

#[test]
fn metrics_are_served_as_prometheus_expects() {
    let answer = Server::on_tcp(Loop::Ready).get("/metrics");
    assert_eq!(answer.status, 200);
    assert!(answer.body.contains(SERIES), "{}", answer.body);
    assert!(
        answer
            .head
            .contains("content-type: text/plain; version=0.0.4; charset=utf-8")
    );
}

#[test]
fn documents_are_served_unchanged() {
    let server = Server::on_tcp(Loop::Ready);
    let zombies: Document<Zombie> =
        serde_json::from_value(server.get("/api/v1/zombies").json()).expect("a document");
    assert_eq!(
        (zombies.head.host.as_str(), zombies.head.lost_events),
        ("testhost", 3)
    );
    assert_eq!(zombies.total, u64::from(ZOMBIES));
    let pids = zombies.items.iter().map(|zombie| zombie.pid);
    assert!(pids.eq(1..=ZOMBIES));
    let top = server.get("/api/v1/top").json();
    assert_eq!(top["items"][0]["summary"]["uptime_seconds"], 7.5);
    let doctor: Doctor =
        serde_json::from_value(server.get("/api/v1/doctor").json()).expect("a document");
    assert_eq!(doctor, super::doctor());
}

#[test]
fn explain_takes_a_pid_and_nothing_else() {
    let server = Server::on_tcp(Loop::Ready);
    let story = server.get("/api/v1/explain/42");
    assert_eq!(
        story.status, 200,
        "nobody has this number, and that is an answer"
    );
    let story = story.json();
    assert_eq!(
        (&story["pid"], &story["state"]),
        (&42.into(), &"unknown".into())
    );
    assert_eq!(
        (&story["version"], &story["host"]),
        (&1.into(), &"testhost".into())
    );
    for rubbish in ["0", "-1", "java", "1%00", "99999999999"] {
        let answer = server.get(&format!("/api/v1/explain/{rubbish}"));
        assert_eq!(answer.status, 400, "{rubbish}");
        let error = answer.json()["error"].to_string();
        assert!(error.contains("not a PID"), "{error}");
    }
    assert_eq!(server.get("/api/v1/explain/").status, 404);
}

#[test]
fn the_landing_page_names_host_and_version_and_links_to_paths_that_exist() {
    let server = Server::on_tcp(Loop::Ready);
    let page = server.get("/");
    assert_eq!(page.status, 200);
    assert!(page.head.contains("content-type: text/html"));
    assert!(
        page.body
            .contains("<h1>reapwatch on &lt;test&amp;host&gt;</h1>")
    );
    assert!(page.body.contains(env!("CARGO_PKG_VERSION")));
    let links = page
        .body
        .split("href=\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next());
    let links: Vec<_> = links.collect();
    assert_eq!(links.len(), 11);
    for link in links {
        // A wrong method, so that the stream of exits ends too; an unknown path would return 404.
        assert_eq!(server.ask("DELETE", link).status, 405, "{link}");
    }
}

#[test]
fn a_working_agent_is_healthy_and_ready() {
    let server = Server::on_tcp(Loop::Ready);
    assert_eq!(server.get("/healthz").status, 200);
    assert_eq!(server.get("/readyz").status, 200);
}

#[test]
fn a_starting_agent_is_healthy_but_not_ready() {
    let server = Server::on_tcp(Loop::Starting);
    assert_eq!(server.get("/healthz").status, 200);
    let answer = server.get("/readyz");
    assert_eq!(answer.status, 503);
    answer.assert_error(&["probes"]);
}

#[test]
fn a_stuck_loop_is_unhealthy() {
    let answer = Server::on_tcp(Loop::Stuck).get("/healthz");
    assert_eq!(answer.status, 503);
    assert_eq!(
        answer.json(),
        json!({ "error": "the agent's event loop did not answer within 1 s" })
    );
}

#[test]
fn an_ended_loop_is_unavailable() {
    let server = Server::on_tcp(Loop::Gone);
    for path in [
        "/",
        "/metrics",
        "/healthz",
        "/readyz",
        "/api/v1/zombies",
        "/api/v1/exits",
    ] {
        let answer = server.get(path);
        assert_eq!(answer.status, 503, "{path}");
        assert_eq!(
            answer.json(),
            json!({ "error": "the agent has stopped" }),
            "{path}"
        );
    }
}

#[test]
fn an_unknown_path_is_404() {
    let server = Server::on_tcp(Loop::Ready);
    for path in ["/nothing", "/api/v1/", "/metrics/"] {
        let answer = server.get(path);
        assert_eq!(answer.status, 404, "{path}");
        answer.assert_error(&[path]);
    }
}

#[test]
fn a_wrong_method_is_405_and_names_the_right_one() {
    let answer = Server::on_tcp(Loop::Ready).ask("POST", "/metrics");
    assert_eq!(answer.status, 405);
    assert!(
        answer.head.contains("allow: get,head"),
        "head: {}",
        answer.head
    );
    answer.assert_error(&["POST", "GET"]);
}

#[test]
fn an_unknown_parameter_is_400() {
    let answer = Server::on_tcp(Loop::Ready).get("/api/v1/zombies?fail=1&x=2");
    assert_eq!(answer.status, 400);
    answer.assert_error(&["fail"]);
}

#[test]
fn the_threshold_of_stuck_is_a_parameter() {
    let server = Server::on_tcp(Loop::Ready);
    assert_eq!(server.get("/api/v1/stuck").status, 200);
    assert_eq!(server.get("/api/v1/stuck?threshold=500ms").status, 200);
    for (query, parts) in [
        ("fail=1", ["fail", "threshold"]),
        ("threshold=soon", ["threshold", "500ms"]),
    ] {
        let answer = server.get(&format!("/api/v1/stuck?{query}"));
        assert_eq!(answer.status, 400);
        answer.assert_error(&parts);
    }
}

#[test]
fn a_workload_is_named_by_its_cgroup() {
    let server = Server::on_tcp(Loop::Ready);
    assert_eq!(server.get("/api/v1/workload").json()["parents"], 0);
    let unit = server.get("/api/v1/workload?cgroup=%2Fa.slice").json();
    assert_eq!(unit["parents"], "/a.slice".len());
    for query in ["cgroup=a.slice", "unit=a"] {
        let answer = server.get(&format!("/api/v1/workload?{query}"));
        assert_eq!(answer.status, 400);
        answer.assert_error(&["cgroup"]);
    }
}

#[test]
fn exits_come_as_lines_after_the_loss() {
    let server = Server::on_tcp(Loop::Ready);
    let (lines, _) = follow(server.connect(), 3);
    assert_eq!(lines[0], json!({ "lost": 7 }));
    assert_eq!(lines[1]["pid"], 8);
    assert_eq!(lines[2]["pid"], 9);
    assert_eq!(lines[2]["killer"], Value::Null);
}

#[test]
fn clients_beyond_the_limit_are_served_in_turn() {
    let server = Server::on_tcp(Loop::Ready);
    let waiting = [(); 200].map(|()| {
        let mut stream = server.connect();
        send(&mut stream, "GET", "/healthz");
        stream
    });
    for mut stream in waiting {
        let mut answer = String::new();
        stream
            .read_to_string(&mut answer)
            .expect("the answer can be read");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}
