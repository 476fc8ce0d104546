//! A whole cluster, from a Prometheus that scrapes its agents.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use hyper::StatusCode;
use jiff::Timestamp;

use crate::cli::{FleetArgs, ViewArgs};
use crate::client::http::Endpoint;
use crate::client::web::{self, Web};
use crate::stderr::eprint_line;
use api::fleet::{Fleet, FleetDocument};
use api::{Time, VERSION};

mod join;
#[cfg(test)]
mod join_tests;
mod queries;
mod series;

use series::Series;

/// A Prometheus that scrapes agents.
#[derive(Clone, Debug)]
pub struct Prometheus {
    web: Web,
    /// Read for each query, since a token may be replaced at any time.
    token_file: Option<PathBuf>,
}

impl Prometheus {
    /// The Prometheus named on the command line, if any.
    pub fn named(args: &FleetArgs, view: &ViewArgs) -> anyhow::Result<Option<Self>> {
        let Some(url) = &args.prometheus else {
            return Ok(None);
        };
        let mut web = Web::trusting(url, view)?;
        if let Some(user) = &url.user {
            if args.prometheus_token_file.is_some() {
                bail!("the URL has a user and --prometheus-token-file a token; omit one of them");
            }
            let password = user.password.as_deref().unwrap_or_default();
            web.authorization = Some(web::basic(&user.name, password)?);
        }
        eprint_line(format_args!("reading from the Prometheus at {url}"));
        Ok(Some(Self {
            web,
            token_file: args.prometheus_token_file.clone(),
        }))
    }

    /// How a view's header names it.
    pub fn label(&self) -> String {
        format!("Prometheus at {}", self.web.url)
    }

    /// All nodes and workloads now.
    pub async fn fleet(&self) -> anyhow::Result<FleetDocument<Fleet>> {
        let nodes = self.query(&queries::nodes(), None).await?;
        let now = nodes
            .iter()
            .find(|series| series.label("part") == Some("now"));
        let now = now
            .with_context(|| format!("the {} returned an incomplete answer", self.label()))?
            .value;
        if nodes.len() == 1 {
            bail!(
                "the {} has no reapwatch metrics; have it scrape the agents (see \
                 deploy/README.md), or use the Prometheus that does",
                self.label()
            );
        }
        let workloads = self.query(&queries::workloads(), Some(now)).await?;
        let fleet = join::fleet(&nodes, &workloads, now);
        let lost = fleet.nodes.iter().filter_map(|node| node.lost_events);
        let at = Duration::try_from_secs_f64(now).unwrap_or_default();
        Ok(FleetDocument {
            version: VERSION,
            source: "prometheus".to_owned(),
            prometheus: self.web.url.to_string(),
            at: Time(Timestamp::UNIX_EPOCH + at),
            lost_events: lost.reduce(|sum, lost| sum + lost),
            items: vec![fleet],
        })
    }

    /// The answer to an instant query, for now or a given time.
    async fn query(&self, query: &str, at: Option<f64>) -> anyhow::Result<Vec<Series>> {
        let moment = at.map_or_else(String::new, |at| format!("&time={at:.3}"));
        let path = format!("/api/v1/query?query={}{moment}", queries::encoded(query));
        let here = self.label();
        let (status, body) = self.endpoint()?.ask(&path).await.map_err(|error| {
            anyhow::anyhow!(
                "no {here} answers: {error:#}; check the URL, such as http://prometheus:9090"
            )
        })?;
        match (status, &self.token_file) {
            (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, Some(file)) => bail!(
                "the {here} denied access ({status}) with the token in {}: replace it",
                file.display()
            ),
            (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, None) => bail!(
                "the {here} denied access ({status}): put USER:PASSWORD@ before its host, or pass \
                 a token with --prometheus-token-file"
            ),
            (status, _) if status.is_redirection() => bail!(
                "the {here} redirects ({status}): use the URL where it answers directly, with a \
                 token if it requires a login"
            ),
            (StatusCode::OK, _) => {}
            (status, _) => match series::refusal(&body) {
                Some(why) => bail!("the {here} rejected a query ({status}): {why}"),
                None => bail!("{}", self.no_prometheus(&format!("it answered {status}"))),
            },
        }
        series::parse(&body).with_context(|| {
            self.no_prometheus(
                "the response is not a Prometheus \
                                                                 response",
            )
        })
    }

    fn no_prometheus(&self, why: &str) -> String {
        format!(
            "{} is not a Prometheus ({why} for /api/v1/query): pass the URL of one, including any \
             path before /api; to ask an agent, use --url",
            self.web.url
        )
    }

    fn endpoint(&self) -> anyhow::Result<Endpoint> {
        let mut web = self.web.clone();
        if let Some(path) = &self.token_file {
            web.authorization = Some(web::bearer(path)?);
        }
        Ok(Endpoint::Url(web))
    }
}
