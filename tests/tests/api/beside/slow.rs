//! Slow on purpose: connections that send a little and then nothing. Others are served meanwhile, and the slow ones end.

use std::time::{Duration, Instant};

use pathfinder_tests::api::raw::{connect, rest, status};
use tokio::io::AsyncWriteExt;

use crate::beside::house;

const SLOW: usize = 300;
// What the server of this test allows a head and a request to take.
const PATIENCE: &str = "3";
const ALLOWED: Duration = Duration::from_secs(20);

#[tokio::test]
async fn half_sent_requests_end_and_nobody_waits_for_them() -> anyhow::Result<()> {
    let variables = [
        ("HEAD_TIMEOUT_SECONDS", PATIENCE),
        ("REQUEST_TIMEOUT_SECONDS", PATIENCE),
    ];
    let server = house().stack.serve(&variables).await?;
    let mut slow = Vec::new();
    let started = Instant::now();
    for number in 0..SLOW {
        let mut stream = connect(server.port).await?;
        let head = "POST /api/sessions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
        let part = if number % 2 == 0 {
            head.to_owned()
        } else {
            format!("{head}Content-Length: 50\r\n\r\n{{")
        };
        stream.write_all(part.as_bytes()).await?;
        slow.push((number, stream));
    }
    let client = server.client()?;
    for _ in 0..50 {
        let asked = Instant::now();
        client.expect("/api/tournaments", 200).await?;
        assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    }
    let ends = slow.into_iter().map(|(number, mut stream)| async move {
        let text = rest(&mut stream).await?;
        // A head that never ended may be dropped without a word; a body that never came is answered.
        let said = status(&text);
        anyhow::ensure!(matches!(said, 0 | 408 | 503), "{text}");
        anyhow::ensure!(number % 2 == 0 || said > 0, "a request with a head got no answer");
        anyhow::Ok(())
    });
    futures::future::try_join_all(ends).await?;
    assert!(started.elapsed() < ALLOWED, "{:?}", started.elapsed());
    Ok(())
}
