//! `explain --watch`: looks every few seconds, and prints what `follower` makes of it, until Ctrl-C.
//!
//! IO. A reader that went away (`| head`) ends it too. The first look must succeed, as without `--watch`; after it, what
//! passes is said once and tried again.

mod follower;

use std::{
    io::{self, Write},
    time::Duration,
};

use jiff::Timestamp;
use tokio::time::MissedTickBehavior;

use crate::{
    answer::explanation,
    args::{Arguments, ExplainArguments},
    failure::Failure,
    session::Session,
    watch::follower::Follower,
};

/// Whether somebody still reads.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reader {
    There,
    Gone,
}

/// Follows the decisions about one resource: answers to the first stream, trouble to the second.
pub(crate) async fn follow(
    arguments: &Arguments,
    explain: &ExplainArguments,
    (out, trouble): (&mut impl Write, &mut impl Write),
) -> Result<(), Failure> {
    let session = Session::open(&arguments.connection).await?;
    let interval = Duration::from_secs(explain.interval);
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut follower = Follower::new(arguments.output, interval);
    let interrupted = tokio::signal::ctrl_c();
    tokio::pin!(interrupted);
    loop {
        let look = async {
            ticks.tick().await;
            explanation(&session, &arguments.connection, &explain.name, Timestamp::now()).await
        };
        let seen = tokio::select! {
            biased;
            Ok(()) = &mut interrupted => return Ok(()),
            seen = look => seen,
        };
        let said = follower.hear(seen, Timestamp::now())?;
        // Best effort: what cannot be told on stderr shows in the answers that are missing.
        let _ = trouble.write_all(said.trouble.as_bytes());
        if print(out, &said.answer)? == Reader::Gone {
            return Ok(());
        }
    }
}

fn print(out: &mut impl Write, text: &str) -> Result<Reader, Failure> {
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(Reader::There),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Reader::Gone),
        Err(error) => Err(error.into()),
    }
}
