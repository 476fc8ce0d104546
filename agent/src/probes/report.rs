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
    /// The transition and its hook, if it has one.
    pub(crate) fn attached(&self) -> Option<(String, String)> {
        Some((self.probe.to_owned(), self.hook.clone()?))
    }
}
