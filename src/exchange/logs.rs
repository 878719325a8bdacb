//! The Server gets the logs that it wants (`server-protocol.md`, section 1.5). The requests are in the database, so
//! none is lost.

use super::{Exchange, Topic};
use crate::{services::Error, upstream::CallError};

impl Exchange {
    /// Sends the logs that the Server wants, one after the other.
    pub async fn send_logs(&self) -> Result<(), Error> {
        while self.board.may_try(Topic::LogUpload, self.services.now()) {
            let Some(request) = self.services.oldest_log_request()? else { break };
            let log = match self.services.log_for_server(request.job, request.task).await {
                Ok(log) => log,
                Err(error) => {
                    self.services.log_refused(request).await?;
                    self.board.failed(Topic::LogUpload, self.services.now(), &error);
                    break;
                }
            };
            let sent = self.server.upload_log(request.task, log.bytes, log.length).await;
            let now = self.services.now();
            match sent {
                Ok(()) => self.services.log_sent(request).await?,
                Err(CallError::Refused { status: 404, .. }) => {
                    tracing::warn!(task = %request.task, "the Flamenco Server wanted the log of a task that it no longer knows");
                    self.services.log_sent(request).await?;
                }
                Err(error) => {
                    if matches!(error, CallError::Refused { .. }) {
                        self.services.log_refused(request).await?;
                    }
                    self.board.failed(Topic::LogUpload, now, &error);
                    break;
                }
            }
            self.board.succeeded(Topic::LogUpload, now, None);
        }
        Ok(())
    }
}
