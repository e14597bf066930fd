//! `cargo dev bench api`: our server beside the same endpoints in Node.js, on one core each, over the same stores.
//!
//! Starts the stores and both servers, asks each subject in turn, and shows the rows. What a row says and whether it meets
//! its goal is in `rows`; how load is made in `load`; what runs in `world`.

mod load;
mod metrics;
mod programs;
mod rows;
mod world;

use std::io::{Write, stdout};

use pathfinder_tests::cluster::{Paths, packages, step::step};

use crate::{
    args::{ApiOptions, Output},
    bench::document::{self, Bench},
};

use load::{Lines, Subject};
use programs::Programs;
use rows::{Row, table};
use world::World;

pub(super) fn run(paths: &Paths, options: &ApiOptions) -> anyhow::Result<()> {
    paths.create()?;
    packages::ensure(paths, packages::STORES)?;
    packages::ensure(paths, packages::BENCH)?;
    let programs = Programs::build(paths)?;
    // On the thread that started them: the kernel ends them with it.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let rows = runtime.block_on(measure(&programs, options))?;
    let mut out = stdout().lock();
    match options.output {
        Output::Json => {
            serde_json::to_writer_pretty(&mut out, &rows)?;
            writeln!(out)?;
        }
        Output::Table => write!(out, "{}", table(&rows).text())?,
    }
    if options.write_docs {
        document::write_table(Bench::Api, &table(&rows))?;
    }
    Ok(())
}

async fn measure(programs: &Programs, options: &ApiOptions) -> anyhow::Result<Vec<Row>> {
    let world = World::start(programs).await?;
    let mut lines = Lines::collect(&world).await?;
    let mut rows = Vec::new();
    for subject in Subject::ALL {
        let found = step(&format!("measuring: {}", subject.name()), || {
            load::compare(&world, &mut lines, (subject, options))
        })?;
        rows.extend(rows::of_subject(subject, &found));
    }
    let mixed = step("measuring: the mixed load on ours", || {
        load::mixed((&world.ours, programs), options)
    })?;
    let peer = step("measuring: the mixed load on the peer", || {
        load::mixed((&world.peer, programs), options)
    })?;
    rows.extend(rows::of_mixed(&mixed, &peer)?);
    // On a server that did nothing else before.
    let fresh = world.another(programs).await?;
    let sockets = step("measuring: 5,000 spectators", || load::spectators((&fresh, programs)))?;
    rows.extend(rows::of_spectators(&sockets));
    Ok(rows)
}
