//! A stretch of network between client and server that can be cut.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Passes connections on to a server.
pub(crate) struct Proxy {
    port: u16,
    /// Counts down to the reply that is lost.
    loses_reply: Arc<AtomicU32>,
}

impl Proxy {
    /// In front of the server of this URL.
    pub(crate) async fn before(url: &str) -> Self {
        let url = convoke_core::StoreUrl::parse(url).unwrap();
        let server = format!(
            "{}:{}",
            url.with_secrets().host_str().unwrap(),
            url.with_secrets().port().unwrap()
        );
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let loses_reply = Arc::new(AtomicU32::new(0));
        let lost = Arc::clone(&loses_reply);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&server).await.unwrap();
                tokio::spawn(pass(client, server, Arc::clone(&lost)));
            }
        });
        Self { port, loses_reply }
    }

    /// The same URL by way of this proxy.
    pub(crate) fn url(&self, url: &str) -> String {
        let mut url = convoke_core::StoreUrl::parse(url).unwrap().with_secrets().clone();
        url.set_port(Some(self.port)).unwrap();
        url.to_string()
    }

    /// From now on, the next reply of the server is lost, and its connection with it.
    pub(crate) fn lose_the_next_reply(&self) {
        self.lose_the_reply(1);
    }

    /// From now on, the reply of this number is lost, and its connection with it.
    pub(crate) fn lose_the_reply(&self, number: u32) {
        self.loses_reply.store(number, Ordering::SeqCst);
    }
}

async fn pass(client: TcpStream, server: TcpStream, loses_reply: Arc<AtomicU32>) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let requests = tokio::io::copy(&mut from_client, &mut to_server);
    let replies = async {
        let mut buffer = vec![0; 65_536];
        loop {
            match from_server.read(&mut buffer).await {
                Ok(0) | Err(_) => break,
                // The reply is there, so the server has done it.
                Ok(_) if is_last(&loses_reply) => break,
                Ok(length) => {
                    if to_client.write_all(&buffer[..length]).await.is_err() {
                        break;
                    }
                }
            }
        }
    };
    tokio::select! {
        _ = requests => {}
        () = replies => {}
    }
}

/// Counts one down, and answers whether that was the last one.
fn is_last(left: &AtomicU32) -> bool {
    left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)) == Ok(1)
}
