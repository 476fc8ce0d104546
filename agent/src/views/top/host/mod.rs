//! The live view of one host.

mod agent;
mod culprits;
mod detail;
mod stuck;
mod tree;
mod workloads;
mod zombies;

use std::collections::HashMap;

use serde::Serialize;

use crate::client::Source;
use crate::handle::Stopped;
use crate::queries::{Ask, MAX_ROWS};
use crate::views::text::{count, rate};
use crate::views::zombies::{missing, unlisted};
use crate::views::{Look, pids};
use agent::Check;
use api::{
    AgentUse, Doctor, DoctorQuery, Document, ExplainQuery, Explained, List, OrOther, Parent,
    Process, Shared, Stuck, StuckQuery, Top, TopQuery, WorkloadHabits, Zombie,
};

use super::frame::{Exits, Feed, Figures, Frame, Given, Recorded, Wanted, passing};
use super::view::{Identity, Missing, View};
use model::filter::{Field, Filter, Row};
use model::state::TOP_FIELDS;

/// What is only asked for while it is on the screen: nothing yet, the answer, or why there is none.
type Asked<T> = Option<Result<T, String>>;

/// A frame of one host.
#[derive(Clone, Debug)]
pub struct Host {
    document: Document<Top>,
    stuck: Asked<Document<Stuck>>,
    doctor: Asked<Doctor>,
    /// What is to be said of the agent, from the above.
    checks: Vec<Check>,
    story: Asked<Box<Explained>>,
    /// Of the workload whose details are shown.
    habits: Asked<WorkloadHabits>,
    /// The rows that pass the filter, which the agent has chosen because the frame lacks some.
    chosen: Option<Box<Top>>,
    /// Where the parents with these PIDs are.
    parents: HashMap<u32, usize>,
}

impl Host {
    /// With nothing but the tables.
    pub fn new(document: Document<Top>) -> anyhow::Result<Self> {
        let frames = document.items.len();
        anyhow::ensure!(frames == 1, "the agent sent {frames} frames instead of one");
        let parents = document.items[0].parents.iter().enumerate();
        let parents = parents.map(|(n, it)| (it.process.pid, n)).collect();
        let mut host = Self {
            document,
            stuck: None,
            doctor: None,
            checks: Vec::new(),
            story: None,
            habits: None,
            chosen: None,
            parents,
        };
        let Top {
            parents, zombies, ..
        } = &mut host.document.items[0];
        explain(zombies, &*parents);
        Ok(host)
    }

    /// The question for the rows that are wanted, if the frame lacks some of them.
    pub fn choice(&self, wanted: &Wanted) -> Option<TopQuery> {
        let top = self.top();
        let tables = [
            (top.parents.len(), top.parents_total),
            (top.zombies.len(), top.summary.zombies),
            (top.workloads.len(), top.workloads_total),
        ];
        let is_cut = tables.into_iter().any(|(sent, all)| (sent as u64) < all);
        let is_chosen = wanted.filter.is_some() || wanted.sort.is_some();
        (is_cut && is_chosen).then(|| {
            TopQuery(List {
                limit: limit(wanted),
                sort: wanted.sort.map(OrOther::from),
                filter: wanted.filter.clone(),
            })
        })
    }

    /// Shows the rows that the agent has chosen among all.
    pub fn choose(&mut self, chosen: Document<Top>) {
        self.chosen = chosen.items.into_iter().next().map(Box::new);
        let parents = &self.document.items[0].parents;
        if let Some(Top {
            zombies,
            parents: own,
            ..
        }) = self.chosen.as_deref_mut()
        {
            explain(zombies, parents.iter().chain(&*own));
        }
    }

    /// The frame, or instead the rows of it that the agent has chosen.
    fn rows(&self) -> &Top {
        self.chosen.as_deref().unwrap_or_else(|| self.top())
    }

    /// Whether a row passes: what the agent has chosen does.
    fn passes(&self, filter: &Filter, row: &Row<'_>) -> bool {
        self.chosen.is_some() || filter.matches(row)
    }

    /// What the agent uses, if it was asked and knows.
    fn agent(&self) -> Option<&AgentUse> {
        self.doctor.as_ref()?.as_ref().ok()?.agent.as_ref()
    }

    /// The frame's only item.
    fn top(&self) -> &Top {
        // `new` checks that there is exactly one.
        &self.document.items[0]
    }

    /// What of its parents is not in the view.
    fn missing_parents(&self) -> Missing {
        let rows = self.rows();
        let all = self.top().parents_total;
        Missing::of(rows.parents.len(), rows.parents_total, all)
    }

    /// What of its zombies is not in the view.
    fn missing_zombies(&self) -> Missing {
        let (rows, all) = (self.rows(), self.top().summary.zombies);
        // Of an older agent, only the number of all is known.
        let passing = self.chosen.as_ref().map_or(all, |it| it.zombies_total);
        Missing::of(rows.zombies.len(), passing, all)
    }

    /// What of its workloads is not in the view.
    fn missing_workloads(&self) -> Missing {
        let rows = self.rows();
        let all = self.top().workloads_total;
        Missing::of(rows.workloads.len(), rows.workloads_total, all)
    }

    /// What the frame leaves out.
    fn hidden(&self) -> Option<String> {
        let hidden = [
            (self.missing_parents(), "parent"),
            (self.missing_zombies(), "zombie"),
            (self.missing_workloads(), "workload"),
        ];
        let hidden = hidden.into_iter().filter(|(missing, _)| missing.cut > 0);
        let hidden: Vec<_> = hidden.map(|(it, what)| count(it.cut, what)).collect();
        let text = format!(
            "not shown: {}; `reapwatch culprits` and `reapwatch zombies` list all",
            hidden.join(", ")
        );
        Some(text).filter(|_| !hidden.is_empty())
    }

    /// The parent with this PID.
    fn parent(&self, pid: u32) -> Option<&Parent> {
        self.parents
            .get(&pid)
            .map(|&place| &self.top().parents[place])
    }
}

/// How many rows of each table are asked for.
fn limit(wanted: &Wanted) -> Option<usize> {
    wanted.all.then_some(MAX_ROWS)
}

/// A frame has each verdict once, with the parent or its first zombie; here all its zombies get it.
fn explain<'a>(zombies: &mut [Zombie], parents: impl IntoIterator<Item = &'a Parent>) {
    let known = |it: &Parent| Some((it.process.pid, Shared::new(it.verdict.clone()?)));
    let mut verdicts: HashMap<_, _> = parents.into_iter().filter_map(known).collect();
    for zombie in zombies {
        let Some(holder) = holder(zombie) else {
            continue;
        };
        match &zombie.verdict {
            Some(verdict) => drop(
                verdicts
                    .entry(holder.pid)
                    .or_insert_with(|| verdict.clone()),
            ),
            None => zombie.verdict = verdicts.get(&holder.pid).cloned(),
        }
    }
}

/// The process that has to release it.
fn holder(zombie: &Zombie) -> Option<&Process> {
    zombie.tracer.as_deref().or(zombie.parent.as_deref())
}

/// An answer that a frame can do without; only an agent that has stopped ends the view.
async fn asked<Q: Ask>(source: &Source, query: Q) -> anyhow::Result<Asked<Q::Answer>> {
    match source.ask(query).await {
        Ok(reply) => Ok(Some(Ok(reply.answer))),
        Err(error) if error.is::<Stopped>() => Err(error),
        Err(error) => Ok(Some(Err(format!("{error:#}")))),
    }
}

impl Feed for Source {
    type Frame = Host;

    fn label(&self) -> String {
        self.label()
    }

    fn recorded(&self) -> Option<Recorded> {
        let Self::Recorded(replay) = self else {
            return None;
        };
        Some(Recorded {
            began: replay.began(),
            length: replay.length(),
        })
    }

    async fn frame(&self, wanted: Wanted) -> anyhow::Result<Host> {
        if let (Self::Recorded(replay), Some(at)) = (self, wanted.at) {
            let replay = replay.clone();
            tokio::task::spawn_blocking(move || replay.seek(at)).await??;
        }
        let whole = TopQuery(List {
            limit: limit(&wanted),
            ..List::default()
        });
        let mut host = Host::new(self.ask(whole).await?.answer)?;
        if let Some(choice) = host.choice(&wanted) {
            // An older agent does not know this: then what the frame has is filtered here.
            if let Some(Ok(chosen)) = asked(self, choice).await? {
                host.choose(chosen);
            }
        }
        if wanted.view == stuck::VIEW.title {
            host.stuck = asked(self, StuckQuery::default()).await?;
        }
        if wanted.view == agent::VIEW.title {
            host.doctor = asked(self, DoctorQuery {}).await?;
            host.checks = agent::checks(&host, None);
        }
        match wanted.who {
            Some(Identity::Process { pid, .. }) => {
                let story = asked(self, ExplainQuery { pid }).await?;
                host.story = story.map(|story| story.map(Box::new));
            }
            Some(who) => {
                if let Some(query) = workloads::query(&host, &who) {
                    host.habits = asked(self, query).await?;
                }
            }
            None => {}
        }
        Ok(host)
    }
}

impl Frame for Host {
    const NAME: &'static str = "host";
    const VIEWS: &'static [&'static dyn View<Self>] = &[
        &culprits::VIEW,
        &zombies::VIEW,
        &workloads::VIEW,
        &stuck::VIEW,
        &agent::VIEW,
    ];
    const FIELDS: &'static [Field] = &TOP_FIELDS;
    const FILTER: &'static str = "oldest>10s and ns=shop and not why=just_died";
    const NOTES: &'static [&'static str] = &[
        "A value with >= or ≥ is a lower bound: the process died before the agent started. A \
         question mark in WHY marks a guess: the process was watched too briefly. STUCK: killed or \
         exiting, but not a zombie yet.",
    ];

    fn at(&self) -> String {
        self.document.head.at.to_string()
    }

    fn place(&self, look: Look) -> Vec<String> {
        let head = &self.document.head;
        [&head.host, &head.kernel, head.source.as_str()]
            .map(|words| look.clean(words))
            .to_vec()
    }

    fn figures(&self) -> Figures {
        let summary = &self.top().summary;
        Figures {
            zombies: count(summary.zombies, "zombie"),
            worth_a_look: summary.zombies > 0,
            stuck: summary.stuck,
            lost: self.document.head.lost_events,
        }
    }

    fn alarms(&self, look: Look) -> Vec<String> {
        let alarm = pids::alarm(&self.top().pids).map(|it| pids::brief(it, look));
        let unlisted = unlisted(self.document.head.unlisted_zombies);
        let alarms = alarm.into_iter().chain(unlisted);
        alarms.chain(self.hidden()).collect()
    }

    fn exits_since(&self, earlier: &Self) -> Exits {
        let (old, new) = (&earlier.top().summary, &self.top().summary);
        let seconds = new.uptime_seconds.0 - old.uptime_seconds.0;
        if seconds < 0.0 || new.exits_total < old.exits_total {
            Exits::Anew
        } else if seconds > 0.0 {
            Exits::PerSecond((new.exits_total - old.exits_total) as f64 / seconds)
        } else {
            Exits::Unknown
        }
    }

    fn compare(&mut self, earlier: &Self) {
        if self.doctor.is_some() {
            self.checks = agent::checks(self, agent::cpu_share(self, earlier));
        }
    }

    fn tree(&self, filter: Option<&Filter>, look: Look) -> Option<String> {
        Some(tree::tree(self, filter, look))
    }

    fn head_text(&self, given: &Given<'_>) -> String {
        let (look, head, summary) = (given.look, &self.document.head, &self.top().summary);
        let exits = match given.exits_per_second {
            Some(per_second) => format!("{} exits/s", rate(per_second)),
            None => count(summary.exits_total, "exit"),
        };
        let stuck = match summary.stuck {
            0 => String::new(),
            stuck => format!("  {stuck} stuck"),
        };
        let mut text = format!(
            "{}  {}  {}  {}\n{}{stuck}  {exits}  {} reaped  up {}\n",
            head.at,
            look.clean(&head.host),
            look.clean(&head.kernel),
            look.clean(head.source.as_str()),
            count(summary.zombies, "zombie"),
            summary.reaped_total,
            look.duration(summary.uptime_seconds),
        );
        if let Some(filter) = given.filter {
            text.extend(["filter: ", &look.clean(filter.text()), "\n"]);
        }
        for full in self.top().pids.iter().filter(|it| pids::matters(it)) {
            text.extend([pids::line(full, look).as_str(), "\n"]);
        }
        text.extend(self.hidden().map(|hidden| hidden + "\n"));
        text + &missing(head)
    }

    fn forget_choice(&mut self) {
        self.chosen = None;
    }

    fn look_up(&mut self, later: Self) {
        self.chosen = later.chosen;
        self.stuck = later.stuck;
        self.doctor = later.doctor;
        self.checks = later.checks;
        self.story = later.story;
        self.habits = later.habits;
    }

    fn document(&self, filter: Option<&Filter>) -> impl Serialize {
        let mut document = self.document.clone();
        let top = &mut document.items[0];
        let chosen = self.rows();
        let rows = passing(self, &culprits::VIEW, filter).into_iter();
        top.parents = rows.map(|row| chosen.parents[row].clone()).collect();
        let rows = passing(self, &zombies::VIEW, filter).into_iter();
        top.zombies = rows.map(|row| chosen.zombies[row].clone()).collect();
        for zombie in &mut top.zombies {
            // It came with the parent.
            let is_repeated = holder(zombie).is_some_and(|it| self.parent(it.pid).is_some());
            zombie.verdict = zombie.verdict.take().filter(|_| !is_repeated);
        }
        let rows = passing(self, &workloads::VIEW, filter).into_iter();
        top.workloads = rows.map(|row| chosen.workloads[row].clone()).collect();
        document
    }
}

/// Why a view without rows has none.
fn nothing<T>(asked: Option<&Result<T, String>>, what: impl FnOnce() -> String) -> String {
    match asked {
        None => "asking the agent…".to_owned(),
        Some(Err(why)) => why.clone(),
        Some(Ok(_)) => what(),
    }
}
