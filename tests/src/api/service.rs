//! A Service of Kubernetes: one address that leads to whoever is its endpoint now. A connection stays where it led when it was
//! made, as with kube-proxy.

use std::sync::{
    Arc,
    atomic::{AtomicU16, Ordering::Relaxed},
};

use anyhow::Context;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};

/// One address on loopback; its connections end with this value.
#[derive(Debug)]
pub struct Service {
    port: u16,
    endpoint: Arc<AtomicU16>,
    forwards: JoinHandle<()>,
}

impl Service {
    /// Leads to this port of 127.0.0.1 at first.
    ///
    /// # Errors
    /// When there is no free port.
    pub async fn to(endpoint: u16) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .context("a free port of 127.0.0.1")?;
        let port = listener.local_addr()?.port();
        let endpoint = Arc::new(AtomicU16::new(endpoint));
        let forwards = tokio::spawn(forward(listener, endpoint.clone()));
        Ok(Self {
            port,
            endpoint,
            forwards,
        })
    }

    /// Where clients connect to.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where connections that are made from now on lead.
    pub fn lead_to(&self, endpoint: u16) {
        self.endpoint.store(endpoint, Relaxed);
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.forwards.abort();
    }
}

async fn forward(listener: TcpListener, endpoint: Arc<AtomicU16>) {
    let mut connections = JoinSet::new();
    while let Ok((mut client, _)) = listener.accept().await {
        let endpoint = endpoint.load(Relaxed);
        connections.spawn(async move {
            // Nobody there: the client sees its connection end.
            if let Ok(mut server) = TcpStream::connect(("127.0.0.1", endpoint)).await {
                let _ended = copy_bidirectional(&mut client, &mut server).await;
            }
        });
        while connections.try_join_next().is_some() {}
    }
}
