//! Writes `docs/metrics.md` from the metrics.

use std::fmt::Write;
use std::path::Path;

use super::metric::{Kind, PREFIX};
use super::{families, page};

const HEAD: &str = "\
# Metrics

Generated from the agent's metrics by `REAPWATCH_BLESS=1 cargo test -p reapwatch metrics::`; do \
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

fn document() -> String {
    let mut text = HEAD.to_owned();
    let unrecorded = families::NOT_RECORDED.iter();
    let unrecorded: Vec<_> = unrecorded.map(|it| format!("`{}`", it.name)).collect();
    writeln!(
        text,
        "\n`reapwatch replay FILE metrics` prints the metrics of a recording, as of its end or of \
         `--at`. Omitted is what a recording does not know: those of the agent's own process and, \
         without `{PREFIX}_`, {}. Zombies count as late after 30 s, and no workload is dropped.",
        unrecorded.join(", ")
    )
    .expect("to a string");
    table(&mut text, "What it measures");
    for metric in families::ALL {
        let mut labels = metric.labels.to_vec();
        labels.sort_unstable();
        let kind = match metric.kind {
            Kind::Counter(_) => "counter",
            Kind::Gauge(_) => "gauge",
            Kind::Histogram(_) => "histogram",
        };
        let name = format!("{PREFIX}_{}", metric.name);
        row(&mut text, &name, kind, &labels, metric.help);
    }
    table(&mut text, "The agent's own process");
    for family in page::process() {
        let kind = format!("{:?}", family.get_field_type()).to_lowercase();
        row(&mut text, family.name(), &kind, &[], family.help());
    }
    text.push_str("\n## Buckets\n\n| histogram | upper bounds in seconds |\n|---|---|\n");
    for metric in families::ALL {
        if let Kind::Histogram(observe) = &metric.kind {
            let bounds: Vec<_> = observe.buckets.iter().map(f64::to_string).collect();
            let name = metric.name;
            writeln!(text, "| `{PREFIX}_{name}` | {} |", bounds.join(", ")).expect("to a string");
        }
    }
    text
}

fn table(text: &mut String, title: &str) {
    write!(
        text,
        "\n## {title}\n\n| name | kind | labels | meaning |\n|---|---|---|---|\n"
    )
    .expect("to a string");
}

fn row(text: &mut String, name: &str, kind: &str, labels: &[&str], help: &str) {
    let labels: Vec<_> = labels.iter().map(|label| format!("`{label}`")).collect();
    let labels = if labels.is_empty() {
        "–".to_owned()
    } else {
        labels.join(", ")
    };
    writeln!(text, "| `{name}` | {kind} | {labels} | {help} |").expect("to a string");
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
