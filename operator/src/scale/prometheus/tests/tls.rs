//! Endpoints behind TLS: certificates that fit, and those that do not, each said for what it is.
//!
//! A real TLS server on the loopback, with an authority made for the test.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use super::*;

// An authority, and what it signed for servers and for us.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut parameters = CertificateParams::new(vec![]).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap())
    }

    fn sign(&self, name: &str) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let parameters = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (parameters.signed_by(&key, &self.0).unwrap(), key)
    }

    fn roots(&self) -> Arc<rustls::RootCertStore> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        Arc::new(roots)
    }

    // Answers every request with an empty vector to whoever has a certificate of ours, over TLS, as `name`.
    fn serve(&self, name: &str) -> SocketAddr {
        provider();
        let (certificate, key) = self.sign(name);
        let verifier = rustls::server::WebPkiClientVerifier::builder(self.roots());
        let key = rustls::pki_types::PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let config = rustls::ServerConfig::builder()
            .with_client_cert_verifier(verifier.allow_unauthenticated().build().unwrap())
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        let (config, listener) = (Arc::new(config), TcpListener::bind("127.0.0.1:0").unwrap());
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let session = rustls::ServerConnection::new(config.clone()).unwrap();
                let mut stream = rustls::StreamOwned::new(session, socket);
                let mut buffer = [0; 16 * 1024];
                if stream.read(&mut buffer).is_ok() {
                    let body = r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#;
                    let status = if stream.conn.peer_certificates().is_some() {
                        "200 OK"
                    } else {
                        "401 No"
                    };
                    let head = format!(
                        "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
                        body.len()
                    );
                    let _ = stream.write_all((head + body).as_bytes());
                    stream.conn.send_close_notify();
                    let _ = stream.flush();
                }
            }
        });
        address
    }
}

async fn over_tls(authority: &Authority, server: &str, settings: &str) -> Answer {
    let folder = Folder::new();
    let (certificate, key) = authority.sign("pathfinder");
    folder.put("ours/tls.crt", &certificate.pem());
    folder.put("ours/tls.key", &key.serialize_pem());
    folder.put("authority/ca.crt", &authority.0.pem());
    folder.put("other/ca.crt", &Authority::new().0.pem());
    folder.put("empty/ca.crt", "nothing");
    let address = authority.serve(server);
    let endpoints = endpoints(&format!("https://{address}"), settings, &folder);
    endpoints.ask("default", &of(0)).await.answer
}

#[rstest]
#[case("127.0.0.1", "tls: {caSecretName: authority, clientCertSecretName: ours}")]
#[case(
    "prometheus.example.com",
    "tls: {caSecretName: authority, clientCertSecretName: ours, serverName: prometheus.example.com}"
)]
#[tokio::test]
async fn certificates_that_fit_open_the_endpoint(#[case] server: &str, #[case] settings: &str) {
    assert!(matches!(
        over_tls(&Authority::new(), server, settings).await,
        Answer::Samples(_)
    ));
}

#[rstest]
#[case(
    "127.0.0.1",
    "tls: {caSecretName: authority}",
    "answered 401: check the endpoint's credentials"
)]
#[case("127.0.0.1", "tls: {caSecretName: other}", "TLS handshake")]
#[case("127.0.0.1", "tls: {clientCertSecretName: ours}", "TLS handshake")]
#[case("prometheus.example.com", "tls: {caSecretName: authority}", "TLS handshake")]
#[case(
    "127.0.0.1",
    "tls: {caSecretName: authority, serverName: prometheus.example.com}",
    "TLS handshake"
)]
#[case(
    "127.0.0.1",
    "tls: {caSecretName: empty}",
    "Secret empty (key ca.crt) is not a PEM certificate"
)]
#[case(
    "127.0.0.1",
    "tls: {clientCertSecretName: missing}",
    "Secret missing (key tls.crt) is not there"
)]
#[tokio::test]
async fn certificates_that_do_not_fit_say_so(#[case] server: &str, #[case] settings: &str, #[case] says: &str) {
    match over_tls(&Authority::new(), server, settings).await {
        Answer::Unreachable(why) => assert!(why.to_string().contains(says), "{why}"),
        other => panic!("{other:?}"),
    }
}
