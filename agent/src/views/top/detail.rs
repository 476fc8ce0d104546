//! Overlays: details of one process, and the help.

use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};

use crate::cli::TopView;
use crate::views::Look;
use crate::views::table::down;
use crate::views::text::{count, moment, rate, wrap};
use api::{Bound, Container, Parent, Process, Top, Verdict, Zombie};

use super::frame::TopFrame;
use super::identity::Identity;
use super::keys;
use model::filter::Field;

/// Width of the labels.
const NAMES: usize = 14;

/// Details of a process, as lines of a given width.
pub fn lines(
    top: &Top,
    look: Look,
    view: TopView,
    who: &Identity,
    width: usize,
) -> Vec<Line<'static>> {
    let mut page = Page {
        top,
        look,
        width,
        lines: Vec::new(),
    };
    match view {
        TopView::Culprits => {
            match top
                .parents
                .iter()
                .find(|parent| Identity::of(&parent.process) == *who)
            {
                Some(parent) => page.culprit(parent),
                None => page.gone(
                    who,
                    "holds no zombies and reaped nothing in the last minute",
                ),
            }
        }
        TopView::Zombies => {
            match top
                .zombies
                .iter()
                .find(|zombie| Identity::of_zombie(zombie) == *who)
            {
                Some(zombie) => page.zombie(zombie),
                None => page.gone(who, "is no longer a zombie: it was reaped"),
            }
        }
    }
    page.lines
}

/// The list of keys, as lines of a given width.
pub fn help<F: TopFrame>(width: usize) -> Vec<Line<'static>> {
    let views = F::VIEWS.map(|(_, name, _)| name).join(", ");
    let fields = Field::known(F::FIELDS);
    let mut lines = vec![heading("Keys"), Line::default()];
    for (keys, meaning) in keys::help(&views, &fields, &F::WORDS) {
        lines.extend(named(keys, &meaning, width));
    }
    lines.push(Line::default());
    for text in F::WORDS.notes {
        lines.extend(wrap(text, width).into_iter().map(Line::raw));
    }
    lines
}

struct Page<'a> {
    top: &'a Top,
    look: Look,
    width: usize,
    lines: Vec<Line<'static>>,
}

impl Page<'_> {
    fn culprit(&mut self, parent: &Parent) {
        let look = self.look;
        self.title("Process", &parent.process);
        self.fact("start time", &Self::start(&parent.process));
        self.place("workload", parent.container.as_ref());
        self.fact("zombies", &parent.zombies.to_string());
        let oldest = Bound::lower(parent.oldest_is_lower_bound);
        self.fact("oldest", &look.maybe(parent.oldest_seconds, oldest));
        self.fact(
            "leaks",
            &format!("{} per second", rate(parent.leaked_per_second)),
        );
        let reaps = rate(parent.reaped_per_second);
        let total = parent.reaped_total;
        self.fact(
            "reaps",
            &format!("{reaps} per second, {total} since reapwatch started"),
        );
        self.fact(
            "zombie time",
            &format!(
                "p50 {}, p99 {}",
                look.maybe(parent.p50_seconds, Bound::Exact),
                look.maybe(parent.p99_seconds, Bound::Exact)
            ),
        );
        if let Some(verdict) = &parent.verdict {
            self.verdict(verdict);
        }
        self.zombies_of(parent);
    }

    fn zombies_of(&mut self, parent: &Parent) {
        let who = Identity::of(&parent.process);
        let mut zombies: Vec<&Zombie> = self
            .top
            .zombies
            .iter()
            .filter(|zombie| zombie.parent.as_ref().map(Identity::of).as_ref() == Some(&who))
            .collect();
        zombies.sort_by(|a, b| down(Some(a.zombie_seconds), Some(b.zombie_seconds)));
        self.lines.push(Line::default());
        self.lines.push(heading(&match zombies.len() {
            0 => "It holds no zombies now".to_owned(),
            some => format!("It has to reap {}", count(some as u64, "zombie")),
        }));
        let look = self.look;
        if !zombies.is_empty() {
            let heads = format!(
                "{:>8}  {:>8}  {:<12}  {:<15}  STARTED (UTC)",
                "PID", "AGE", "EXIT", "COMM"
            );
            self.lines.push(Line::raw(heads));
        }
        for zombie in zombies {
            self.lines.push(Line::raw(format!(
                "{:>8}  {:>8}  {:<12}  {:<15}  {}",
                zombie.pid,
                look.bounded(
                    zombie.zombie_seconds,
                    Bound::lower(zombie.age_is_lower_bound)
                ),
                look.exit(zombie.exit.as_ref()),
                look.clean(&zombie.comm),
                look.known(zombie.start_time, moment),
            )));
        }
    }

    fn zombie(&mut self, zombie: &Zombie) {
        let look = self.look;
        let process = Process {
            pid: zombie.pid,
            start_time: zombie.start_time,
            comm: zombie.comm.clone(),
        };
        self.title("Zombie", &process);
        self.fact("start time", &Self::start(&process));
        self.fact(
            "died",
            &match zombie.died_at {
                Some(at) => format!("{} UTC", moment(at)),
                None => "before reapwatch started".to_owned(),
            },
        );
        let age = look.bounded(
            zombie.zombie_seconds,
            Bound::lower(zombie.age_is_lower_bound),
        );
        let least = if zombie.age_is_lower_bound {
            " (at least)"
        } else {
            ""
        };
        self.fact("zombie for", &format!("{age}{least}"));
        self.fact("ended by", &look.exit(zombie.exit.as_ref()));
        self.party(
            "parent",
            zombie.parent.as_ref(),
            "has to reap it",
            "unknown",
        );
        self.party("forker", zombie.forker.as_ref(), "created it", "unknown");
        self.party(
            "tracer",
            zombie.tracer.as_ref(),
            "has to release it first",
            "none",
        );
        self.place("workload", zombie.container.as_ref());
        // Skip the parent's workload if it is the same, or the zombie's is derived from it.
        let own = zombie.container.as_ref();
        let is_shown = |parents: &&Container| {
            own.is_some_and(|own| own.of_parent || own.cgroup == parents.cgroup)
        };
        let parents = zombie.parent_container.as_ref();
        self.place("parent in", parents.filter(|parents| !is_shown(parents)));
        // The verdict belongs to the tracer or parent that has to release or reap it.
        let holder = zombie
            .tracer
            .as_ref()
            .or(zombie.parent.as_ref())
            .map(Identity::of);
        let parents = &self.top.parents;
        let holder = parents
            .iter()
            .find(|parent| Some(Identity::of(&parent.process)) == holder);
        if let Some(verdict) = holder.and_then(|holder| holder.verdict.as_ref()) {
            self.verdict(verdict);
        }
    }

    /// A workload and its cgroup path.
    fn place(&mut self, name: &str, container: Option<&Container>) {
        let Some(container) = container else { return };
        let look = self.look;
        let mut text = look.workload(Some(container));
        if container.of_parent {
            text.push_str(" (from its parent)");
        }
        self.fact(name, &text);
        if let Some(path) = &container.cgroup {
            self.fact("cgroup", &look.clean(path));
        }
    }

    fn verdict(&mut self, verdict: &Verdict) {
        let look = self.look;
        self.lines.push(Line::default());
        self.lines.push(heading(&format!(
            "Why ({})",
            look.clean(verdict.confidence.as_str())
        )));
        self.fact("verdict", &look.clean(&verdict.summary));
        for evidence in &verdict.evidence {
            self.fact("evidence", &look.clean(evidence));
        }
        self.fact("to do", &look.clean(&verdict.remedy));
    }

    fn gone(&mut self, who: &Identity, words: &str) {
        let text = format!("PID {} {words}.", who.pid);
        self.lines
            .extend(wrap(&text, self.width).into_iter().map(Line::raw));
    }

    fn title(&mut self, what: &str, process: &Process) {
        let comm = self.look.clean(&process.comm);
        self.lines
            .push(heading(&format!("{what} {} {comm}", process.pid)));
        self.lines.push(Line::default());
    }

    fn party(&mut self, name: &str, process: Option<&Process>, role: &str, without: &str) {
        let text = match process {
            Some(process) => format!(
                "{}, started {}: {role}",
                self.look.process(Some(process)),
                Self::start(process)
            ),
            None => without.to_owned(),
        };
        self.fact(name, &text);
    }

    fn start(process: &Process) -> String {
        let start = process.start_time;
        start.map_or_else(|| "unknown".to_owned(), |at| format!("{} UTC", moment(at)))
    }

    fn fact(&mut self, name: &str, text: &str) {
        self.lines.extend(named(name, text, self.width));
    }
}

/// A heading.
pub fn heading(text: &str) -> Line<'static> {
    Line::styled(text.to_owned(), Style::new().add_modifier(Modifier::BOLD))
}

/// A label with text beside it, wrapped within its own column.
pub fn named(name: &str, text: &str, width: usize) -> Vec<Line<'static>> {
    let bold = Style::new().add_modifier(Modifier::BOLD);
    wrap(text, width.saturating_sub(NAMES))
        .into_iter()
        .enumerate()
        .map(|(n, words)| {
            let name = if n == 0 { name } else { "" };
            Line::from(vec![
                Span::styled(format!("{name:<NAMES$}"), bold),
                Span::raw(words),
            ])
        })
        .collect()
}
