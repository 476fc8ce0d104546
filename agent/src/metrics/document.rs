//! Writes `docs/metrics.md` from the registry.

use std::fmt::Write;
use std::path::Path;

use prometheus::proto::{MetricFamily, MetricType};

use super::Metrics;
use super::tests::{full_sample, stepped};

const HEAD: &str = "\
# Metrics

Generated from the agent's registry by `REAPWATCH_BLESS=1 cargo test -p reapwatch metrics::`; do \
not edit.

Every label value that is known in advance exists from the start, at 0. Process names are cut to \
63 bytes; control characters and invalid UTF-8 are replaced. No PID is ever a label.

The labels `namespace`, `pod`, `container` and `unit` are the workload of a process when it died. \
Each is empty if it does not apply; a pod without a known name has its uid, a container without \
one the first 12 digits of its id. At most 256 workloads (`--max-groups`) have their own series; \
later ones count under `~other` in all four labels. A workload's series disappear five minutes \
after the workload and its last zombie are gone. `~unattributed` counts what has no known \
workload, such as deaths whose records were lost, so sums over all workloads are complete.

Histograms are classic. For native histograms, let Prometheus convert them with \
`convert_classic_histograms_to_nhcb: true` in the scrape config (plus \
`scrape_native_histograms: true` from Prometheus 3.9 on).
";

/// The document for this registry.
fn document() -> String {
    let mut metrics = Metrics::new(std::time::Duration::from_secs(10), 256);
    // Steps have no series until one is measured.
    metrics.finished(&stepped(), None, 0);
    let page = metrics.scrape(full_sample());
    let (own, process): (Vec<_>, Vec<_>) = page
        .gather()
        .into_iter()
        .partition(|family| family.name().starts_with("reapwatch_"));
    let mut text = HEAD.to_owned();
    table(&mut text, "What it measures", &own);
    table(&mut text, "The agent's own process", &process);
    text.push_str("\n## Buckets\n\n| histogram | upper bounds in seconds |\n|---|---|\n");
    for family in own
        .iter()
        .filter(|family| family.get_field_type() == MetricType::HISTOGRAM)
    {
        let bounds = family.get_metric()[0].get_histogram().get_bucket().iter();
        let bounds: Vec<_> = bounds
            .map(|bucket| bucket.upper_bound().to_string())
            .collect();
        writeln!(text, "| `{}` | {} |", family.name(), bounds.join(", ")).expect("to a string");
    }
    text
}

fn table(text: &mut String, title: &str, families: &[MetricFamily]) {
    write!(
        text,
        "\n## {title}\n\n| name | kind | labels | meaning |\n|---|---|---|---|\n"
    )
    .expect("to a string");
    for family in families {
        let kind = match family.get_field_type() {
            MetricType::COUNTER => "counter",
            MetricType::GAUGE => "gauge",
            MetricType::HISTOGRAM => "histogram",
            other => panic!(
                "{} is a {other:?}, a kind that the agent does not use",
                family.name()
            ),
        };
        let labels = family.get_metric()[0].get_label().iter();
        let labels: Vec<_> = labels.map(|label| format!("`{}`", label.name())).collect();
        let labels = if labels.is_empty() {
            "–".to_owned()
        } else {
            labels.join(", ")
        };
        writeln!(
            text,
            "| `{}` | {kind} | {labels} | {} |",
            family.name(),
            family.help()
        )
        .expect("to a string");
    }
}

#[test]
fn the_metrics_document_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/metrics.md");
    let document = document();
    if std::env::var_os("REAPWATCH_BLESS").is_some() {
        std::fs::create_dir_all(
            path.parent()
                .expect("the agent's folder is inside the repository"),
        )
        .expect("docs/ exists");
        std::fs::write(&path, &document).expect("docs/metrics.md is writable");
    }
    let written = std::fs::read_to_string(&path).expect("docs/metrics.md is readable");
    assert!(
        written == document,
        "docs/metrics.md is out of date: run this test with REAPWATCH_BLESS=1"
    );
}
