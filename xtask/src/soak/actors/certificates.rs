//! The certificate is replaced again and again while the agent is scraped.

use std::slice;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use rustls::pki_types::CertificateDer;

use crate::soak::port::{self, Port};
use crate::soak::stage::Stage;
use crate::stop::until;

const RENEWALS: usize = 5;
/// How long the agent may serve the former one.
const SOON: Duration = Duration::from_secs(5);

pub(super) fn act(stage: &mut Stage) -> Result<u64> {
    let port = &stage.port;
    let renewals: Result<Vec<_>> = (0..RENEWALS)
        .map(|number| port::certificate(&format!("renewal {number}")))
        .collect();
    let renewals = renewals?;
    let trusted: Vec<_> = renewals.iter().map(|new| new.cert.der().clone()).collect();
    // While a file is half written, the agent serves the last certificate that it has seen.
    port.install(&renewals[0])?;
    port.scrape(&trusted[..1])?;
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let scraper = scope.spawn(|| scrape(port, &trusted, &is_over));
        let renewed = renewals
            .iter()
            .zip(&trusted)
            .skip(1)
            .try_for_each(|(new, trusted)| {
                port.install(new)?;
                until("the new certificate", SOON, || {
                    Ok(port.scrape(slice::from_ref(trusted)).ok().map(drop))
                })
            });
        is_over.store(true, Ordering::Relaxed);
        let all = scraper
            .join()
            .map_err(|_| anyhow!("the scraper panicked"))?;
        all.context("scrape while the certificate is replaced")?;
        renewed
    })?;
    ensure!(
        port.scrape(&trusted[..1]).is_err(),
        "the agent still serves the first certificate"
    );
    Ok(0)
}

/// Scrapes until it is over, or a scrape fails.
fn scrape(port: &Port, trusted: &[CertificateDer<'static>], is_over: &AtomicBool) -> Result<()> {
    while !is_over.load(Ordering::Relaxed) {
        port.scrape(trusted)?;
    }
    Ok(())
}
