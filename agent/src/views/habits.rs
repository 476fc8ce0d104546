//! How zombies were held and children reaped of late, as lines of a page.

use api::{Bound, Bucket, Habits, LastReap};

use super::Look;
use super::text::time_of_day;

/// Indent of the lines.
const INDENT: &str = "  ";
/// Length of the longest bar of a histogram.
const BAR: u64 = 30;

/// The number of zombies over the last minute, their times, and the last reaps; nothing of what is
/// not known.
pub(super) fn lines(habits: &Habits, look: Look, width: usize) -> String {
    let mut words: Vec<String> = course(&habits.zombies_last_minute, look)
        .into_iter()
        .collect();
    if let Some((p50, p99)) = habits.p50_seconds.zip(habits.p99_seconds) {
        words.push(format!(
            "zombie time of recently reaped children: p50 {}, p99 {}",
            look.duration(p50),
            look.duration(p99)
        ));
    }
    let words = words.iter();
    let text: String = words.map(|it| look.hanging(INDENT, it, width)).collect();
    text + &histogram(&habits.zombie_times, look) + &last_reaps(&habits.last_reaps, look, width)
}

/// How the number of zombies changed, if it did.
fn course(zombies: &[u64], look: Look) -> Option<String> {
    let fewest = zombies.iter().min().copied()?;
    let [first, .., last] = zombies else {
        return None;
    };
    if zombies.iter().all(|it| *it == fewest) {
        return None;
    }
    let above = zombies.iter().map(|it| (it - fewest) as f64);
    let curve = look.curve(above);
    let seconds = zombies.len();
    Some(format!(
        "zombies in the last {seconds}s: {first} {curve} {last}"
    ))
}

/// One bar for each range in which there are zombie times, and those between.
fn histogram(buckets: &[Bucket], look: Look) -> String {
    let used = |bucket: &Bucket| bucket.count > 0;
    let ends = (
        buckets.iter().position(used),
        buckets.iter().rposition(used),
    );
    let (Some(first), Some(last)) = ends else {
        return String::new();
    };
    let shown = &buckets[first..=last];
    let most = shown.iter().map(|it| it.count).max().unwrap_or(1);
    let mark = if look.ascii { "#" } else { "█" };
    let line = |bucket: &Bucket| {
        let range = match bucket.up_to_seconds {
            Some(end) => look.bounded(end, Bound::upper(true)),
            None => "more".to_owned(),
        };
        let bar = mark.repeat((bucket.count * BAR).div_ceil(most) as usize);
        format!("{INDENT}  {range:>6} {:>5} {bar}\n", bucket.count)
    };
    shown.iter().map(line).collect()
}

fn last_reaps(reaps: &[LastReap], look: Look, width: usize) -> String {
    if reaps.is_empty() {
        return String::new();
    }
    let line = |reap: &LastReap| {
        let process = look.process(Some(&reap.process));
        let words = format!(
            "{process}, {}, a zombie for {}",
            look.exit(reap.exit.as_ref()),
            look.maybe(reap.zombie_seconds, Bound::Exact),
        );
        let at = look.known(reap.reaped_at, time_of_day);
        look.hanging(&format!("{INDENT}  {at:12}  "), &words, width)
    };
    let lines: String = reaps.iter().map(line).collect();
    format!("{INDENT}reaped last:\n{lines}")
}
