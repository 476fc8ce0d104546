//! Which rows of a list are wanted, and in what order.

use std::cmp::Ordering;

use super::{Field, Filter, Row};

/// What a list is asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selection {
    filter: Option<Filter>,
    sort: Option<Field>,
    limit: Option<usize>,
}

/// What of a list was chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// Places of the rows, in the order that is wanted.
    pub rows: Vec<usize>,
    /// How many rows pass the filter.
    pub total: u64,
}

impl Selection {
    /// Of a list whose rows have these fields; the error is one sentence.
    pub fn of(list: &api::List, fields: &[Field]) -> Result<Self, String> {
        let filter = list.filter.as_deref();
        let filter = filter.map(|text| Filter::parse(text, fields));
        let sort = list.sort.as_ref().map(|name| {
            let field = name.known().filter(|field| fields.contains(field));
            field.ok_or_else(|| {
                let known = Field::known(fields);
                format!("sort: `{name}` is not a field; known: {known}")
            })
        });
        Ok(Self {
            filter: filter
                .transpose()
                .map_err(|error| format!("filter: {error}"))?,
            sort: sort.transpose()?,
            limit: list.limit,
        })
    }

    /// The first rows, in their usual order.
    pub fn first(limit: usize) -> Self {
        Self {
            limit: Some(limit),
            ..Self::default()
        }
    }

    /// How many rows it takes in their usual order; `None` if it depends on the rows.
    pub fn plain_limit(&self) -> Option<usize> {
        let is_plain = self.filter.is_none() && self.sort.is_none();
        is_plain.then(|| self.limit.unwrap_or(usize::MAX))
    }

    /// Whether choosing needs the workload of each row.
    pub fn needs_places(&self) -> bool {
        self.sort.is_some_and(Field::is_of_place)
            || self.filter.as_ref().is_some_and(Filter::names_place)
    }

    /// Chooses among so many rows, which are only looked at if the choice depends on them.
    pub fn choose_of<'a>(&self, rows: usize, row: impl FnMut(usize) -> Row<'a>) -> Chosen {
        match self.plain_limit() {
            Some(limit) => Chosen {
                rows: (0..rows.min(limit)).collect(),
                total: rows as u64,
            },
            None => self.choose((0..rows).map(row)),
        }
    }

    /// Chooses among rows that come in their usual order.
    pub fn choose<'a>(&self, rows: impl IntoIterator<Item = Row<'a>>) -> Chosen {
        let mut choice = self.begin();
        for row in rows {
            choice.offer(&row);
        }
        choice.end()
    }

    /// Chooses among rows that are offered one by one, in their usual order, and not kept.
    pub fn begin(&self) -> Choice<'_> {
        Choice {
            selection: self,
            offered: 0,
            passing: Vec::new(),
        }
    }
}

/// A choice among rows.
#[derive(Debug)]
pub struct Choice<'a> {
    selection: &'a Selection,
    offered: usize,
    passing: Vec<(usize, Rank)>,
}

impl Choice<'_> {
    /// The next row.
    pub fn offer(&mut self, row: &Row<'_>) {
        let Selection { filter, sort, .. } = self.selection;
        if filter.as_ref().is_none_or(|it| it.matches(row)) {
            let rank = sort.map_or(Rank::Unknown, |field| Rank::of(field, row));
            self.passing.push((self.offered, rank));
        }
        self.offered += 1;
    }

    /// There are no more.
    pub fn end(mut self) -> Chosen {
        // Stable: equal ones keep their usual order.
        self.passing
            .sort_by(|(_, one), (_, other)| one.order(other));
        let total = self.passing.len() as u64;
        let rows = self.passing.into_iter().map(|(place, _)| place);
        Chosen {
            rows: rows
                .take(self.selection.limit.unwrap_or(usize::MAX))
                .collect(),
            total,
        }
    }
}

/// What rows are sorted by: what is not known comes last.
#[derive(Debug)]
enum Rank {
    Number(f64),
    Name(Box<str>),
    Unknown,
}

impl Rank {
    /// Large numbers come first, but for PIDs.
    fn of(field: Field, row: &Row<'_>) -> Self {
        match (row.text(field), row.number(field)) {
            (Some(name), _) => Self::Name(name.into()),
            (None, Some(number)) if field == Field::Pid => Self::Number(number),
            (None, Some(number)) => Self::Number(-number),
            (None, None) => Self::Unknown,
        }
    }

    fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(one), Self::Number(other)) => one.total_cmp(other),
            (Self::Name(one), Self::Name(other)) => one.cmp(other),
            (Self::Unknown, Self::Unknown) => Ordering::Equal,
            (Self::Unknown, _) | (Self::Name(_), Self::Number(_)) => Ordering::Greater,
            (_, Self::Unknown) | (Self::Number(_), Self::Name(_)) => Ordering::Less,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    fn list(limit: Option<usize>, sort: &str, filter: &str) -> Selection {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let list = api::List {
            limit,
            sort: some(sort).map(api::OrOther::named),
            filter: some(filter),
        };
        Selection::of(&list, &FIELDS).expect("a selection")
    }

    const FIELDS: [Field; 4] = [Field::Pid, Field::Comm, Field::Age, Field::Pod];

    fn rows() -> [Row<'static>; 3] {
        let row = |pid, comm, age: Option<f64>, pod| Row {
            pid,
            comm: Cow::Borrowed(comm),
            age: age.map(api::Seconds),
            place: [None, None, pod, None, None],
            ..Row::default()
        };
        [
            row(9, "sh", Some(1.0), None),
            row(7, "java", Some(5.0), Some("web")),
            row(8, "sh", None, Some("api")),
        ]
    }

    fn chosen(limit: Option<usize>, sort: &str, filter: &str) -> (Vec<usize>, u64) {
        let chosen = list(limit, sort, filter).choose(rows());
        (chosen.rows, chosen.total)
    }

    #[test]
    fn rows_keep_their_order_unless_sorted() {
        assert_eq!(chosen(None, "", ""), (vec![0, 1, 2], 3));
        assert_eq!(chosen(None, "pid", ""), (vec![1, 2, 0], 3));
        assert_eq!(chosen(None, "oldest", ""), (vec![1, 0, 2], 3));
        assert_eq!(chosen(None, "pod", ""), (vec![2, 1, 0], 3));
    }

    #[test]
    fn workloads_are_needed_only_by_fields_of_them() {
        assert!(!list(Some(1), "pid", "comm=sh and age>1s").needs_places());
        assert!(list(None, "pod", "").needs_places());
        assert!(list(None, "", "comm=sh and (pid>1 or pod=web)").needs_places());
    }

    #[test]
    fn the_total_counts_what_the_limit_leaves_out_and_not_what_the_filter_does() {
        assert_eq!(chosen(Some(1), "", "comm=sh"), (vec![0], 2));
        assert_eq!(chosen(Some(0), "", ""), (vec![], 3));
    }

    #[test]
    fn a_field_that_the_rows_do_not_have_is_refused() {
        for (sort, filter) in [("leak", ""), ("colour", ""), ("", "leak>1"), ("", "pid>")] {
            let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            let list = api::List {
                limit: None,
                sort: some(sort).map(api::OrOther::named),
                filter: some(filter),
            };
            assert!(Selection::of(&list, &FIELDS).is_err(), "{sort}{filter}");
        }
    }
}
