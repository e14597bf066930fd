//! A small HTTP server on 127.0.0.1 that answers every path with a page of metrics: what Prometheus scrapes in tests.
//!
//! It keeps connections open, as exporters do: a Prometheus with thousands of targets would else be busy with handshakes.

use std::{net::SocketAddr, sync::Arc};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};

/// What is answered.
#[derive(Clone, Debug)]
pub struct Page {
    /// The format of the metrics.
    pub content_type: &'static str,
    /// The metrics.
    pub body: Vec<u8>,
}

impl Page {
    /// Metrics in Prometheus' text format.
    pub fn text(body: String) -> Self {
        Self {
            content_type: "text/plain; version=0.0.4",
            body: body.into_bytes(),
        }
    }

    /// Metrics as delimited protobuf messages: the only format that carries native histograms.
    pub fn protobuf(body: Vec<u8>) -> Self {
        Self {
            content_type: "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited",
            body,
        }
    }
}

/// A running server. It ends when this is dropped.
#[derive(Debug)]
pub struct Exporter {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Exporter {
    /// Starts one that answers a path with what `page` makes of it.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start(page: impl Fn(&str) -> Page + Send + Sync + 'static) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let page = Arc::new(page);
        let task = tokio::spawn(async move {
            // They end with this task.
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                while connections.try_join_next().is_some() {}
                let page = page.clone();
                connections.spawn(async move {
                    // Whoever scrapes may close at any time.
                    let _ = serve(stream, &*page).await;
                });
            }
        });
        Ok(Self { address, task })
    }

    /// Host and port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, page: &(impl Fn(&str) -> Page + ?Sized)) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut request = Vec::new();
    let mut part = [0; 2048];
    loop {
        while !request.ends_with(b"\r\n\r\n") {
            match stream.read(&mut part).await? {
                0 => return Ok(()),
                read => request.extend_from_slice(&part[..read]),
            }
        }
        let text = String::from_utf8_lossy(&request).into_owned();
        let path = text.split_whitespace().nth(1).unwrap_or("/");
        let Page { content_type, body } = page(path);
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(&[head.as_bytes(), &body].concat()).await?;
        request.clear();
    }
}
