//! What was attached.

/// One transition and the result of attaching it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProbeReport {
    /// The transition.
    pub(crate) probe: &'static str,
    /// The hook in use.
    pub(crate) hook: Option<String>,
    /// Whether the agent cannot run without it.
    pub(crate) required: bool,
    /// What is lost.
    pub(crate) lost: Option<String>,
    /// Each better hook with the reason why it was refused.
    pub(crate) refused: Vec<String>,
}

impl ProbeReport {
    /// Whether the probes load fields of the kernel through typed pointers; otherwise, why a helper
    /// reads each.
    pub(super) fn of_loads(refused: Option<String>) -> Self {
        let directly = refused.is_none();
        Self {
            probe: "direct_loads",
            hook: directly.then(|| "btf:task_struct".to_owned()),
            required: false,
            lost: (!directly)
                .then(|| "time: the probes take two to three times as long".to_owned()),
            refused: refused.into_iter().collect(),
        }
    }

    /// The transition and its hook, if it has one.
    pub(crate) fn attached(&self) -> Option<(String, String)> {
        Some((self.probe.to_owned(), self.hook.clone()?))
    }
}
