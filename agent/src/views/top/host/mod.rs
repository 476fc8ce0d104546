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
    Shared, Stuck, StuckQuery, Top, TopQuery, Zombie, ZombiesQuery,
};

use super::frame::{Exits, Feed, Figures, Frame, Given, Recorded, Wanted, passing};
use super::view::View;
use model::filter::{Field, Filter};

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
    /// Of how many zombies the agent has chosen those of the frame, if it was asked to.
    chosen_of: Option<u64>,
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
            chosen_of: None,
            parents,
        };
        host.explain_zombies();
        Ok(host)
    }

    /// The question for the zombies that pass the filter, if a frame has not room for all: it would
    /// miss those that come late in the usual order.
    fn choice(&self, wanted: &Wanted) -> Option<ZombiesQuery> {
        let top = self.top();
        let is_cut = (top.zombies.len() as u64) < top.summary.zombies;
        let is_shown = wanted.view == zombies::VIEW.title;
        let is_chosen = wanted.filter.is_some() || wanted.sort.is_some();
        (is_cut && is_shown && is_chosen).then(|| {
            ZombiesQuery(List {
                limit: Some(top.zombies.len()),
                sort: wanted.sort.map(OrOther::from),
                filter: wanted.filter.clone(),
            })
        })
    }

    /// Shows the zombies that the agent has chosen among all.
    fn choose(&mut self, chosen: Document<Zombie>) {
        self.chosen_of = Some(chosen.total);
        self.document.items[0].zombies = chosen.items;
        self.explain_zombies();
    }

    /// The verdict stands with the parent, which the zombie's row does not show.
    fn explain_zombies(&mut self) {
        let Top {
            parents, zombies, ..
        } = &mut self.document.items[0];
        for zombie in zombies.iter_mut().filter(|it| it.verdict.is_none()) {
            let holder = zombie.tracer.as_ref().or(zombie.parent.as_ref());
            let holder = holder.and_then(|holder| self.parents.get(&holder.pid));
            let verdict = holder.and_then(|&place| parents[place].verdict.clone());
            zombie.verdict = verdict.map(Shared::new);
        }
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

    /// What the frame leaves out.
    fn hidden(&self) -> Option<String> {
        let top = self.top();
        let parents = top.parents_total.saturating_sub(top.parents.len() as u64);
        let zombies = self.chosen_of.unwrap_or(top.summary.zombies);
        let zombies = zombies.saturating_sub(top.zombies.len() as u64);
        let hidden = [(parents, "parent"), (zombies, "zombie")];
        let hidden = hidden.into_iter().filter(|(number, _)| *number > 0);
        let hidden: Vec<_> = hidden.map(|(number, what)| count(number, what)).collect();
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
        let limit = wanted.all.then_some(MAX_ROWS);
        let mut host = Host::new(self.ask(TopQuery { limit }).await?.answer)?;
        if let Some(choice) = host.choice(&wanted) {
            // Some fields are not known to agents, of zombies or at all: then what the frame has is
            // filtered here.
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
        if let Some(pid) = wanted.pid {
            let story = asked(self, ExplainQuery { pid }).await?;
            host.story = story.map(|story| story.map(Box::new));
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
    const FIELDS: &'static [Field] = &[
        Field::Pid,
        Field::Comm,
        Field::Parent,
        Field::Zombies,
        Field::Age,
        Field::Leak,
        Field::Reaps,
        Field::Why,
        Field::Workload,
        Field::Namespace,
        Field::Pod,
        Field::Container,
        Field::Unit,
        Field::User,
        Field::Exit,
        Field::Killer,
    ];
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

    fn look_up(&mut self, later: Self) {
        self.stuck = later.stuck;
        self.doctor = later.doctor;
        self.checks = later.checks;
        self.story = later.story;
    }

    fn document(&self, filter: Option<&Filter>) -> impl Serialize {
        let mut document = self.document.clone();
        let top = &mut document.items[0];
        let rows = passing(self, &culprits::VIEW, filter).into_iter();
        top.parents = rows.map(|row| self.top().parents[row].clone()).collect();
        let rows = passing(self, &zombies::VIEW, filter).into_iter();
        top.zombies = rows.map(|row| self.top().zombies[row].clone()).collect();
        for zombie in &mut top.zombies {
            // It came with the parent.
            zombie.verdict = None;
        }
        let rows = passing(self, &workloads::VIEW, filter).into_iter();
        top.workloads = rows.map(|row| self.top().workloads[row].clone()).collect();
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
