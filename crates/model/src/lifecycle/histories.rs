//! True histories of processes: reported exactly if nothing is lost, and never falsely if
//! something is.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::properties::{Input, a_death, nothing_left, process, run};
use super::{Correction, DiedBound, How, Lifecycle, Limits, Transition};
use crate::events::{
    Death, Event, Freed, INITIAL_NAMESPACE, NamespacePid, Process, Release, Renotified, Snapshot,
    Task, TaskState, Waited,
};

const AMPLE: Limits = Limits {
    open: 1000,
    recent: 1000,
    recent_ns: u64::MAX,
};

/// One process's death as it happened: who must reap it in turn, and how it ends.
#[derive(Clone, Debug)]
struct Story {
    died_ns: u64,
    began_before_ns: Option<u64>,
    adopted_after_ns: Option<u64>,
    reaped_after_ns: u64,
    autoreap: bool,
    /// Its exit sends no signal, but it is a zombie all the same.
    silent: bool,
    freed_after_ns: u64,
}

fn any_story() -> impl Strategy<Value = Story> {
    let adopted = prop::option::of(1_u64..1000);
    (
        10_000_u64..20_000,
        prop::option::of(0_u64..99),
        adopted,
        1_u64..5000,
        0_u8..5,
        1_u64..999,
    )
        .prop_map(
            |(died_ns, began_before_ns, adopted_after_ns, reaped, auto, freed_after_ns)| Story {
                died_ns,
                began_before_ns,
                adopted_after_ns,
                reaped_after_ns: adopted_after_ns.unwrap_or(0) + reaped,
                autoreap: auto == 0,
                silent: auto == 1,
                freed_after_ns,
            },
        )
}

impl Story {
    fn dead(place: usize) -> Process {
        process(1000 + place as u32, 100)
    }

    fn is_announced(&self, tracepoint: bool) -> bool {
        tracepoint && (self.autoreap || self.silent)
    }

    /// What an fentry or kprobe hook sees of it, or what tracepoints see of it.
    #[expect(clippy::too_many_lines, reason = "a story from its begin to its end")]
    fn events(&self, place: usize, tracepoint: bool) -> Vec<(u64, Event)> {
        let dead = Self::dead(place);
        let key = dead.key;
        let child = NamespacePid {
            namespace: 1,
            nr: key.tgid,
        };
        let (parent, adopter) = (process(10, 1), process(1, 1));
        let first = Death {
            begin_ns: self.began_before_ns.map(|before| self.died_ns - before),
            autoreap: self.autoreap,
            exit_signal: if self.silent { 0 } else { 17 },
            at_is_lower_bound: self.is_announced(tracepoint),
            ..a_death(dead, parent, self.died_ns)
        };
        let mut events = vec![(self.died_ns, Event::Death(Box::new(first.clone())))];
        let reap_ns = if self.autoreap {
            self.died_ns
        } else {
            self.died_ns + self.reaped_after_ns
        };
        if !self.autoreap {
            let mut by = parent;
            if let Some(after) = self.adopted_after_ns {
                let at_ns = self.died_ns + after;
                let parent = adopter;
                by = adopter;
                events.push((
                    at_ns,
                    if tracepoint {
                        Event::Renotified(Renotified {
                            at_ns,
                            child,
                            parent,
                            autoreap: false,
                        })
                    } else {
                        Event::Death(Box::new(Death {
                            at_ns,
                            parent: Some(parent),
                            ..first
                        }))
                    },
                ));
            }
            events.push((
                reap_ns,
                if tracepoint {
                    Event::Waited(Waited {
                        at_ns: reap_ns,
                        child,
                        by,
                        by_thread: None,
                    })
                } else {
                    Event::Release(Release {
                        at_ns: reap_ns,
                        dead: key,
                        by,
                        by_thread: None,
                        reaper_exiting: false,
                        by_itself: false,
                    })
                },
            ));
        }
        if tracepoint {
            let at_ns = reap_ns + self.freed_after_ns;
            events.push((at_ns, Event::Freed(Freed { at_ns, dead: key })));
        }
        events
    }
}

fn in_order(stories: &[Story], tracepoint: bool) -> Vec<Input> {
    let mut events: Vec<_> = stories
        .iter()
        .enumerate()
        .flat_map(|(place, story)| story.events(place, tracepoint))
        .collect();
    events.sort_by_key(|(at_ns, _)| *at_ns);
    events
        .into_iter()
        .map(|(_, event)| Input::Event(event))
        .collect()
}

proptest! {
    #[test]
    fn a_complete_history_is_explained_exactly(
        stories in prop::collection::vec(any_story(), 1..20),
        tracepoint: bool,
    ) {
        let (lifecycle, transitions) = run(&in_order(&stories, tracepoint), AMPLE);
        prop_assert_eq!(lifecycle.zombies().count(), 0);
        let (mut finished, mut confirmed) = (0, 0);
        for transition in &transitions {
            match transition {
                Transition::Finished(record) => {
                    finished += 1;
                    let story = &stories[(record.process.key.tgid - 1000) as usize];
                    let reap = record.reap.as_ref().unwrap();
                    let announced = story.is_announced(tracepoint);
                    let bound = if announced { DiedBound::NotBefore } else { DiedBound::Exact };
                    prop_assert_eq!(record.died.bound, bound);
                    prop_assert_eq!(record.died.at_ns, story.died_ns);
                    prop_assert_eq!(reap.at_is_upper_bound, announced && story.autoreap);
                    prop_assert_eq!(record.vanished_at_once(), story.autoreap);
                    if story.autoreap {
                        prop_assert_eq!(reap.how, How::Autoreap);
                    } else {
                        let by = if story.adopted_after_ns.is_some() { 1 } else { 10 };
                        let exact = (!announced).then_some(story.reaped_after_ns);
                        prop_assert_eq!(record.exact_zombie_ns(), exact);
                        prop_assert_eq!(reap.by.as_ref().map(|by| by.key.tgid), Some(by));
                        prop_assert_eq!(record.responsible().map(|it| it.key.tgid), Some(by));
                    }
                }
                Transition::Died(_) | Transition::Adopted { .. } => {}
                Transition::Confirmed(record) => {
                    confirmed += 1;
                    let story = &stories[(record.process.key.tgid - 1000) as usize];
                    prop_assert!(story.is_announced(tracepoint));
                }
                _ => {
                    prop_assert!(false, "{transition:?} where nothing was lost");
                }
            }
        }
        let announced = stories.iter().filter(|story| story.is_announced(tracepoint));
        prop_assert_eq!(confirmed, announced.count());
        prop_assert_eq!(finished, stories.len());
    }

    #[test]
    fn each_zombie_is_counted_once_however_small_the_table(
        mut stories in prop::collection::vec(any_story(), 1..40),
        open in 1_usize..8,
    ) {
        for story in &mut stories {
            story.adopted_after_ns = None;
        }
        let inputs = in_order(&stories, false);
        let limits = Limits { open, ..AMPLE };
        for count in 0..=inputs.len() {
            let (lifecycle, transitions) = run(&inputs[..count], limits);
            let deaths = inputs[..count].iter().filter(|input| {
                matches!(input, Input::Event(Event::Death(_)))
            });
            let finished = |it: &&Transition| matches!(it, Transition::Finished(_));
            let finished = transitions.iter().filter(finished).count();
            prop_assert_eq!(lifecycle.zombies_len() as usize + finished, deaths.count());
        }
    }

    /// Loss and repetition cost precision, never truth: no time is invented, no process is
    /// finished twice, and a process that is not finished was never seen to die.
    #[test]
    fn loss_and_repetition_invent_nothing(
        stories in prop::collection::vec(any_story(), 1..20),
        tracepoint: bool,
        fates in prop::collection::vec(0_u8..8, 80),
    ) {
        let mut inputs = Vec::new();
        for (input, fate) in in_order(&stories, tracepoint).into_iter().zip(fates) {
            match fate {
                0 | 1 => {}
                2 => inputs.extend([input.clone(), input]),
                _ => inputs.push(input),
            }
        }
        inputs.push(nothing_left());
        let (lifecycle, transitions) = run(&inputs, AMPLE);
        prop_assert_eq!(lifecycle.zombies().count(), 0);
        let mut finished = BTreeSet::new();
        for transition in &transitions {
            let Transition::Finished(record) = transition else { continue };
            prop_assert!(finished.insert(record.process.key), "finished twice");
            let story = &stories[(record.process.key.tgid - 1000) as usize];
            let reap = record.reap.as_ref().unwrap();
            let truth = story.died_ns + if story.autoreap { 0 } else { story.reaped_after_ns };
            let at_ns = reap.at_ns.unwrap();
            prop_assert_eq!(at_ns.max(truth), at_ns);
            prop_assert!(reap.at_is_upper_bound || at_ns == truth);
        }
        for (place, _) in stories.iter().enumerate() {
            let key = Story::dead(place).key;
            let died = inputs.iter().any(|input| {
                matches!(input, Input::Event(Event::Death(death)) if death.process.key == key)
            });
            prop_assert_eq!(finished.contains(&key), died);
        }
        let repaired = transitions.iter().filter(|it| {
            matches!(
                it,
                Transition::UnlistedFound(_)
                    | Transition::Corrected(Correction::ZombieFound | Correction::TableFull)
            )
        });
        prop_assert_eq!(repaired.count(), 0);
    }
}

/// Snapshots look for a process that hangs in its exit less and less often, and its death is not
/// reported.
#[test]
fn a_hanging_exit_causes_snapshots_but_is_not_reported() {
    const SECOND_NS: u64 = 1_000_000_000;
    let mut lifecycle = Lifecycle::new(AMPLE);
    let mut out = Vec::new();
    let hanging = process(1000, 100);
    let announced = Event::Death(Box::new(Death {
        at_is_lower_bound: true,
        autoreap: true,
        ..a_death(hanging, process(10, 1), SECOND_NS)
    }));
    lifecycle.apply(&announced, &mut out);
    let mut looks = Vec::new();
    for second in 1..=3600 {
        let now_ns = second * SECOND_NS;
        if lifecycle.wants_snapshot(now_ns) {
            looks.push(second);
            lifecycle.reconcile(
                Snapshot {
                    begun_ns: now_ns,
                    ended_ns: now_ns,
                    exact_start: true,
                    tasks: vec![Task::new(hanging, TaskState::Exiting)].into(),
                },
                &mut out,
            );
        }
    }
    assert_eq!(out, []);
    assert_eq!(lifecycle.zombies().count(), 0);
    assert_eq!(looks[..4], [3, 5, 9, 17]);
    assert!(looks.len() < 12, "{looks:?}");
    let now_ns = 3601 * SECOND_NS;
    let mut snapshot = Snapshot {
        begun_ns: now_ns - 1,
        ended_ns: now_ns,
        exact_start: true,
        tasks: vec![Task::new(hanging, TaskState::Exiting)].into(),
    };
    assert_eq!(lifecycle.gone_of(1000, &snapshot), None);
    snapshot.tasks = vec![].into();
    let gone = lifecycle.gone_of(1000, &snapshot).expect("it is not there");
    assert!(gone.vanished_at_once());
    let freed = Event::Freed(Freed {
        at_ns: now_ns,
        dead: hanging.key,
    });
    lifecycle.apply(&freed, &mut out);
    let [Transition::Confirmed(_), Transition::Finished(record)] = &out[..] else {
        panic!("{out:?}");
    };
    assert!(record.vanished_at_once());
    assert!(!lifecycle.wants_snapshot(u64::MAX - 1));
}

/// Zombies that a snapshot shows and that were reaped before it was compared are not found again,
/// however many were reaped in between.
#[test]
fn reaps_during_a_snapshot_are_counted_once_even_when_they_are_forgotten() {
    const ZOMBIES: u32 = 20;
    for (open, recent) in [(1000, 5), (5, 5), (5, 1000)] {
        let mut lifecycle = Lifecycle::new(Limits {
            open,
            recent,
            ..AMPLE
        });
        let mut out = Vec::new();
        let parent = process(10, 1);
        let dead = |place| process(1000 + place, 100);
        let snapshot = |at_ns: u64, from: u32| Snapshot {
            begun_ns: at_ns,
            ended_ns: at_ns + 10,
            exact_start: true,
            tasks: (from..ZOMBIES)
                .map(|place| Task {
                    parent: Some(parent),
                    ..Task::new(dead(place), TaskState::Zombie)
                })
                .collect::<Vec<_>>()
                .into(),
        };
        lifecycle.reconcile(snapshot(900, ZOMBIES), &mut out);
        for place in 0..ZOMBIES {
            let death = Event::Death(Box::new(a_death(dead(place), parent, 1000)));
            lifecycle.apply(&death, &mut out);
        }
        for place in 0..ZOMBIES - 1 {
            let waited = Event::Waited(Waited {
                at_ns: 2005,
                child: NamespacePid {
                    namespace: INITIAL_NAMESPACE,
                    nr: 1000 + place,
                },
                by: parent,
                by_thread: None,
            });
            lifecycle.apply(&waited, &mut out);
        }
        lifecycle.reconcile(snapshot(2000, 0), &mut out);
        assert_eq!(lifecycle.zombies_len(), 1);
        assert_eq!(lifecycle.wants_snapshot(3000), recent < ZOMBIES as usize);
        lifecycle.reconcile(snapshot(3000, ZOMBIES - 1), &mut out);
        assert_eq!(lifecycle.zombies_len(), 1);
        assert!(!lifecycle.wants_snapshot(4000));
        let repairs = out.iter().filter(|change| {
            let full = Transition::Corrected(Correction::TableFull);
            matches!(
                change,
                Transition::Corrected(_) | Transition::UnlistedFound(_)
            ) && **change != full
        });
        assert_eq!(repairs.count(), 0, "{out:?}");
    }
}
