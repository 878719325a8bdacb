//! A test render: one frame of a scene that the Manager brings along, for one worker alone.

use std::{fs, io, path::PathBuf, sync::Arc};

use serde_json::{Value, json};

use super::{Error, Services, known_worker};
use crate::domain::{
    ids::{JobId, TaskId, WorkerId},
    job::{Job, MANAGER_LOCAL},
    task::{Progress, Task, TaskStatus},
    variables::{Audience, this_platform},
    worker::{Worker, WorkerStatus},
};

/// The scene: a cube, rendered in a second or two.
const SCENE: &[u8] = include_bytes!("../../assets/test-render.blend");

/// The task type that only workers in test mode support.
const TASK_TYPE: &str = "test-blender-render";

const PRIORITY: i32 = 100;

impl Services {
    /// Queues a test render for a worker in status `testing`, and returns what was queued, in words.
    ///
    /// The scene is written below `test_tasks.test_blender_render.job_storage`, as the Manager's own platform
    /// knows it, before the task appears.
    pub async fn send_test_job(self: &Arc<Self>, id: WorkerId) -> Result<String, Error> {
        let worker = self.store.read(self.now(), |tx| tx.worker(id))?.ok_or(Error::UnknownWorker(id))?;
        if worker.status != WorkerStatus::Testing {
            return Err(Error::Refused(format!(
                "a test job needs a worker in status testing, and this one is {}; start it with --test",
                worker.status
            )));
        }
        if !worker.supports(TASK_TYPE) {
            return Err(Error::Refused(format!("this worker does not support the task type {TASK_TYPE}")));
        }
        self.room()?;
        let own = Arc::clone(self);
        let written = tokio::task::spawn_blocking(move || own.write_scene(id));
        let folder = written.await.map_err(|_| Error::Panicked)??;
        let commands = self.test_commands(&worker, &folder);
        self.queue_test(id, commands).await?;
        Ok(format!("Queued: {TASK_TYPE}"))
    }

    /// Writes the scene where the worker will look for it; returns the name of the worker's own folder.
    fn write_scene(&self, worker: WorkerId) -> Result<String, Error> {
        let folder = format!("worker-{worker}");
        let storage = self.as_seen_here(&format!("{}/{folder}", self.policy.test_job_storage));
        let output = self.as_seen_here(&format!("{}/{folder}", self.policy.test_render_output));
        let failed = |path: &PathBuf| {
            let path = path.display().to_string();
            move |source: io::Error| Error::TestFile { path, source }
        };
        fs::create_dir_all(&storage).map_err(failed(&storage))?;
        fs::create_dir_all(&output).map_err(failed(&output))?;
        let scene = storage.join("test.blend");
        fs::write(&scene, SCENE).map_err(failed(&scene))?;
        Ok(folder)
    }

    fn as_seen_here(&self, path: &str) -> PathBuf {
        let settings = json!({ "path": path });
        let replaced = self.policy.variables.replace(settings, Audience::Workers, this_platform());
        replaced["path"].as_str().unwrap_or(path).into()
    }

    fn test_commands(&self, worker: &Worker, folder: &str) -> Value {
        let stamp = format!("Flamenco test render for {}", worker.identifier());
        let stamp = Value::String(stamp).to_string();
        json!([{ "name": "blender_render", "settings": {
            "blender_cmd": "{blender}",
            // A JSON text is a Python text.
            "python_expr": format!("import bpy; bpy.context.scene.render.stamp_note_text = {stamp}"),
            "filepath": format!("{}/{folder}/test.blend", self.policy.test_job_storage),
            "render_output": format!("{}/{folder}/######", self.policy.test_render_output),
            "frames": "1",
        }}])
    }

    async fn queue_test(&self, worker: WorkerId, commands: Value) -> Result<(), Error> {
        let now = self.now();
        let job = JobId(self.identities.next(now));
        let task = TaskId(self.identities.next(now));
        let commands = commands.to_string();
        self.store
            .write(now, move |tx| {
                let name = format!("Test render of {}", known_worker(tx, worker)?.identifier());
                let job = Job {
                    id: job,
                    name,
                    job_type: MANAGER_LOCAL.into(),
                    settings: "{}".into(),
                    metadata: "{}".into(),
                    created: now,
                    of_server: false,
                    depends_on: Vec::new(),
                };
                tx.insert_job(&job, PRIORITY)?;
                let task = Task {
                    id: task,
                    job: job.id,
                    name: job.name.clone(),
                    status: TaskStatus::Queued,
                    priority: PRIORITY,
                    task_type: TASK_TYPE.into(),
                    parents: Vec::new(),
                    activity: String::new(),
                    worker: String::new(),
                    worker_id: None,
                    failed_by: Vec::new(),
                    last_worker_ping: None,
                    started: None,
                    last_updated: now,
                    progress: Progress::default(),
                    timing: std::collections::BTreeMap::new(),
                    only_for: Some(worker),
                    etag: None,
                };
                Ok(tx.insert_task(&task, &commands)?)
            })
            .await
    }
}
