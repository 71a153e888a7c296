//! Email to people. Nothing waits for it: what is to be sent is stored in the database, and a background task sends
//! it.

mod approval_notice;
mod words;

use self::approval_notice::Step;
use crate::app::App;

/// Sends what is due, until nothing is or the mail server itself fails. Returns the number of messages it took.
pub async fn send_due(app: &App) -> crate::store::Result<usize> {
    let mut count = 0;
    while !app.mailer.pause.lasts(app.clock.now()) {
        match approval_notice::send_next(app).await? {
            Step::Nothing => break,
            Step::Sent => {
                app.mailer.pause.end();
                count += 1;
            }
            // The pause is at an end, or has just begun.
            Step::NotSent => {}
        }
    }
    Ok(count)
}
