//! Another server becomes the primary, and the Service of the primary leads to it: writes come back without a restart.

use pathfinder_tests::api::{Server, Stack, service::Service, soon, stack::Person, steady::Steady};

use crate::alone::{Names, confirms, missing, write};

const SOME: u64 = 20;

/// A server that finds its primary by a Service, and what is written to it all the time.
struct Scene {
    stack: Stack,
    service: Service,
    // Ends with the scene.
    _server: Server,
    writers: Steady,
    confirmed: Names,
}

impl Scene {
    async fn set() -> anyhow::Result<Self> {
        let stack = Stack::start(&[]).await?;
        stack.seed(5, 20)?;
        let service = Service::to(stack.primary.port()).await?;
        let url = stack.primary.url_at(service.port());
        let server = stack.serve(&[("DATABASE_URL", &url)]).await?;
        let (client, confirmed) = (Person::seeded(server.port, 1).await?.client, Names::default());
        let noted = confirmed.clone();
        let writers = Steady::start(2, move |task, number| {
            write(client.clone(), format!("written {task} {number}"), noted.clone())
        });
        confirms(&writers, SOME).await?;
        Ok(Self {
            stack,
            service,
            _server: server,
            writers,
            confirmed,
        })
    }

    async fn refused(&self) -> anyhow::Result<()> {
        soon("a write to be refused", async || {
            let tally = self.writers.so_far();
            if tally.of("503") > 0 { Ok(()) } else { Err(tally) }
        })
        .await
    }

    /// The replica takes over; returns when writes succeed again.
    async fn promote(&self) -> anyhow::Result<()> {
        self.stack.replica.promote()?;
        self.service.lead_to(self.stack.replica.port());
        confirms(&self.writers, SOME).await
    }

    /// Every write was confirmed or refused; gives the names that were confirmed and are not on the new primary.
    async fn end(self) -> anyhow::Result<Vec<String>> {
        let written = self.writers.stop().await;
        assert_eq!(written.of("201") + written.of("503"), written.all(), "{written:?}");
        missing(&self.stack.replica, &self.confirmed)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_go_on_where_the_service_leads_after_the_primary_died() -> anyhow::Result<()> {
    let mut scene = Scene::set().await?;
    scene.stack.primary.crash();
    scene.refused().await?;
    // What the dead primary confirmed and did not send any more is for who promotes to weigh.
    scene.confirmed.lock().unwrap().clear();
    scene.promote().await?;
    let lost = scene.end().await?;
    assert!(lost.is_empty(), "confirmed by the new primary, and not there: {lost:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_switchover_loses_nothing_though_the_old_primary_still_answers() -> anyhow::Result<()> {
    let scene = Scene::set().await?;
    let old = &scene.stack.primary;
    old.query("alter system set default_transaction_read_only = on")?;
    old.query("select pg_reload_conf()")?;
    scene.refused().await?;
    let end = old.query("select pg_current_wal_lsn()")?;
    soon("the replica to have everything", async || {
        let sql = format!("select pg_last_wal_replay_lsn() >= '{end}'");
        let rows = scene.stack.replica.query(&sql).map_err(|error| error.to_string())?;
        if rows == "t" { Ok(()) } else { Err(rows) }
    })
    .await?;
    scene.promote().await?;
    let lost = scene.end().await?;
    assert!(lost.is_empty(), "confirmed, and not there: {lost:?}");
    Ok(())
}
