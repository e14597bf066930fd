//! Posters in a directory.

use uuid::Uuid;

use super::*;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\nthe rest of an image";

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _left_behind = std::fs::remove_dir_all(&self.0);
    }
}

fn posters() -> (Posters, Folder) {
    let path = std::env::temp_dir().join(format!("pathfinder-posters-{}", Uuid::new_v4().simple()));
    let config = PosterConfig::Directory {
        path: path.clone(),
        secret: "secret".into(),
    };
    (Posters::new(&config), Folder(path))
}

fn key(kind: ImageKind) -> PosterKey {
    PosterKey::new(Uuid::new_v4(), kind)
}

async fn content(poster: Poster) -> Vec<u8> {
    let chunks: Vec<_> = poster.content.map(|chunk| chunk.expect("readable")).collect().await;
    chunks.concat()
}

#[tokio::test]
async fn what_is_kept_comes_back_and_is_never_replaced() {
    let (posters, _folder) = posters();
    let key = key(ImageKind::Png);
    posters.keep(key, Bytes::from_static(PNG)).await.expect("kept");
    let again = posters.keep(key, Bytes::from_static(PNG)).await;
    assert!(matches!(again, Err(PosterError::Used)), "{again:?}");
    let poster = posters.get(key).await.expect("there");
    assert_eq!(poster.bytes, PNG.len() as u64);
    assert_eq!(content(poster).await, PNG);
}

#[tokio::test]
async fn bytes_that_are_not_the_declared_image_are_neither_kept_nor_shown() {
    let (posters, folder) = posters();
    let key = key(ImageKind::Jpeg);
    let kept = posters.keep(key, Bytes::from_static(PNG)).await;
    assert!(matches!(kept, Err(PosterError::WrongContent)), "{kept:?}");
    // As a bucket takes it, which looks at nothing.
    let file = folder.0.join("posters").join(key.to_string());
    std::fs::create_dir_all(folder.0.join("posters")).expect("a folder");
    std::fs::write(file, b"<script>").expect("a file");
    assert!(matches!(posters.get(key).await, Err(PosterError::NotFound)));
}

#[tokio::test]
async fn an_address_of_the_directory_admits_exactly_what_it_says() {
    let (posters, _folder) = posters();
    let (key, now) = (key(ImageKind::Png), Timestamp::now());
    let upload = posters.upload(key, 77, now).await.expect("usable");
    let (path, query) = upload.url.split_once('?').expect("a query");
    assert_eq!(path, format!("/uploads/{key}"));
    let parts: Vec<_> = query.split('&').filter_map(|part| part.split_once('=')).collect();
    let expires = upload.expires_at.as_second();
    let ticket = Ticket {
        key,
        bytes: 77,
        expires,
    };
    let signature = parts.iter().find(|(name, _)| *name == "signature").expect("signed").1;
    assert!(posters.admit(&ticket, signature, now).is_ok());
    let larger = Ticket { bytes: 78, ..ticket };
    assert!(posters.admit(&larger, signature, now).is_err());
}

#[tokio::test]
async fn uploads_at_once_are_bounded() {
    let (posters, _folder) = posters();
    let now = Timestamp::now();
    let ticket = Ticket {
        key: key(ImageKind::Png),
        bytes: 1,
        expires: now.as_second(),
    };
    let signature = Signer::new(&"secret".into()).sign(&ticket);
    let held: Vec<_> = (0..UPLOADS_AT_ONCE)
        .map(|_| posters.admit(&ticket, &signature, now))
        .collect();
    assert!(held.iter().all(Result::is_ok));
    assert!(matches!(
        posters.admit(&ticket, &signature, now),
        Err(PosterError::Busy)
    ));
}

#[test]
fn a_directory_that_cannot_be_made_is_said_and_stops_nothing() {
    let config = PosterConfig::Directory {
        path: "/proc/no-such-place".into(),
        secret: "secret".into(),
    };
    assert!(
        Posters::new(&config)
            .problem()
            .is_some_and(|problem| problem.contains("/proc/no-such-place"))
    );
}

#[tokio::test]
async fn a_bucket_signs_the_type() {
    let store = AmazonS3Builder::new()
        .with_bucket_name("posters")
        .with_region("eu-central-1")
        .with_access_key_id("id")
        .with_secret_access_key("hunter2")
        .build()
        .expect("a client");
    let posters = Posters {
        backend: Backend::Bucket(Arc::new(store)),
        uploads: Semaphore::new(1),
    };
    let key = key(ImageKind::Webp);
    let url = posters.upload(key, 10, Timestamp::now()).await.expect("signed").url;
    assert!(url.contains(&format!("/posters/{key}?")), "{url}");
    assert!(url.contains("X-Amz-SignedHeaders=content-type%3Bhost"), "{url}");
    assert!(url.contains("X-Amz-Expires=600"), "{url}");
    assert!(!url.contains("hunter2") && !format!("{posters:?}").contains("hunter2"));
}
