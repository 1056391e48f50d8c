//! Where a job goes on: kept in its record, read when it is taken up again.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::held::Held;
use crate::import::Halt;

/// The checkpoint in the job's record; `None`: the job has not come so far. One that cannot be read ends the job:
/// beginning again would count twice and make versions twice.
pub(crate) fn read<T: DeserializeOwned>(held: &Held) -> Result<Option<T>, Halt> {
    let Some(kept) = held.job.checkpoint.clone() else {
        return Ok(None);
    };
    serde_json::from_value(kept).map(Some).map_err(|_| {
        Halt::Fault("The job's checkpoint cannot be read, so it does not go on; start a new job".to_owned())
    })
}

/// Puts the checkpoint into the job's record, which is yet to be saved.
pub(crate) fn keep<T: Serialize>(held: &mut Held, checkpoint: &T) {
    let value =
        serde_json::to_value(checkpoint).expect("a checkpoint is numbers and texts under named members");
    held.job.checkpoint = Some(value);
}
