//! The numbers of an agent that must add up.

use std::fmt;

use anyhow::{Context, Result};

use crate::metrics_page::metric;

/// Read from one page of metrics.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Books {
    pub(super) exits: i64,
    pub(super) reaped: i64,
    pub(super) zombies: i64,
}

impl Books {
    pub(super) fn read(page: &str) -> Result<Self> {
        let sum = |name: &str| {
            let sum = metric(page, name, &[]).with_context(|| format!("no {name} in the metrics"));
            sum.map(|sum| sum as i64)
        };
        Ok(Self {
            exits: sum("reapwatch_exits_total")?,
            reaped: sum("reapwatch_reaped_total")?,
            zombies: sum("reapwatch_zombies")?,
        })
    }

    /// Zombies that there were before the first exit: the same number for as long as an agent runs.
    pub(super) fn brought_forward(self) -> i64 {
        self.zombies + self.reaped - self.exits
    }
}

impl fmt::Display for Books {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            exits,
            reaped,
            zombies,
        } = self;
        write!(f, "{exits} exits, {reaped} reaped, {zombies} zombies")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_brought_forward_stays_while_processes_die_and_are_reaped() {
        let page = "# HELP reapwatch_zombies x\n\
                    reapwatch_exits_total{kind=\"exited\",pod=\"a b\"} 7\n\
                    reapwatch_exits_total{kind=\"killed\",pod=\"\"} 2\n\
                    reapwatch_reaped_total{pod=\"\"} 8\n\
                    reapwatch_zombies{pod=\"\"} 4\n\
                    reapwatch_zombies_of_others 100\n";
        let books = Books::read(page).expect("they are complete");
        assert_eq!(books.exits, 9);
        assert_eq!(books.brought_forward(), 3);
        assert!(Books::read("").is_err());
    }
}
