//! Certificates for a server that speaks TLS, made for it alone.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rcgen::{BasicConstraints, Certificate, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};

use crate::Kind;

/// The certificates of a server started by [`private_with_tls`](crate::private_with_tls). They go with its directory.
#[derive(Clone, Debug)]
pub struct Certificates {
    folder: PathBuf,
}

impl Certificates {
    /// Makes an authority, a server of 127.0.0.1 certified by it, and an authority that certified nobody.
    pub(crate) fn make(directory: &Path) -> Result<Self> {
        let folder = directory.join("certificates");
        fs::create_dir(&folder).with_context(|| format!("creating {}", folder.display()))?;
        let certificates = Self { folder };
        let (certificate, issuer) = authority("an authority of this test")?;
        let key = KeyPair::generate()?;
        let server = CertificateParams::new(vec!["127.0.0.1".to_owned()])?.signed_by(&key, &issuer)?;
        let (stranger, _) = authority("an authority that nobody knows")?;
        for (path, text) in [
            (certificates.authority(), certificate.pem()),
            (certificates.stranger(), stranger.pem()),
            (certificates.server(), server.pem()),
            (certificates.key(), key.serialize_pem()),
        ] {
            fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
        }
        Ok(certificates)
    }

    /// The file of the authority that certified the server.
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        self.folder.join("authority.pem")
    }

    /// The file of an authority that did not.
    #[must_use]
    pub fn stranger(&self) -> PathBuf {
        self.folder.join("stranger.pem")
    }

    fn server(&self) -> PathBuf {
        self.folder.join("server.pem")
    }

    fn key(&self) -> PathBuf {
        self.folder.join("server.key")
    }

    /// What the server is started with. Redis and Valkey speak TLS on a port of its own.
    pub(crate) fn arguments(&self, kind: Kind, port: u16) -> Vec<String> {
        let [authority, server, key] =
            [self.authority(), self.server(), self.key()].map(|path| path.display().to_string());
        match kind {
            Kind::MariaDb | Kind::MySql => vec![
                format!("--ssl-ca={authority}"),
                format!("--ssl-cert={server}"),
                format!("--ssl-key={key}"),
            ],
            Kind::Redis | Kind::Valkey => [
                ["--tls-port", &port.to_string()],
                ["--tls-ca-cert-file", &authority],
                ["--tls-cert-file", &server],
                ["--tls-key-file", &key],
                ["--tls-auth-clients", "no"],
            ]
            .concat()
            .into_iter()
            .map(ToOwned::to_owned)
            .collect(),
        }
    }
}

fn authority(name: &str) -> Result<(Certificate, Issuer<'static, KeyPair>)> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params.distinguished_name.push(DnType::CommonName, name);
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    Ok((certificate, Issuer::new(params, key)))
}
