//! The last rendered image: a worker says that it wrote a file, or one appears in the watched folder, and it is to be seen.

use std::{
    fs,
    io::Cursor,
    path::{Path, PathBuf},
};

use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use serde_json::{Value, json};

use crate::{
    faults::process::eventually,
    kit::{Events, TestManager, TestWorker, job, task},
};

/// A farm whose pictures are in a folder of its own.
struct Studio {
    m: TestManager,
    render: tempfile::TempDir,
}

/// Colours that are easily told apart.
const RED: [u8; 3] = [200, 20, 20];
const GREEN: [u8; 3] = [20, 200, 20];

impl Studio {
    async fn start() -> Self {
        let render = tempfile::tempdir().unwrap();
        let toml = format!(
            "[variables.render]\ndirection = \"twoway\"\nvalues = [\n\
             {{ platform = \"{}\", value = {} }},\n\
             {{ platform = \"windows\", audience = \"workers\", value = \"R:/\" }},\n\
             {{ platform = \"darwin\", value = \"/Volumes/render\" }}]\n\
             [variables.job_storage]\ndirection = \"twoway\"\nvalues = []\n",
            std::env::consts::OS,
            json!(render.path()),
        );
        Self { m: TestManager::configured(&toml).await, render }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.render.path().join(name)
    }

    /// Puts a picture of one colour there.
    fn paint(&self, name: &str, colour: [u8; 3]) -> String {
        paint(&self.path(name), colour, (64, 36));
        self.path(name).to_str().unwrap().to_owned()
    }

    async fn image(&self) -> Value {
        self.m.get("/api/image").await.expect(200).json()
    }

    async fn listen(&self) -> Events {
        self.m.door.listen("/api/events?topics=image", None).await
    }
}

fn paint(path: &Path, colour: [u8; 3], (width, height): (u32, u32)) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    RgbImage::from_pixel(width, height, Rgb(colour)).save(path).unwrap();
}

async fn says(worker: &TestWorker, path: &str) {
    worker.post_json("/output-produced", &json!({ "paths": [path] })).await.expect(204);
}

/// The next image that is told of.
async fn next(events: &mut Events) -> Value {
    events.next_named("image").await.json()
}

/// The colour of the picture, but for what JPEG does to it.
fn assert_colour(jpeg: &[u8], expected: [u8; 3]) {
    let picture = image::load_from_memory_with_format(jpeg, ImageFormat::Jpeg).unwrap().into_rgb8();
    let found = picture.get_pixel(picture.width() / 2, picture.height() / 2).0;
    let near = found.iter().zip(expected).all(|(found, expected)| found.abs_diff(expected) <= 3);
    assert!(near, "{found:?} is not {expected:?}");
}

/// Waits until the picture of this name is refused, and returns why.
async fn refusal(studio: &Studio, path: &str) -> String {
    eventually("the picture is refused", async || {
        let refused = studio.image().await["refused"].take();
        (refused["path"] == path).then(|| refused["reason"].as_str().unwrap().to_owned())
    })
    .await
}

#[tokio::test]
async fn what_a_worker_has_rendered_is_to_be_seen() {
    let s = Studio::start().await;
    let folder = s.render.path().to_str().unwrap();
    assert_eq!(s.image().await, json!({"folders": [folder], "image": null, "refused": null}));
    s.m.get("/latest-image.jpg").await.expect(404).assert_line_of_text();
    let ada = s.m.sleeper("ada").await;
    let shot = s.m.submit(&job([task("a")])).await;
    let of_job = format!("/api/jobs/{}/image", shot.id);
    let file_of_job = format!("/api/jobs/{}/image.jpg", shot.id);
    assert_eq!(s.m.get(&of_job).await.expect(200).json(), json!({"image": null}));
    assert_eq!(s.m.get(&file_of_job).await.expect(404).error_code(), "not-found");
    ada.takes(&shot["a"]).await;
    let mut events = s.listen().await;
    let path = s.paint("shot/0001.png", RED);
    says(&ada, &path).await;
    let told = next(&mut events).await;
    let name = s.m.get(&format!("/api/jobs/{}", shot.id)).await.expect(200).json()["name"].take();
    let expected = json!({
        "produced": s.m.now(), "path": path, "job": shot.id, "job_name": name, "task": shot["a"],
        "worker": "ada", "worker_id": ada.id, "width": 64, "height": 36, "version": told["version"],
    });
    assert_eq!(told, expected);
    assert_eq!(s.image().await["image"], expected);
    assert_eq!(s.m.get(&of_job).await.expect(200).json()["image"], expected);
    for address in ["/latest-image.jpg", &file_of_job] {
        let file = s.m.get(address).await.expect(200);
        assert_eq!(file.header("content-type"), "image/jpeg");
        assert_eq!(file.header("cache-control"), "no-cache");
        assert_eq!(file.header("last-modified"), "Mon, 02 Mar 2026 11:00:00 GMT");
        assert_colour(&file.body, RED);
        let tag = format!("\"{}\"", told["version"].as_str().unwrap());
        assert_eq!(file.header("etag"), tag);
        let again = s.m.door.call(http::Method::GET, address, &[("if-none-match", &tag)], "").await;
        assert!(again.expect(304).body.is_empty());
    }
}

#[tokio::test]
async fn each_job_has_its_own_and_takes_it_along() {
    let s = Studio::start().await;
    let (ada, bob) = (s.m.sleeper("ada").await, s.m.sleeper("bob").await);
    let (one, two) = (s.m.submit(&job([task("a")])).await, s.m.submit(&job([task("a")])).await);
    ada.takes(&one["a"]).await;
    bob.takes(&two["a"]).await;
    let mut events = s.listen().await;
    for (worker, name, colour) in [(&ada, "one.png", RED), (&bob, "two.png", GREEN)] {
        says(worker, &s.paint(name, colour)).await;
        next(&mut events).await;
    }
    let file_of = async |id: &str| s.m.get(&format!("/api/jobs/{id}/image.jpg")).await;
    assert_colour(&file_of(&one.id).await.expect(200).body, RED);
    assert_colour(&file_of(&two.id).await.expect(200).body, GREEN);
    assert_colour(&s.m.get("/latest-image.jpg").await.expect(200).body, GREEN);
    let kept = s.m.folder().join(format!("latest-images/job-{}.jpg", two.id));
    assert!(kept.exists());
    bob.ends(&two["a"], "completed").await;
    s.m.door.call(http::Method::DELETE, &format!("/api/jobs/{}", two.id), &[], "").await.expect(200);
    assert!(!kept.exists());
    file_of(&two.id).await.expect(404);
    s.m.get(&format!("/api/jobs/{}/image", two.id)).await.expect(404);
    let image = s.image().await["image"].take();
    assert_eq!(
        (&image["worker"], &image["job"], &image["job_name"]),
        (&json!("bob"), &json!(two.id), &json!(null))
    );
}

#[tokio::test]
async fn it_is_still_there_after_a_restart() {
    let mut s = Studio::start().await;
    let ada = s.m.sleeper("ada").await;
    let shot = s.m.submit(&job([task("a")])).await;
    ada.takes(&shot["a"]).await;
    let mut events = s.listen().await;
    says(&ada, &s.paint("1.png", RED)).await;
    let told = next(&mut events).await;
    s.m.restart().await;
    assert_eq!(s.image().await["image"], told);
    assert_colour(&s.m.get("/latest-image.jpg").await.expect(200).body, RED);
    assert_eq!(s.m.get(&format!("/api/jobs/{}/image", shot.id)).await.expect(200).json()["image"], told);
}

#[tokio::test]
async fn workers_of_other_platforms_call_the_file_by_another_name() {
    let s = Studio::start().await;
    let mut events = s.listen().await;
    for (platform, path, file) in
        [("Windows", r"r:\Shot\1.png", "Shot/1.png"), ("darwin", "/Volumes/render/b/2.png", "b/2.png")]
    {
        let about = json!({
            "secret": "x".repeat(64), "platform": platform, "supported_task_types": ["sleep"], "nickname": platform,
        });
        let id =
            s.m.post("/register-worker", &about).await.expect(200).json()["_id"].as_str().unwrap().to_owned();
        let worker = TestWorker::new(s.m.door.clone(), &id, &"x".repeat(64));
        s.paint(file, GREEN);
        says(&worker, path).await;
        let told = next(&mut events).await;
        assert_eq!((&told["path"], &told["worker"]), (&json!(path), &json!(platform)));
        assert_eq!((&told["job"], &told["task"]), (&json!(null), &json!(null)));
    }
    // What no variable stands for is nowhere on this machine.
    let windows = TestWorker::new(
        s.m.door.clone(),
        s.image().await["image"]["worker_id"].as_str().unwrap(),
        &"x".repeat(64),
    );
    says(&windows, r"C:\render\1.png").await;
    assert!(refusal(&s, r"C:\render\1.png").await.contains("not below the folder"));
}

#[cfg(unix)]
#[tokio::test]
async fn only_pictures_below_the_folders_are_read() {
    let s = Studio::start().await;
    let ada = s.m.sleeper("ada").await;
    let elsewhere = tempfile::tempdir().unwrap();
    let secret = elsewhere.path().join("secret.png");
    paint(&secret, RED, (8, 8));
    std::os::unix::fs::symlink(&secret, s.path("link.png")).unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), s.path("linked")).unwrap();
    let up = s.path("../").join(elsewhere.path().file_name().unwrap()).join("secret.png");
    let made = std::process::Command::new("mkfifo").arg(s.path("pipe.png")).status().unwrap();
    assert!(made.success());
    fs::create_dir(s.path("folder.png")).unwrap();
    fs::File::create(s.path("large.exr")).unwrap().set_len(2 << 30).unwrap();
    for (path, reason) in [
        (secret, "not below the folder"),
        (up, "not below the folder"),
        (s.path("link.png"), "not below the folder"),
        (s.path("linked/secret.png"), "not below the folder"),
        ("/etc/shadow.png".into(), "not below the folder"),
        ("relative.png".into(), "not below the folder"),
        (s.path("pipe.png"), "no ordinary file"),
        (s.path("folder.png"), "no ordinary file"),
        (s.path("large.exr"), "larger than"),
    ] {
        let path = path.to_str().unwrap();
        says(&ada, path).await;
        let found = refusal(&s, path).await;
        assert!(found.contains(reason), "{path}: {found}");
    }
    assert_eq!(s.image().await["image"], json!(null));
    let mut events = s.listen().await;
    says(&ada, &s.paint("1.png", GREEN)).await;
    next(&mut events).await;
}

#[tokio::test]
async fn a_picture_that_is_broken_huge_or_hostile_does_no_harm() {
    let s = Studio::start().await;
    let ada = s.m.sleeper("ada").await;
    let whole = |format| {
        let mut bytes = Cursor::new(Vec::new());
        DynamicImage::new_rgb8(300, 200).write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    };
    let png = whole(ImageFormat::Png);
    let mut bomb = png.clone();
    bomb[16..24].copy_from_slice(&[0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60]);
    let mut crc = flate2::Crc::new();
    crc.update(&bomb[12..29]);
    bomb[29..33].copy_from_slice(&crc.sum().to_be_bytes());
    let noise: Vec<u8> =
        (0..5000_u32).map(|number| number.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
    let with_noise = |magic: &[u8]| [magic, &noise].concat();
    let tiff = whole(ImageFormat::Tiff);
    for (name, bytes) in [
        ("truncated.png", png[..png.len() / 2].to_vec()),
        ("bomb.png", bomb),
        ("noise.png", with_noise(b"\x89PNG\r\n\x1a\n")),
        ("noise.jpg", with_noise(b"\xff\xd8\xff\xe0")),
        ("noise.tif", with_noise(b"II*\0")),
        ("noise.exr", with_noise(b"\x76\x2f\x31\x01\x02\0\0\0")),
        ("truncated.tif", tiff[..100].to_vec()),
        ("text.png", b"no picture at all".to_vec()),
    ] {
        fs::write(s.path(name), bytes).unwrap();
        let path = s.path(name).to_str().unwrap().to_owned();
        says(&ada, &path).await;
        refusal(&s, &path).await;
    }
    assert!(s.image().await["refused"]["reason"].as_str().unwrap().contains("no PNG, JPEG, TIFF or OpenEXR"));
    let mut events = s.listen().await;
    says(&ada, &s.paint("fine.png", GREEN)).await;
    next(&mut events).await;
    assert_colour(&s.m.get("/latest-image.jpg").await.expect(200).body, GREEN);
}

/// A picture that says that it is so large, in 16 bits a channel, and then ends.
fn png_that_says(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::new_rgba16(1, 1).write_to(&mut bytes, ImageFormat::Png).unwrap();
    let mut bytes = bytes.into_inner();
    bytes[16..20].copy_from_slice(&width.to_be_bytes());
    bytes[20..24].copy_from_slice(&height.to_be_bytes());
    let mut crc = flate2::Crc::new();
    crc.update(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&crc.sum().to_be_bytes());
    bytes
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_picture_that_wants_too_much_memory_is_the_end_of_the_process_that_reads_it_and_of_nothing_else() {
    use std::{os::unix::fs::PermissionsExt, sync::Arc};

    use crate::kit::config_in;

    let (folder, render) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    // As the Manager's own limit, but low enough for a picture that is not refused at once.
    let program = folder.path().join("frugal");
    let binary = env!("CARGO_BIN_EXE_flamenco-manager");
    fs::write(&program, format!("#!/bin/sh\nulimit -v 250000\nexec '{binary}' \"$@\"\n")).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let config = config_in(&format!("watch_for_latest_image = {}", json!(render.path())), &folder);
    let clock = Arc::new(flamenco_manager::clock::ManualClock::new(crate::kit::START.parse().unwrap()));
    let services = flamenco_manager::app::services_of(&config, clock, program).unwrap();

    let (greedy, fine) = (render.path().join("greedy.png"), render.path().join("fine.png"));
    fs::write(&greedy, png_that_says(8192, 4320)).unwrap();
    services.picture_found(&greedy);
    let reason = eventually("the picture is refused", async || services.refused_picture()).await.reason;
    assert!(reason.contains("given up") && reason.contains("SIGABRT"), "{reason}");

    paint(&fine, GREEN, (64, 36));
    services.picture_found(&fine);
    let shown = eventually("the picture is shown", async || services.latest_picture()).await;
    assert_colour(&shown.jpeg, GREEN);
    services.stop().await.unwrap();
}

#[tokio::test]
async fn a_picture_may_come_a_little_later_than_the_word_of_it() {
    let s = Studio::start().await;
    let ada = s.m.sleeper("ada").await;
    let mut events = s.listen().await;
    says(&ada, s.path("1.png").to_str().unwrap()).await;
    // Neither films nor what is not written yet are anybody's last image.
    says(&ada, s.path("film.mkv").to_str().unwrap()).await;
    fs::write(s.path("1.png"), "").unwrap();
    s.paint("1.png", RED);
    assert_eq!(next(&mut events).await["path"], s.path("1.png").to_str().unwrap());
    assert_eq!(s.image().await["refused"], json!(null));
}

#[tokio::test]
async fn of_many_pictures_of_a_job_the_newest_is_shown() {
    let s = Studio::start().await;
    let ada = s.m.sleeper("ada").await;
    let mut events = s.listen().await;
    let paths: Vec<_> = (0..20).map(|number| s.paint(&format!("{number}.png"), RED)).collect();
    ada.post_json("/output-produced", &json!({ "paths": paths })).await.expect(204);
    let mut shown = 1;
    while next(&mut events).await["path"] != paths[19] {
        shown += 1;
    }
    assert!(shown < 5, "{shown}");
    assert_eq!(s.image().await["image"]["path"], paths[19]);
}

#[tokio::test]
async fn pictures_in_the_watched_folder_are_shown() {
    let folder = tempfile::tempdir().unwrap();
    let toml = format!("watch_for_latest_image = {}", json!(folder.path()));
    let s = Studio { m: TestManager::configured(&toml).await, render: folder };
    let mut events = s.listen().await;
    // It takes a moment until the folder is watched, and a picture counts when nothing was written to it for a while.
    let told = loop {
        s.paint("shot.tmp.png", GREEN);
        fs::rename(s.path("shot.tmp.png"), s.path("shot.png")).unwrap();
        if let Ok(told) = tokio::time::timeout(std::time::Duration::from_secs(5), next(&mut events)).await {
            break told;
        }
    };
    assert_eq!(told["path"], s.path("shot.png").to_str().unwrap());
    assert_eq!((&told["worker"], &told["job"]), (&json!(null), &json!(null)));
    assert_colour(&s.m.get("/latest-image.jpg").await.expect(200).body, GREEN);
    // A worker may name what is there, too, and knows more about it.
    let ada = s.m.sleeper("ada").await;
    says(&ada, s.path("shot.png").to_str().unwrap()).await;
    // It may have been painted more than once above, and each time is told.
    while next(&mut events).await["worker"] != "ada" {}
}

#[tokio::test]
async fn without_a_folder_nothing_is_read_and_it_is_said_what_to_set() {
    let toml = "[variables.render]\nvalues = []\n[variables.job_storage]\nvalues = []\n";
    let s = Studio { m: TestManager::configured(toml).await, render: tempfile::tempdir().unwrap() };
    let ada = s.m.sleeper("ada").await;
    let path = s.paint("1.png", RED);
    says(&ada, &path).await;
    let reason = refusal(&s, &path).await;
    assert!(reason.contains("two-way variable") && reason.contains("watch_for_latest_image"), "{reason}");
    assert_eq!(s.image().await["folders"], json!([]));
}

#[tokio::test]
async fn the_addresses_of_2x_still_serve() {
    let s = Studio::start().await;
    let ada = s.m.sleeper("ada").await;
    let page = s.m.get("/latest-image").await.expect(302);
    assert_eq!(page.header("location"), "./#/image");
    let mut events = s.m.door.listen("/imagewatch", None).await;
    assert_eq!(events.next().await.unwrap().name, "notification");
    for name in ["1.png", "2.png"] {
        says(&ada, &s.paint(name, RED)).await;
        let told = events.next().await.unwrap();
        assert_eq!((told.name.as_str(), told.data.as_str()), ("image", "latest-image.jpg"));
        assert!(s.image().await["image"]["path"].as_str().unwrap().ends_with(name));
    }
}
