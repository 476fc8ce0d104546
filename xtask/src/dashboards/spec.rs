//! What a dashboard is, before it is Grafana's JSON: its panels and what they ask.

/// One dashboard.
pub(super) struct Dashboard {
    /// Name of its file, and the end of its stable uid.
    pub(super) name: &'static str,
    /// What people see.
    pub(super) title: &'static str,
    /// What question it answers.
    pub(super) about: &'static str,
    /// Rows from top to bottom, each filled from left to right.
    pub(super) rows: &'static [Row],
}

/// Panels of one height side by side, all of one width.
pub(super) struct Row {
    /// In Grafana's units, of about 30 pixels.
    pub(super) height: u32,
    /// From left to right.
    pub(super) panels: &'static [Panel],
}

/// One panel.
pub(super) struct Panel {
    /// What people see.
    pub(super) title: &'static str,
    /// What it shows, and what a high value means.
    pub(super) about: &'static str,
    /// One of Grafana's units.
    pub(super) unit: &'static str,
    /// How it is drawn.
    pub(super) look: Look,
    /// What it asks.
    pub(super) queries: &'static [Query],
}

/// How a panel is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// One number; at the second limit it turns red, at the first orange.
    Number(Limits),
    /// Lines over time.
    Lines,
    /// Buckets of a histogram over time.
    Heat,
    /// A table of labels with the value of now.
    Table,
}

/// From which value on a number is orange, and red.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limits {
    /// It is neither good nor bad.
    None,
    /// In thousandths, since constants have no order for fractions.
    At {
        /// Orange from here on.
        orange: u32,
        /// Red from here on.
        red: u32,
    },
    /// Red as long as it is below this many thousandths.
    Below(u32),
}

/// One query of a panel.
pub(super) struct Query {
    /// PromQL; `$S` stands for the choice of job and instance.
    pub(super) expr: &'static str,
    /// What a line is called; Grafana fills in `{{label}}`.
    pub(super) legend: &'static str,
}

/// A query whose lines are called by a label.
pub(super) const fn query(legend: &'static str, expr: &'static str) -> Query {
    Query { expr, legend }
}

/// Of one host and of all.
pub(super) const STUCK_EXITS: Panel = Panel {
    title: "Stuck exits",
    about: "Killed or exiting, and still inside the kernel.",
    unit: "none",
    look: Look::Number(Limits::At {
        orange: 1000,
        red: 1000,
    }),
    queries: &[query("stuck", "sum(reapwatch_stuck_exits{$S})")],
};
