//! The documents that go out, as workers, people and scripts know them: one place for each, from which its description in
//! the API's document is made too. Fields go out in the order of the code; comments here are what callers read about them.

#![expect(clippy::struct_field_names, reason = "fields are called what callers know them by")]

mod audit;
mod error;
mod explain;
mod failure;
mod farm;
mod image;
mod job;
mod outcome;
mod people;
mod settings;
mod task;
mod variables;
mod worker;

pub use self::{
    audit::{Audit, deed},
    error::{ErrorDocument, error},
    explain::{
        JobExplanation, TaskExplanation, WorkerExplanation, job_explanation, task_explanation,
        worker_explanation,
    },
    failure::{Failures, LogMatches, failures, log_matches},
    farm::{Erased, Farm, FarmHistory, Health, Version, farm, farm_history},
    image::{ImageOfJob, LatestImage, image, image_of_job, latest_image},
    job::{Deleted, Job, JobList, JobTypes, Plan, job, plan, starved_job},
    outcome::{Outcome, Refused},
    people::{Link, NewToken, Session, TokenList, TokenUrls, link, session_person, token},
    settings::Settings,
    task::{
        Commands, Grid, TaskHistory, TaskList, TaskOfPeople, cell, commands_of_worker, task, task_history,
        task_text,
    },
    variables::VariableList,
    worker::{
        Blacklist, RecentTasks, Worker, WorkerList, named_blacklist_line, new_worker, recent_tasks, worker,
    },
};
