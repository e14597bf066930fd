//! The cache of one process, without Redis.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use tokio::sync::Notify;

use super::*;

fn config() -> CacheConfig {
    CacheConfig {
        url: None,
        ttl: Duration::from_secs(1),
        local_ttl: Duration::from_secs(60),
        local_bytes: 1024 * 1024,
        timeout: Duration::from_secs(1),
    }
}

fn cache() -> Aside {
    Aside::new(&config(), None, Arc::new(Metrics::default()))
}

async fn read(cache: &Aside, body: &'static str) -> String {
    let load = move |_| async move { Ok(Some(body.as_bytes().to_vec())) };
    let answer = cache.get_or_load(Entry::new("tag", "key"), load).await;
    let answer = answer.expect("loads").expect("is there");
    String::from_utf8_lossy(&answer.body).into_owned()
}

#[tokio::test]
async fn without_redis_the_process_keeps_answers_until_they_are_invalidated() {
    let cache = cache();
    assert_eq!(read(&cache, "one").await, "one");
    assert_eq!(read(&cache, "two").await, "one");
    cache.invalidate("other").await;
    assert_eq!(read(&cache, "three").await, "one");
    cache.invalidate("tag").await;
    assert_eq!(read(&cache, "four").await, "four");
    assert_eq!(cache.state(), CacheState::NotConfigured);
}

#[tokio::test]
async fn who_asks_after_an_invalidation_does_not_get_what_was_being_loaded_before() {
    let (cache, go) = (cache(), Arc::new(Notify::new()));
    let (slow, began) = (Arc::clone(&go), Arc::new(Notify::new()));
    let beginning = Arc::clone(&began);
    let load = move |_| async move {
        beginning.notify_one();
        slow.notified().await;
        Ok(Some(b"before".to_vec()))
    };
    let before = tokio::spawn({
        let cache = cache.clone();
        async move { cache.get_or_load(Entry::new("tag", "key"), load).await }
    });
    began.notified().await;
    cache.invalidate("tag").await;
    assert_eq!(read(&cache, "after").await, "after");
    go.notify_one();
    let old = before.await.expect("no panic").expect("loads").expect("is there");
    assert_eq!(&*old.body, b"before");
    assert_eq!(read(&cache, "later").await, "after");
}

#[tokio::test]
async fn soon_after_an_invalidation_the_latest_is_loaded() {
    let cache = cache();
    let seen = async |cache: &Aside| {
        let load = |freshness| async move { Ok(Some(format!("{freshness:?}").into_bytes())) };
        let answer = cache.get_or_load(Entry::new("tag", "key"), load).await;
        answer.expect("loads").expect("is there").body.clone()
    };
    assert_eq!(&*seen(&cache).await, b"Any");
    cache.invalidate("tag").await;
    assert_eq!(&*seen(&cache).await, b"Latest");
}

#[tokio::test]
async fn what_a_list_brought_along_answers_for_its_items_unless_they_changed_since_or_shortly_before() {
    let along = |cache: &Aside, began| {
        let body = || Some(b"along".to_vec());
        cache.keep_along(Entry::new("tag", "key"), began, body);
    };
    let (unchanged, changed, fresher) = (cache(), cache(), cache());
    along(&unchanged, Instant::now());
    assert_eq!(read(&unchanged, "loaded").await, "along");
    let began = Instant::now();
    changed.invalidate("tag").await;
    along(&changed, began);
    assert_eq!(read(&changed, "loaded").await, "loaded");
    // A replica may be behind what was invalidated before the loading.
    changed.invalidate("tag").await;
    along(&changed, Instant::now());
    assert_eq!(read(&changed, "loaded again").await, "loaded again");
    assert_eq!(read(&fresher, "there").await, "there");
    along(&fresher, Instant::now());
    assert_eq!(read(&fresher, "loaded").await, "there");
}

#[tokio::test]
async fn what_is_not_there_and_what_fails_is_not_kept() {
    let (cache, loads) = (cache(), Arc::new(AtomicU32::new(0)));
    for _ in 0..2 {
        let loads = Arc::clone(&loads);
        let load = move |_| async move {
            loads.fetch_add(1, Ordering::Relaxed);
            Ok(None)
        };
        assert!(matches!(
            cache.get_or_load(Entry::new("tag", "key"), load).await,
            Ok(None)
        ));
    }
    let failing = |_| async { Err(LoadError::Store(StoreError::NoFreeConnection)) };
    assert!(cache.get_or_load(Entry::new("tag", "key"), failing).await.is_err());
    assert_eq!(read(&cache, "one").await, "one");
    assert_eq!(loads.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn however_many_entries_are_past_their_time_only_so_many_are_renewed_at_once() {
    let config = CacheConfig {
        ttl: Duration::from_secs(60),
        // Past its time as soon as it is kept.
        local_ttl: Duration::ZERO,
        ..config()
    };
    let cache = Aside::new(&config, None, Arc::new(Metrics::default()));
    cache.0.local.listens(Hearing::All);
    let (begun, go) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
    let ask = async |number: usize, held: bool| {
        let (begun, go) = (Arc::clone(&begun), Arc::clone(&go));
        let load = move |_| async move {
            if held {
                begun.fetch_add(1, Ordering::Relaxed);
                go.notified().await;
            }
            Ok(Some(number.to_string().into_bytes()))
        };
        let entry = Entry::new("tag", &format!("key-{number}"));
        let answer = cache.get_or_load(entry, load).await;
        assert_eq!(
            answer.expect("loads").expect("is there").body,
            number.to_string().as_bytes()
        );
    };
    for number in 0..10 * RENEWALS {
        ask(number, false).await;
    }
    for number in 0..10 * RENEWALS {
        ask(number, true).await;
    }
    while begun.load(Ordering::Relaxed) < RENEWALS {
        tokio::task::yield_now().await;
    }
    // All that were begun have run until they wait.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(begun.load(Ordering::Relaxed), RENEWALS);
    assert_eq!(cache.0.renewals.available_permits(), 0);
    go.notify_waiters();
    while cache.0.renewals.available_permits() < RENEWALS {
        tokio::task::yield_now().await;
    }
}
