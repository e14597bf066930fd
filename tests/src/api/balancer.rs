//! What a Service does with its pods: new requests go to those that were ready at the last look.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{task::JoinHandle, time::sleep};

use crate::api::Client;

// A kubelet looks every few seconds; the drain delay of the servers under test is shortened alike.
const LOOK: Duration = Duration::from_millis(100);

/// The servers in turn, of which a look now and then finds out who is ready.
#[derive(Debug)]
pub struct Balancer {
    ports: Arc<Vec<(u16, AtomicUsize)>>,
    next: AtomicUsize,
    looks: JoinHandle<()>,
}

impl Balancer {
    /// Before these servers, all of which are ready now.
    ///
    /// # Errors
    /// When no client can be made.
    pub fn before(ports: &[u16]) -> anyhow::Result<Self> {
        let ports: Arc<Vec<_>> = Arc::new(ports.iter().map(|port| (*port, AtomicUsize::new(1))).collect());
        let seen = ports.clone();
        let clients: Vec<Client> = seen
            .iter()
            .map(|(port, _)| Client::new(*port))
            .collect::<Result<_, _>>()?;
        let looks = tokio::spawn(async move {
            loop {
                for ((_, ready), client) in seen.iter().zip(&clients) {
                    let answer = client.expect("/ready", 200).await;
                    ready.store(usize::from(answer.is_ok()), Relaxed);
                }
                sleep(LOOK).await;
            }
        });
        Ok(Self {
            ports,
            next: AtomicUsize::new(0),
            looks,
        })
    }

    /// The port for the next request; when nobody is ready, whoever is next.
    pub fn pick(&self) -> u16 {
        let count = self.ports.len();
        let from = self.next.fetch_add(1, Relaxed);
        let turn = (from..from + count).map(|index| &self.ports[index % count]);
        let ready = turn.clone().find(|(_, ready)| ready.load(Relaxed) == 1);
        ready.or(turn.clone().next()).map_or(0, |(port, _)| *port)
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.looks.abort();
    }
}
