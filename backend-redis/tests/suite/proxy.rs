//! A wire between client and server that can be cut.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Passes bytes on, unless it is told to swallow the next answer and cut the wire.
pub(crate) struct Proxy {
    url: String,
    cuts: Arc<AtomicU64>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    pub(crate) async fn before(url: &str) -> Self {
        let server = url.trim_start_matches("redis://").trim_end_matches('/').to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("redis://{}/", listener.local_addr().unwrap());
        let cuts = Arc::new(AtomicU64::new(0));
        let left = Arc::clone(&cuts);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&server).await.unwrap();
                tokio::spawn(pass(client, server, Arc::clone(&left)));
            }
        });
        Self { url, cuts, accepting }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Swallows so many answers, each with the end of its connection.
    pub(crate) fn swallow(&self, answers: u64) {
        self.cuts.store(answers, Ordering::SeqCst);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn pass(mut client: TcpStream, mut server: TcpStream, cuts: Arc<AtomicU64>) {
    let (mut asked, mut answered) = (vec![0; 65_536], vec![0; 65_536]);
    let mut is_cut = false;
    loop {
        tokio::select! {
            read = client.read(&mut asked) => match read {
                // What begins a connection is passed both ways: only what is asked later is cut.
                Ok(length) if length > 0 => {
                    let is_greeting = asked[..length].windows(5).any(|word| word == b"HELLO");
                    let take_one = |left: u64| left.checked_sub(1);
                    is_cut |= !is_greeting && cuts.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take_one).is_ok();
                    server.write_all(&asked[..length]).await.unwrap();
                }
                _ => return,
            },
            read = server.read(&mut answered) => match read {
                Ok(length) if length > 0 && !is_cut => client.write_all(&answered[..length]).await.unwrap(),
                _ => return,
            },
        }
    }
}
