//! An HTTP server of the suite's own that stands in for a Prometheus that is ill: for what a real one cannot be made to do.
//!
//! It listens where the cluster's pods reach it. What it answers is chosen by the first part of the path.

use std::{
    net::{IpAddr, SocketAddr, UdpSocket},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Context;
use k8s_openapi::api::core::v1::Node;
use kube::{Api, Client, api::ListParams};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

const HUGE_BYTES: usize = 10 * 1024 * 1024;
// Longer than any tick waits.
const SLOW: Duration = Duration::from_secs(30);

/// A running endpoint. It ends when this is dropped.
pub struct IllEndpoint {
    address: SocketAddr,
    token: Arc<Mutex<String>>,
    task: JoinHandle<()>,
}

impl IllEndpoint {
    /// Starts one that the pods of the cluster reach.
    ///
    /// # Errors
    /// When the cluster has no node, or no port is free.
    pub async fn start(client: &Client) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((towards_nodes(client).await?, 0)).await?;
        let address = listener.local_addr()?;
        let token = Arc::new(Mutex::new(String::new()));
        let expected = token.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, expected.clone()));
            }
        });
        Ok(Self { address, token, task })
    }

    /// Its URL with this illness: `slow`, `huge`, `html`, `redirect`, or `secure` for one that wants a bearer token and is well.
    pub fn url(&self, illness: &str) -> String {
        format!("http://{}/{illness}", self.address)
    }

    /// The token that `secure` wants from now on.
    pub fn want_token(&self, token: &str) {
        token.clone_into(&mut self.token.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Drop for IllEndpoint {
    fn drop(&mut self) {
        self.task.abort();
    }
}

// Our own address as the nodes see it: the one from which a packet to a node would leave.
async fn towards_nodes(client: &Client) -> anyhow::Result<IpAddr> {
    let nodes = Api::<Node>::all(client.clone()).list(&ListParams::default()).await?;
    let node = nodes
        .items
        .iter()
        .filter_map(|node| node.status.as_ref()?.addresses.as_ref())
        .flatten()
        .find(|address| address.type_ == "InternalIP")
        .context("no node has an address")?;
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    socket.connect((node.address.as_str(), 9))?;
    Ok(socket.local_addr()?.ip())
}

async fn answer(mut stream: TcpStream, token: Arc<Mutex<String>>) {
    let mut request = Vec::new();
    let mut part = [0; 1024];
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut part).await {
            Ok(0) | Err(_) => return,
            Ok(read) => request.extend_from_slice(&part[..read]),
        }
    }
    let request = String::from_utf8_lossy(&request).into_owned();
    let path = request.split_whitespace().nth(1).unwrap_or_default();
    let illness = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    let head = |status: &str, more: &str, length: usize| {
        format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n{more}\r\n").into_bytes()
    };
    let json = "content-type: application/json\r\n";
    let said = match illness {
        "slow" => {
            tokio::time::sleep(SLOW).await;
            return;
        }
        "huge" => [head("200 OK", json, HUGE_BYTES), vec![b' '; HUGE_BYTES]].concat(),
        "html" => [
            head("200 OK", "content-type: text/html\r\n", 20),
            b"<html>log in</html>\n".to_vec(),
        ]
        .concat(),
        "redirect" => head("302 Found", "location: http://127.0.0.1:1/\r\n", 0),
        _ => {
            let wanted = format!(
                "authorization: bearer {}",
                *token.lock().unwrap_or_else(PoisonError::into_inner)
            );
            if request.to_lowercase().contains(&wanted.to_lowercase()) {
                let body = br#"{"status":"success","data":{"resultType":"vector","result":[]}}"#;
                [head("200 OK", json, body.len()), body.to_vec()].concat()
            } else {
                head("401 Unauthorized", "", 0)
            }
        }
    };
    // Whoever asked may have heard enough.
    let _ = stream.write_all(&said).await;
}
