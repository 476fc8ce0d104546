//! `reapwatch explain PID`: the history of one process on one page.

use std::fmt::Write as _;

use crate::cli::ExplainArgs;
use crate::client::{Question, Source};
use api::{
    Bound, Earlier, ExplainQuery, Explained, Explanation, Keeper, Moment, Process, ProcessState,
    Role, Seconds, Stuck, Time,
};

use super::output::{print, width};
use super::table::head;
use super::text::{count, growth, moment};
use super::zombies::missing;
use super::{Look, Outcome, habits, json, stuck};

/// Indent of the lines in a part.
const INDENT: &str = "  ";

/// Asks once, prints, and exits.
pub async fn run(args: &ExplainArgs, look: Look) -> anyhow::Result<Outcome> {
    let source = Source::connect(&args.from).await?;
    source
        .watch(args.watch.watch, Question::Process(args.pid))
        .await?;
    let reply = source.ask(ExplainQuery { pid: args.pid }).await?;
    if args.json {
        json::reply(&reply)?;
    } else {
        print(&page(&reply.answer, look, width()))?;
    }
    Ok(Outcome::Fine)
}

/// The page, for a given width.
pub fn page(explained: &Explained, look: Look, width: usize) -> String {
    let story = &explained.story;
    let mut page = Page {
        text: String::new(),
        look,
        width,
    };
    page.lines("", &story.summary);
    if let Some(meaning) = &story.meaning {
        page.lines("", meaning);
    }
    page.who(story);
    page.timeline(story, explained.head.at);
    page.phases(story);
    page.keeper(story.responsible.as_ref());
    page.keeper(story.habits.as_ref().filter(|it| has_habits(it)));
    page.place(story);
    page.verdict(story);
    if !story.advice.is_empty() {
        page.head("Where to look next");
        for advice in &story.advice {
            page.lines("  - ", advice);
        }
    }
    page.earlier(story);
    let missing = missing(&explained.head);
    if !missing.is_empty() {
        page.text.extend(["\n", &missing]);
    }
    page.text
}

/// Whether there is anything to show about its children.
fn has_habits(keeper: &Keeper) -> bool {
    let culprit = &keeper.culprit;
    culprit.zombies > 0 || culprit.reaped_total > 0 || culprit.waits_total.is_some_and(|it| it > 0)
}

struct Page {
    text: String,
    look: Look,
    width: usize,
}

impl Page {
    fn head(&mut self, words: &str) {
        self.text.push('\n');
        self.text.push_str(&head(words, self.look));
    }

    /// Wrapped text; `first` starts the first line, and the others are indented to match.
    fn lines(&mut self, first: &str, words: &str) {
        self.text += &self.look.hanging(first, words, self.width);
    }

    fn who(&mut self, story: &Explanation) {
        if story.process.is_none() {
            return;
        }
        self.head("Who");
        if let Some(start) = story.process.as_ref().and_then(|it| it.start_time) {
            self.lines("  started     ", &moment(start));
        }
        if let Some(threads) = story.threads {
            self.lines("  threads     ", &threads.to_string());
        }
        if !story.ancestry.is_empty() {
            let name = |process: &Process| format!("{} ({})", process.comm, process.pid);
            let ancestors: Vec<_> = story.ancestry.iter().map(name).collect();
            self.lines("  child of    ", &ancestors.join(", child of "));
        }
        if let Some(forker) = &story.forker {
            self.lines(
                "  created by  ",
                &format!("{} ({})", forker.comm, forker.pid),
            );
        }
        if let Some(pidfds) = story.pidfds.filter(|pidfds| pidfds.reaped > 0) {
            let reaped = self.look.clean(&pidfds.reaped.to_string());
            let least = if pidfds.is_lower_bound {
                "at least "
            } else {
                ""
            };
            let words = format!(
                "{least}{reaped} of its {} open pidfds are of processes that have been reaped",
                pidfds.open
            );
            self.lines("  pidfds      ", &words);
        }
        if let Some(used) = story
            .death
            .as_ref()
            .and_then(|death| death.resources.as_ref())
        {
            let words = format!(
                "lived {}, CPU {} user and {} system, peak memory {} MiB",
                self.look.duration(used.lifetime_seconds),
                self.look.duration(used.user_seconds),
                self.look.duration(used.system_seconds),
                used.max_rss_bytes >> 20,
            );
            self.lines("  used        ", &words);
        }
    }

    fn timeline(&mut self, story: &Explanation, now: Time) {
        if story.timeline.is_empty() {
            return;
        }
        self.head("What happened (UTC)");
        let mut before = None;
        for Moment { at, what, .. } in &story.timeline {
            let when = at.map(moment).unwrap_or_default();
            let after = at.and_then(|at| self.between(before, at));
            before = at.or(before);
            self.event(&when, after, what);
        }
        if story.state != ProcessState::Reaped {
            let after = self.between(before, now);
            let not_begun = story.exit_has_begun == Some(false);
            let words = match story.state.known() {
                Some(ProcessState::Zombie) => "now: still a zombie",
                Some(ProcessState::Exiting) if not_begun => "now: has not begun to exit",
                Some(ProcessState::Exiting) => "now: still exiting",
                _ => "now: alive",
            };
            self.event(&moment(now), after, words);
        }
    }

    fn event(&mut self, when: &str, after: Option<String>, what: &str) {
        let after = after.map_or_else(String::new, |after| format!("+{after}"));
        self.lines(&format!("{INDENT}{when:23}  {after:>8}  "), what);
    }

    /// The time between two moments, if both are known and in order.
    fn between(&self, from: Option<Time>, to: Time) -> Option<String> {
        let span = to.0.duration_since(from?.0);
        (!span.is_negative()).then(|| self.look.duration(Seconds(span.as_secs_f64())))
    }

    fn phases(&mut self, story: &Explanation) {
        if story.phases.is_empty() {
            return;
        }
        self.head("Where the time went");
        let names = story.phases.iter().map(|it| it.name.as_str().len());
        let width = names.max().unwrap_or_default();
        for phase in &story.phases {
            let bound = phase.bound.known().unwrap_or(Bound::Exact);
            let seconds = self.look.bounded(phase.seconds, bound);
            let name = self.look.clean(phase.name.as_str());
            self.lines(
                &format!("{INDENT}{name:width$} {seconds:>8}  "),
                &phase.what,
            );
        }
    }

    fn keeper(&mut self, keeper: Option<&Keeper>) {
        let Some(keeper) = keeper else { return };
        let culprit = &keeper.culprit;
        self.head(match keeper.role.known() {
            Some(Role::Itself) => "How it reaps its own children",
            Some(Role::Tracer) => "Its tracer, which has to release it",
            _ => "Its parent, which has to reap it",
        });
        let mut holds = format!(
            "{} (PID {}) holds {}",
            culprit.process.comm,
            culprit.process.pid,
            match culprit.zombies {
                0 => "no zombies".to_owned(),
                zombies => count(zombies, "zombie"),
            }
        );
        if culprit.zombies > 0 {
            let bound = Bound::lower(culprit.oldest_is_lower_bound);
            let oldest = self.look.maybe(culprit.oldest_seconds, bound);
            write!(holds, ", the oldest for {oldest}").expect("to a string");
            if let Some(growth) = growth(culprit.leaked_per_second) {
                write!(holds, ", and {growth}").expect("to a string");
            }
        }
        self.lines(INDENT, &holds);
        let reaped = format!(
            "since reapwatch started it has reaped {}",
            culprit.reaped_total
        );
        let waited = match (culprit.waits_total, culprit.last_wait_at) {
            (Some(0), _) => " and never called wait".to_owned(),
            (None, _) => "; its wait calls are not counted here".to_owned(),
            (Some(waits), None) => format!(" and called wait {waits} times"),
            (Some(waits), Some(at)) => {
                format!(" and called wait {waits} times, last at {}", moment(at))
            }
        };
        self.lines(INDENT, &(reaped + &waited));
        self.text += &habits::lines(&keeper.habits, self.look, self.width);
    }

    fn place(&mut self, story: &Explanation) {
        // A process that ignored a signal is not exiting, so it has no step.
        let exiting = |stuck: &&Stuck| stuck.ignored.is_none();
        let Some(stuck) = story.stuck.as_ref().filter(exiting) else {
            return;
        };
        self.head("Where it is in the kernel");
        for (name, words) in stuck::place(stuck, self.look) {
            self.lines(&format!("{INDENT}{name:12}"), &words);
        }
    }

    fn verdict(&mut self, story: &Explanation) {
        let own = story
            .stuck
            .as_ref()
            .and_then(|stuck| stuck.verdict.as_ref());
        let own = own.filter(|own| Some(*own) != story.verdict.as_ref());
        for why in story.verdict.iter().chain(own) {
            self.head(&format!("Verdict: {}", self.look.clean(&why.id.0)));
            self.lines(INDENT, &format!("{} ({})", why.summary, why.confidence));
            for fact in &why.evidence {
                self.lines("  - ", fact);
            }
            self.lines("  to do: ", &why.remedy);
        }
    }

    fn earlier(&mut self, story: &Explanation) {
        if story.earlier.is_empty() {
            return;
        }
        self.head("Earlier processes with this PID");
        let when = |at: Option<Time>| at.map_or_else(|| "at an unknown time".to_owned(), moment);
        for Earlier {
            process,
            died_at,
            reaped_at,
        } in &story.earlier
        {
            let words = format!(
                "{}, started {}, died {}, reaped {}",
                process.comm,
                when(process.start_time),
                when(*died_at),
                when(*reaped_at)
            );
            self.lines("  - ", &words);
        }
    }
}
