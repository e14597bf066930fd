//! Where posters are kept: a bucket of S3 or a local directory, both through the crate object_store. Images do not pass
//! through this server on their way into a bucket: the client gets a signed address. What comes out is checked again,
//! because a bucket takes whatever has the announced type: what is too large or no image is never shown. Tickets for the
//! directory are in [`ticket`].

pub mod ticket;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Method};
use futures::StreamExt;
use futures::stream::BoxStream;
use jiff::Timestamp;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::signer::{SignedUrlOptions, Signer as _};
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};
use secrecy::SecretString;
use thiserror::Error;
use tokio::sync::Semaphore;
use tokio_util::bytes::Bytes;
use tracing::warn;

use crate::domain::poster::{ImageKind, POSTER_MAX_BYTES, PosterKey};
use ticket::{Signer, Ticket};

/// How long a signed address is valid.
const UPLOAD_TIME: Duration = Duration::from_mins(10);
/// Uploads into the local directory at a time: each is in memory until it is checked.
const UPLOADS_AT_ONCE: usize = 4;

/// Where posters go.
#[derive(Debug, Clone)]
pub enum PosterConfig {
    /// A bucket of S3, or of a server that speaks like it.
    S3 {
        /// The bucket.
        bucket: String,
        /// Where the server is; Amazon's when not set.
        endpoint: Option<String>,
    },
    /// A directory of this machine.
    Directory {
        /// Its path; made when it does not exist.
        path: PathBuf,
        /// Signs the addresses of uploads; replicas that share the directory must share it.
        secret: SecretString,
    },
}

/// The posters' store.
#[derive(Debug)]
pub struct Posters {
    backend: Backend,
    uploads: Semaphore,
}

#[derive(Debug)]
enum Backend {
    Bucket(Arc<AmazonS3>),
    Directory {
        store: Arc<LocalFileSystem>,
        signer: Box<Signer>,
    },
    Unusable {
        reason: String,
    },
}

/// An address to upload one poster to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// Where to send the image; a path of this server when it begins with `/`.
    pub url: String,
    /// Until when.
    pub expires_at: Timestamp,
}

/// A poster on its way to a client.
pub struct Poster {
    /// Its size.
    pub bytes: u64,
    /// Its bytes.
    pub content: BoxStream<'static, Result<Bytes, object_store::Error>>,
}

impl std::fmt::Debug for Poster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Poster")
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

/// The store did not do it.
#[derive(Debug, Error)]
pub enum PosterError {
    /// There is nothing under this name, or nothing that may be shown.
    #[error("there is no such poster")]
    NotFound,
    /// Something is under this name already.
    #[error("this address was used already: ask for a new one")]
    Used,
    /// The image is not what its name says.
    #[error("the content is not an image of the declared type")]
    WrongContent,
    /// The address is not one of ours.
    #[error(transparent)]
    Ticket(#[from] ticket::BadTicket),
    /// Too many uploads at once.
    #[error("too many uploads at once: try again")]
    Busy,
    /// The store failed or is not there.
    #[error("the store of posters does not answer: {0}")]
    Store(String),
}

impl Posters {
    /// The store as configured. A store that cannot be used does not keep the server from serving everything else.
    pub fn new(config: &PosterConfig) -> Self {
        let backend = match config {
            PosterConfig::S3 { bucket, endpoint } => {
                bucket_store(bucket, endpoint.as_deref()).map(|store| Backend::Bucket(Arc::new(store)))
            }
            PosterConfig::Directory { path, secret } => directory(path).map(|store| Backend::Directory {
                store: Arc::new(store),
                signer: Box::new(Signer::new(secret)),
            }),
        };
        let backend = backend.unwrap_or_else(|reason| {
            warn!(reason, "posters cannot be kept");
            Backend::Unusable { reason }
        });
        Self {
            backend,
            uploads: Semaphore::new(UPLOADS_AT_ONCE),
        }
    }

    /// Why posters cannot be kept, if they cannot.
    pub fn problem(&self) -> Option<&str> {
        match &self.backend {
            Backend::Unusable { reason } => Some(reason),
            Backend::Bucket(_) | Backend::Directory { .. } => None,
        }
    }

    /// An address to upload a poster of exactly this size to; a bucket knows no such bound.
    ///
    /// # Errors
    /// The store cannot be used.
    pub async fn upload(&self, key: PosterKey, bytes: u64, now: Timestamp) -> Result<Upload, PosterError> {
        let expires = now.as_second() + i64::try_from(UPLOAD_TIME.as_secs()).unwrap_or(0);
        let url = match &self.backend {
            Backend::Bucket(bucket) => {
                let content_type = HeaderValue::from_static(key.kind().content_type());
                let options = SignedUrlOptions::default().with_signed_header(CONTENT_TYPE, content_type);
                let path = path(key);
                let signed = bucket.signed_url_opts(Method::PUT, &path, UPLOAD_TIME, &options);
                signed.await.map_err(|error| failed(&error))?.to_string()
            }
            Backend::Directory { signer, .. } => {
                let signature = signer.sign(&Ticket { key, bytes, expires });
                format!("/uploads/{key}?bytes={bytes}&expires={expires}&signature={signature}")
            }
            Backend::Unusable { reason } => return Err(PosterError::Store(reason.clone())),
        };
        Ok(Upload {
            url,
            expires_at: Timestamp::from_second(expires).unwrap_or(now),
        })
    }

    /// Checks the ticket of an upload into the directory, before its body is read. The permit is held while it is in
    /// memory.
    ///
    /// # Errors
    /// The ticket is not good, or there are too many uploads, or there is no directory.
    pub fn admit(
        &self,
        ticket: &Ticket,
        signature: &str,
        now: Timestamp,
    ) -> Result<tokio::sync::SemaphorePermit<'_>, PosterError> {
        match &self.backend {
            Backend::Directory { signer, .. } => signer.check(ticket, signature, now)?,
            // The addresses of a bucket lead there, not here.
            Backend::Bucket(_) | Backend::Unusable { .. } => return Err(PosterError::NotFound),
        }
        self.uploads.try_acquire().map_err(|_| PosterError::Busy)
    }

    /// Keeps an image in the directory, once.
    ///
    /// # Errors
    /// The bytes are not such an image, the name is used, or the directory fails.
    pub async fn keep(&self, key: PosterKey, image: Bytes) -> Result<(), PosterError> {
        let Backend::Directory { store, .. } = &self.backend else {
            return Err(PosterError::NotFound);
        };
        if ImageKind::sniff(&image) != Some(key.kind()) {
            return Err(PosterError::WrongContent);
        }
        let once = PutOptions::from(PutMode::Create);
        match store.put_opts(&path(key), PutPayload::from(image), once).await {
            Ok(_) => Ok(()),
            Err(object_store::Error::AlreadyExists { .. }) => Err(PosterError::Used),
            Err(error) => Err(failed(&error)),
        }
    }

    /// A poster, if it is what its name says.
    ///
    /// # Errors
    /// There is none, or the store fails.
    pub async fn get(&self, key: PosterKey) -> Result<Poster, PosterError> {
        let store: &dyn ObjectStore = match &self.backend {
            Backend::Bucket(bucket) => bucket.as_ref(),
            Backend::Directory { store, .. } => store.as_ref(),
            Backend::Unusable { reason } => return Err(PosterError::Store(reason.clone())),
        };
        let found = match store.get(&path(key)).await {
            Ok(found) if found.meta.size <= POSTER_MAX_BYTES => found,
            Ok(_) | Err(object_store::Error::NotFound { .. }) => return Err(PosterError::NotFound),
            Err(error) => return Err(failed(&error)),
        };
        let bytes = found.meta.size;
        let mut content = found.into_stream();
        let first = content.next().await.unwrap_or_else(|| Ok(Bytes::new()));
        let first = first.map_err(|error| failed(&error))?;
        if ImageKind::sniff(&first) != Some(key.kind()) {
            return Err(PosterError::NotFound);
        }
        Ok(Poster {
            bytes,
            content: futures::stream::once(async { Ok(first) }).chain(content).boxed(),
        })
    }
}

fn path(key: PosterKey) -> Path {
    Path::from(format!("posters/{key}"))
}

/// Credentials come from where every client of AWS has them from: the environment, a mounted token, or the machine.
fn bucket_store(bucket: &str, endpoint: Option<&str>) -> Result<AmazonS3, String> {
    let mut builder = AmazonS3Builder::from_env().with_bucket_name(bucket);
    if let Some(endpoint) = endpoint {
        builder = builder
            .with_endpoint(endpoint)
            .with_allow_http(endpoint.starts_with("http://"));
    }
    builder.build().map_err(|error| format!("bucket {bucket}: {error}"))
}

fn directory(path: &std::path::Path) -> Result<LocalFileSystem, String> {
    std::fs::create_dir_all(path)
        .map_err(object_store_io)
        .and_then(|()| LocalFileSystem::new_with_prefix(path).map_err(|error| error.to_string()))
        .map_err(|error| format!("directory {}: {error}", path.display()))
}

#[allow(clippy::needless_pass_by_value)] // the shape of `map_err`
fn object_store_io(error: std::io::Error) -> String {
    error.to_string()
}

fn failed(error: &object_store::Error) -> PosterError {
    PosterError::Store(error.to_string())
}

#[cfg(test)]
mod tests;
