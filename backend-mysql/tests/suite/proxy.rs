//! A stretch of network between client and server that can be cut.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Passes connections on to a server.
pub(crate) struct Proxy {
    port: u16,
    loses_replies: Arc<AtomicBool>,
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
        let loses_replies = Arc::new(AtomicBool::new(false));
        let lost = Arc::clone(&loses_replies);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&server).await.unwrap();
                tokio::spawn(pass(client, server, Arc::clone(&lost)));
            }
        });
        Self { port, loses_replies }
    }

    /// The same URL by way of this proxy.
    pub(crate) fn url(&self, url: &str) -> String {
        let mut url = convoke_core::StoreUrl::parse(url).unwrap().with_secrets().clone();
        url.set_port(Some(self.port)).unwrap();
        url.to_string()
    }

    /// From now on, the next reply of the server is lost, and its connection with it.
    pub(crate) fn lose_the_next_reply(&self) {
        self.loses_replies.store(true, Ordering::SeqCst);
    }
}

async fn pass(client: TcpStream, server: TcpStream, loses_replies: Arc<AtomicBool>) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let requests = tokio::io::copy(&mut from_client, &mut to_server);
    let replies = async {
        let mut buffer = vec![0; 65_536];
        loop {
            match from_server.read(&mut buffer).await {
                Ok(0) | Err(_) => break,
                // The reply is there, so the server has done it.
                Ok(_) if loses_replies.swap(false, Ordering::SeqCst) => break,
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
