//! Values that an old master key sealed are sealed with the new one.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::done::Done;
use crate::app::App;
use crate::domain::audit::By;
use crate::domain::reseal::{self, Resealed};
use crate::secrets::KeyName;

pub(super) async fn reseal(app: &App) -> Done {
    let done = reseal::reseal(app, &By::OPERATOR).await?;
    let names = app.secrets.names();
    let text = sentence(&done, &names);
    let is_lost = |name: &&KeyName| !names.contains(name);
    if done.damaged > 0 || done.left.keys().any(|name| is_lost(&name)) {
        return Err(text.into());
    }
    Ok((text, document(&done, &names)))
}

fn sentence(done: &Resealed, names: &[KeyName]) -> String {
    let replaced: u64 = done.values.values().sum();
    let mut text = format!("encrypted {replaced} values again with master key {}", done.name);
    for (kind, count) in done.values.iter().filter(|(_, count)| **count > 0) {
        let _ = write!(text, "\n  {count} {}", kind.replace('_', " "));
    }
    for (index, name) in names.iter().enumerate() {
        let _ = write!(text, "\nkey {} of {}, {name}: ", index + 1, names.len());
        let _ = match (index, done.left_with(*name)) {
            (0, values) => write!(text, "seals; {values} values"),
            (_, 0) => write!(text, "nothing in the database needs it; remove it from every instance"),
            (_, values) => write!(
                text,
                "{values} values, because an instance still encrypts with it: give every instance the keys \
                 in this order, restart it, and run this again"
            ),
        };
    }
    for (name, values) in done.left.iter().filter(|(name, _)| !names.contains(name)) {
        let _ = write!(
            text,
            "\nkey {name}, which is not among the master keys: {values} values cannot be decrypted"
        );
    }
    if done.damaged > 0 {
        let _ = write!(text, "\n{} values are corrupted and cannot be decrypted", done.damaged);
    }
    text
}

fn document(done: &Resealed, names: &[KeyName]) -> Value {
    let key = |(index, name): (usize, &KeyName)| {
        let values = done.left_with(*name);
        json!({"name": name.to_string(), "values": values, "removable": index > 0 && values == 0})
    };
    json!({"resealed": done.values, "keys": names.iter().enumerate().map(key).collect::<Vec<_>>()})
}
