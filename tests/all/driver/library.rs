//! The tenant's library: compared, filled, never overwritten.

use std::sync::Mutex;

use serde_json::{Value, json as value};

use svar::driver::{LibraryError, LibraryItem, LibraryUpload, prepare_library};
use svar_wire::LibraryName;

use super::service::{Service, json};

fn item(name: &str, content: &str) -> LibraryItem {
    LibraryItem::new(LibraryName::parse(name).expect("a name"), content.into())
}

fn listed(item: &LibraryItem) -> Value {
    // The service may write hashes in either case.
    value!({"fileName": item.name.as_str(), "sha256": item.sha256.to_uppercase()})
}

/// A library with these files; an upload adds what `uploads` says.
async fn library(files: Vec<Value>, uploads: Value) -> Service {
    let files = Mutex::new(files);
    Service::signed_in(move |seen, _| {
        let mut files = files.lock().expect("no panic");
        if seen.method == "POST" {
            files.push(uploads.clone());
            json(200, uploads.clone())
        } else {
            json(200, value!({ "value": *files }))
        }
    })
    .await
}

#[tokio::test]
async fn what_is_there_is_left_alone_and_what_is_missing_is_brought() {
    let (a, b) = (item("a.sh", "echo a"), item("b.sh", "echo b"));
    let service = library(vec![listed(&a)], listed(&b)).await;
    let uploaded = prepare_library(
        &service.client(),
        &[a.clone(), b.clone()],
        LibraryUpload::Missing,
    )
    .await;
    assert_eq!(uploaded.expect("prepared"), std::slice::from_ref(&b.name));
    let methods: Vec<String> = service.seen().into_iter().map(|seen| seen.method).collect();
    assert_eq!(
        methods,
        ["GET", "POST", "GET"],
        "looked at again afterwards"
    );

    let again = prepare_library(&service.client(), &[a, b], LibraryUpload::Missing).await;
    assert_eq!(again.expect("prepared"), []);
}

#[tokio::test]
async fn without_leave_nothing_is_uploaded() {
    let a = item("a.sh", "echo a");
    let service = library(vec![], listed(&a)).await;
    let error = prepare_library(&service.client(), &[a], LibraryUpload::Never).await;
    let error = error.expect_err("it is missing");
    assert_eq!(
        error.to_string(),
        "the tenant's library does not have `a.sh`"
    );
    assert!(error.next_step().contains("--sync-library"));
    assert_eq!(service.seen().len(), 1);
}

#[tokio::test]
async fn a_colleague_s_file_is_never_overwritten() {
    let (ours, theirs) = (item("a.sh", "ours"), item("A.sh", "theirs"));
    let service = library(vec![listed(&theirs)], listed(&ours)).await;
    let error = prepare_library(&service.client(), &[ours], LibraryUpload::Missing).await;
    assert!(
        matches!(error, Err(LibraryError::Different(_))),
        "{error:?}"
    );
    assert_eq!(service.seen().len(), 1, "nothing was uploaded");
}

#[tokio::test]
async fn a_file_that_changes_behind_our_back_stops_the_run() {
    let (ours, theirs) = (item("a.sh", "ours"), item("a.sh", "theirs"));
    let service = library(vec![], listed(&theirs)).await;
    let error = prepare_library(&service.client(), &[ours], LibraryUpload::Missing).await;
    assert!(matches!(error, Err(LibraryError::Altered(_))), "{error:?}");
}
