//! Tests that leave each other alone: they share stores and two servers on them, and run side by side.

mod document;
mod hostile;
mod limits;
mod live;
mod posters;
mod public;
mod registrations;
mod scores;
mod seats;
mod sessions;
mod slow;
mod tokens;
mod tournaments;
mod users;

use std::{
    sync::{OnceLock, mpsc},
    thread,
};

use pathfinder_tests::api::{Server, Stack};

/// The shared stores, and the servers on them.
pub(crate) struct House {
    pub(crate) stack: Stack,
    pub(crate) a: Server,
    pub(crate) b: Server,
}

/// The one house of this process.
pub(crate) fn house() -> &'static House {
    static HOUSE: OnceLock<House> = OnceLock::new();
    HOUSE.get_or_init(|| {
        let (built, waiting) = mpsc::channel();
        // The kernel ends what a thread started when the thread ends: this one stays.
        thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            built.send(runtime.block_on(build())).unwrap();
            loop {
                thread::park();
            }
        });
        waiting.recv().unwrap().unwrap()
    })
}

async fn build() -> anyhow::Result<House> {
    let stack = Stack::start(&[]).await?;
    let a = stack.serve(&[]).await?;
    let b = stack.serve(&[]).await?;
    Ok(House { stack, a, b })
}
