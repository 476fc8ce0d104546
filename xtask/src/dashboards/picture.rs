//! Pictures of the dashboards, drawn from what a real Prometheus says: one SVG each.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use plotters::coord::Shift;
use plotters::prelude::*;

use super::spec::{Dashboard, Limits, Look, Panel};
use super::{ALL, ask};
use crate::prometheus::server::{Prometheus, Series};

/// Pixels of a column and of a row of Grafana's grid.
const CELL: (u32, u32) = (50, 30);
const COLUMNS: u32 = 24;
const BACKGROUND: RGBColor = RGBColor(17, 18, 23);
const PANEL: RGBColor = RGBColor(24, 27, 31);
const TEXT: RGBColor = RGBColor(204, 204, 220);
const FAINT: RGBColor = RGBColor(110, 112, 125);
const GOOD: RGBColor = RGBColor(115, 191, 105);
const WARM: RGBColor = RGBColor(255, 152, 48);
const HOT: RGBColor = RGBColor(242, 73, 92);
/// Colours of lines, in their order.
const LINES: [RGBColor; 8] = [
    GOOD,
    RGBColor(242, 204, 12),
    RGBColor(87, 148, 242),
    WARM,
    HOT,
    RGBColor(184, 119, 217),
    RGBColor(138, 184, 255),
    RGBColor(255, 166, 176),
];

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Draws each dashboard as it looked over the last `time`.
pub(crate) fn draw_all(prometheus: &Prometheus, time: Duration, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
    for dashboard in ALL {
        let path = folder.join(format!("{}.svg", dashboard.name));
        draw(dashboard, prometheus, time, &path)
            .with_context(|| format!("draw {}", path.display()))?;
    }
    Ok(())
}

fn draw(dashboard: &Dashboard, prometheus: &Prometheus, time: Duration, path: &Path) -> Result<()> {
    let rows: u32 = dashboard.rows.iter().map(|row| row.height).sum();
    let size = (COLUMNS * CELL.0, (rows + 1) * CELL.1);
    let root = SVGBackend::new(path, size).into_drawing_area();
    root.fill(&BACKGROUND)?;
    root.draw_text(dashboard.title, &text(16, &TEXT), (12, 8))?;
    let mut y = CELL.1;
    for row in dashboard.rows {
        let width = size.0 / row.panels.len() as u32;
        let height = row.height * CELL.1;
        for (place, panel) in row.panels.iter().enumerate() {
            let area = root
                .clone()
                .shrink((place as u32 * width + 4, y + 4), (width - 8, height - 8));
            area.fill(&PANEL)?;
            area.draw_text(panel.title, &text(13, &TEXT), (10, 8))?;
            let area = area.margin(28, 6, 10, 10);
            draw_panel(&area, panel, prometheus, time)?;
        }
        y += height;
    }
    root.present()?;
    Ok(())
}

fn draw_panel(
    area: &Area<'_>,
    panel: &Panel,
    prometheus: &Prometheus,
    time: Duration,
) -> Result<()> {
    match panel.look {
        Look::Number(limits) => {
            let series = prometheus.now(&ask::concrete(&panel.queries[0]))?;
            number(area, first(&series), limits, panel.unit)
        }
        Look::Table => {
            let series = prometheus.now(&ask::concrete(&panel.queries[0]))?;
            table(area, &series, panel.unit)
        }
        Look::Lines => {
            let mut lines = Vec::new();
            for query in panel.queries {
                for series in prometheus.last(&ask::concrete(query), time, time / 120)? {
                    lines.push((name(query.legend, &series), series.points()));
                }
            }
            chart(area, &lines, panel.unit)
        }
        Look::Heat => {
            let query = ask::concrete(&panel.queries[0]);
            heat(area, &prometheus.last(&query, time, time / 60)?)
        }
    }
}

fn number(area: &Area<'_>, value: Option<f64>, limits: Limits, unit: &str) -> Result<()> {
    let thousandths = value.unwrap_or_default() * 1000.0;
    let colour = match limits {
        Limits::None => TEXT,
        Limits::Below(limit) if thousandths < f64::from(limit) => HOT,
        Limits::At { red, .. } if thousandths >= f64::from(red) => HOT,
        Limits::At { orange, .. } if thousandths >= f64::from(orange) => WARM,
        Limits::Below(_) | Limits::At { .. } => GOOD,
    };
    let words = value.map_or("no data".to_owned(), |value| with_unit(value, unit));
    area.draw_text(&words, &text(34, &colour), (8, 14))?;
    Ok(())
}

fn table(area: &Area<'_>, series: &[Series], unit: &str) -> Result<()> {
    let rows = area.dim_in_pixel().1 / 18;
    let mut sorted: Vec<_> = series
        .iter()
        .filter_map(|one| Some((first(std::slice::from_ref(one))?, one)))
        .collect();
    sorted.sort_by(|a, b| b.0.total_cmp(&a.0));
    for (line, (value, one)) in sorted.iter().take(rows as usize).enumerate() {
        let y = line as i32 * 18;
        let labels: Vec<_> = one
            .metric
            .values()
            .filter(|value| !value.is_empty())
            .cloned()
            .collect();
        area.draw_text(&with_unit(*value, unit), &text(12, &WARM), (4, y))?;
        area.draw_text(&labels.join("  "), &text(12, &TEXT), (70, y))?;
    }
    Ok(())
}

fn chart(area: &Area<'_>, lines: &[(String, Vec<(f64, f64)>)], unit: &str) -> Result<()> {
    let all = || lines.iter().flat_map(|(_, points)| points);
    let (start, end) = all().fold((f64::MAX, f64::MIN), |(a, b), (at, _)| {
        (a.min(*at), b.max(*at))
    });
    if start >= end {
        return Ok(());
    }
    let top = all().fold(0.0_f64, |top, (_, value)| top.max(*value)) * 1.1;
    let (plot, legend) = area.split_vertically(area.dim_in_pixel().1 as i32 - 18);
    let mut chart = ChartBuilder::on(&plot)
        .x_label_area_size(18)
        .y_label_area_size(56)
        .build_cartesian_2d(start..end, 0.0..if top > 0.0 { top } else { 1.0 })?;
    axes(&mut chart, unit, end)?;
    let mut x = 4;
    for (index, (name, points)) in lines.iter().enumerate() {
        let colour = LINES[index % LINES.len()];
        chart.draw_series(LineSeries::new(
            points.iter().copied(),
            colour.stroke_width(2),
        ))?;
        let width = 20 + 7 * name.chars().count() as i32;
        if x + width < legend.dim_in_pixel().0 as i32 {
            legend.draw(&Rectangle::new([(x, 5), (x + 10, 9)], colour.filled()))?;
            legend.draw_text(name, &text(11, &TEXT), (x + 14, 1))?;
            x += width;
        }
    }
    Ok(())
}

type Chart<'a, 'b> = ChartContext<
    'a,
    SVGBackend<'b>,
    Cartesian2d<plotters::coord::types::RangedCoordf64, plotters::coord::types::RangedCoordf64>,
>;

/// Faint lines, times as minutes before now, values with their unit.
fn axes(chart: &mut Chart<'_, '_>, unit: &str, end: f64) -> Result<()> {
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(FAINT.mix(0.3))
        .axis_style(FAINT)
        .label_style(text(11, &FAINT))
        .y_labels(4)
        .x_labels(4)
        .y_label_formatter(&|value| with_unit(*value, unit))
        .x_label_formatter(&|at| format!("{:.0} s", at - end))
        .draw()?;
    Ok(())
}

/// Each bucket a row; the more deaths, the brighter.
fn heat(area: &Area<'_>, series: &[Series]) -> Result<()> {
    let mut buckets: Vec<(f64, &str, BTreeMap<u64, f64>)> = series
        .iter()
        .filter_map(|one| {
            let le = one.metric.get("le")?;
            let points = one
                .points()
                .into_iter()
                .map(|(at, value)| (at as u64, value));
            Some((le.parse().ok()?, le.as_str(), points.collect()))
        })
        .collect();
    buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
    let times: Vec<_> = buckets
        .iter()
        .flat_map(|bucket| bucket.2.keys().copied())
        .collect();
    let (Some(start), Some(end)) = (times.iter().min(), times.iter().max()) else {
        return Ok(());
    };
    let (width, height) = area.dim_in_pixel();
    let (cell, step) = (
        f64::from(width - 60) / 61.0,
        f64::from(height) / buckets.len() as f64,
    );
    let below = |row: usize, at: u64| match row {
        0 => 0.0,
        _ => buckets[row - 1].2.get(&at).copied().unwrap_or_default(),
    };
    let many = buckets.iter().enumerate().flat_map(|(row, bucket)| {
        bucket
            .2
            .iter()
            .map(move |(at, value)| value - below(row, *at))
    });
    let most = many.fold(0.0_f64, f64::max).max(1.0);
    for (row, (_, le, values)) in buckets.iter().enumerate() {
        let y = f64::from(height) - (row + 1) as f64 * step;
        area.draw_text(le, &text(10, &FAINT), (4, y as i32))?;
        for (at, value) in values {
            let deaths = value - below(row, *at);
            if deaths >= 0.5 {
                let x = 60.0 + (at - start) as f64 / (end - start).max(1) as f64 * 60.0 * cell;
                let corner = ((x + cell) as i32, (y + step) as i32 - 1);
                let bright = WARM.mix(0.15 + 0.85 * (deaths / most).sqrt());
                area.draw(&Rectangle::new(
                    [(x as i32, y as i32), corner],
                    bright.filled(),
                ))?;
            }
        }
    }
    Ok(())
}

fn first(series: &[Series]) -> Option<f64> {
    Some(series.first()?.points().last()?.1)
}

/// The legend with its labels filled in.
fn name(legend: &str, series: &Series) -> String {
    let mut name = legend.to_owned();
    while let Some((before, rest)) = name.split_once("{{") {
        let Some((label, after)) = rest.split_once("}}") else {
            break;
        };
        let value = series.metric.get(label).map_or("", String::as_str);
        name = format!("{before}{value}{after}");
    }
    name.trim_matches(['/', ' ']).to_owned()
}

fn with_unit(value: f64, unit: &str) -> String {
    match unit {
        "percentunit" => format!("{:.1} %", value * 100.0),
        "bytes" => format!("{:.0} MiB", value / f64::from(1 << 20)),
        "s" if value == 0.0 => "0 s".to_owned(),
        "s" if value < 1e-3 => format!("{:.0} µs", value * 1e6),
        "s" if value < 1.0 => format!("{:.1} ms", value * 1e3),
        "s" => format!("{value:.1} s"),
        "ops" => format!("{value:.1}/s"),
        _ if value.fract() == 0.0 => format!("{value:.0}"),
        _ => format!("{value:.2}"),
    }
}

fn text(size: i32, colour: &RGBColor) -> TextStyle<'_> {
    ("sans-serif", size).into_font().color(colour)
}
