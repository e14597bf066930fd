//! `pause` and `resume`: which fields they change, and what that means in one line.
//!
//! Pure, from the resource as it is stored, because the fields are read by their path. `Observe` is not a pause, so
//! `resume` leaves it. What cannot be known (the floor, without its HPA) is not guessed.

use kube::{ResourceExt, api::DynamicObject};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::{model::replicas::Replicas, names};

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    /// Stop what signals ask for.
    Pause,
    /// Let them decide again.
    Resume,
}

impl Verb {
    fn done(self) -> &'static str {
        match self {
            Self::Pause => "paused",
            Self::Resume => "resumed",
        }
    }
}

/// A field that pauses something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Switch {
    /// All that signals ask for.
    Mode,
    /// Increases.
    Up,
    /// Decreases.
    Down,
}

impl Switch {
    /// Where it is in the resource.
    pub(crate) fn field(self) -> &'static str {
        match self {
            Self::Mode => "spec.scaling.mode",
            Self::Up => "spec.scaling.scaleUp.paused",
            Self::Down => "spec.scaling.scaleDown.paused",
        }
    }

    /// Its value in a resource; what the definition defaults to where it is not written.
    pub(crate) fn read(self, resource: &DynamicObject) -> Value {
        let default = match self {
            Self::Mode => json!("Auto"),
            Self::Up | Self::Down => json!(false),
        };
        let stored = resource.data.pointer(&format!("/{}", self.field().replace('.', "/")));
        stored.cloned().unwrap_or(default)
    }

    fn after(self, verb: Verb, before: &Value) -> Value {
        match (self, verb) {
            (Self::Mode, Verb::Pause) => json!("Paused"),
            (Self::Mode, Verb::Resume) if before == "Paused" => json!("Auto"),
            (Self::Mode, Verb::Resume) => before.clone(),
            (Self::Up | Self::Down, verb) => json!(verb == Verb::Pause),
        }
    }

    fn movement(self) -> &'static str {
        match self {
            Self::Mode => "scaling",
            Self::Up => "increases",
            Self::Down => "decreases",
        }
    }
}

/// One field that changes.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Change {
    /// Where it is in the resource.
    pub(crate) field: &'static str,
    /// Its value before.
    pub(crate) before: Value,
    /// Its value after.
    pub(crate) after: Value,
    #[serde(skip)]
    switch: Switch,
}

impl Change {
    /// Whether a resource holds it.
    pub(crate) fn is_in(&self, resource: &DynamicObject) -> bool {
        self.switch.read(resource) == self.after
    }
}

/// What `verb` changes in `resource`; nothing where it is so already.
pub(crate) fn changes(resource: &DynamicObject, verb: Verb, switches: &[Switch]) -> Vec<Change> {
    let change = |&switch: &Switch| {
        let before = switch.read(resource);
        let after = switch.after(verb, &before);
        (before != after).then_some(Change {
            field: switch.field(),
            before,
            after,
            switch,
        })
    };
    switches.iter().filter_map(change).collect()
}

/// The JSON merge patch that makes `changes`, if `resource` is still as it was read.
pub(crate) fn patch(resource: &DynamicObject, changes: &[Change]) -> Value {
    let mut patch = json!({"metadata": {"resourceVersion": resource.resource_version()}});
    for change in changes {
        put(&mut patch, change.field, &change.after);
    }
    patch
}

fn put(patch: &mut Value, field: &str, value: &Value) {
    let mut place = patch;
    for part in field.split('.') {
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        place = &mut place[part];
    }
    *place = value.clone();
}

/// What `pause` or `resume` did.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Outcome {
    /// Namespace of the resource.
    pub(crate) namespace: String,
    /// Name of the resource.
    pub(crate) name: String,
    /// Whether nothing was written.
    pub(crate) dry_run: bool,
    /// What changed; empty where all was so already.
    pub(crate) changes: Vec<Change>,
    /// The mode afterwards.
    pub(crate) mode: String,
    /// Whether increases alone are paused afterwards.
    pub(crate) up_paused: bool,
    /// Whether decreases alone are paused afterwards.
    pub(crate) down_paused: bool,
    /// The floor as it stands; none where it cannot be read.
    pub(crate) floor: Option<i64>,
    /// The floor that the last recorded decision asks for.
    pub(crate) asked: Option<i64>,
    /// What that means, in one line.
    pub(crate) sentence: String,
    /// What else a person should know.
    pub(crate) notes: Vec<String>,
}

impl Outcome {
    /// Of doing `verb` with `switches` to `before`, which changed `changes`; `hpa` is the API's, if it can be read.
    pub(crate) fn new(
        before: &DynamicObject,
        (verb, switches): (Verb, &[Switch]),
        changes: Vec<Change>,
        hpa: Option<&Replicas>,
    ) -> Self {
        let after = |switch: Switch| {
            let flipped = changes.iter().find(|change| change.switch == switch);
            flipped.map_or_else(|| switch.read(before), |change| change.after.clone())
        };
        let decided = before.data.pointer("/status/scaling/replicas").and_then(Value::as_i64);
        let mut outcome = Self {
            namespace: before.namespace().unwrap_or_default(),
            name: before.name_any(),
            dry_run: false,
            mode: word(&after(Switch::Mode)),
            up_paused: after(Switch::Up) == true,
            down_paused: after(Switch::Down) == true,
            floor: hpa.map(|hpa| hpa.floor),
            asked: decided,
            changes,
            sentence: String::new(),
            notes: vec![],
        };
        outcome.sentence = if switches == [Switch::Mode] {
            outcome.of_mode(verb)
        } else {
            outcome.of_directions(verb, switches)
        };
        outcome.notes = outcome.notes(verb, switches, before);
        outcome
    }

    fn of_mode(&self, verb: Verb) -> String {
        let was = self.changes.first().map(|change| word(&change.before));
        match (verb, was) {
            (Verb::Pause, Some(was)) => {
                let stay = self
                    .floor
                    .map_or_else(|| "where they are".to_owned(), |floor| format!("at {floor}"));
                format!("scaling paused (was {was}); replicas stay {stay}, the HPA above them still acts")
            }
            (Verb::Pause, None) => "scaling is paused already, nothing changed".to_owned(),
            (Verb::Resume, Some(was)) => {
                format!("scaling resumed (was {was}); {}", self.goes_on())
            }
            (Verb::Resume, None) => {
                let mode = &self.mode;
                let would = if mode == "Observe" { self.would() } else { String::new() };
                format!("scaling is not paused (mode is {mode}), nothing changed{would}")
            }
        }
    }

    /// The result goes on from the higher of what stands and what was explained meanwhile.
    fn goes_on(&self) -> String {
        match (self.floor, self.asked) {
            (Some(floor), Some(asked)) if asked > floor => {
                format!("the floor of {floor} replicas follows the signals again, which ask for {asked}")
            }
            (Some(floor), _) => format!("the floor of {floor} replicas follows the signals again"),
            (None, _) => "the floor follows the signals again".to_owned(),
        }
    }

    /// What would change in Auto.
    fn would(&self) -> String {
        let would = match (self.floor, self.asked) {
            (Some(floor), Some(asked)) if floor == asked => format!("the floor would stay at {floor} for now"),
            (Some(floor), Some(asked)) => format!("the floor would go from {floor} to {asked}"),
            (None | Some(_), _) => "the floor would follow the signals".to_owned(),
        };
        format!("; in Auto {would}: for that, set spec.scaling.mode to Auto")
    }

    fn of_directions(&self, verb: Verb, switches: &[Switch]) -> String {
        let changed = |switch: &&Switch| self.changes.iter().any(|change| change.switch == **switch);
        let (done, left): (Vec<&Switch>, Vec<&Switch>) = switches.iter().partition(changed);
        let done = (!done.is_empty()).then(|| format!("{} {}", movements(&done), verb.done()));
        let so = match verb {
            Verb::Pause => "are paused already",
            Verb::Resume => "are not paused",
        };
        let nothing = if done.is_none() { ", nothing changed" } else { "" };
        let left = (!left.is_empty()).then(|| format!("{} {so}{nothing}", movements(&left)));
        done.into_iter().chain(left).collect::<Vec<_>>().join("; ")
    }

    fn notes(&self, verb: Verb, switches: &[Switch], before: &DynamicObject) -> Vec<String> {
        let mut notes = Vec::new();
        if switches != [Switch::Mode] && self.mode != "Auto" {
            let mode = &self.mode;
            notes.push(format!(
                "mode is {mode}: nothing that a signal asks for is written either way"
            ));
        }
        if switches == [Switch::Mode] && verb == Verb::Resume {
            let alone = [
                (self.up_paused, "increases", "--up"),
                (self.down_paused, "decreases", "--down"),
            ];
            let alone = alone.iter().filter(|(paused, _, _)| *paused);
            notes.extend(
                alone.map(|(_, what, flag)| format!("{what} are still paused alone: pass {flag} to resume them")),
            );
        }
        if verb == Verb::Pause && self.changes.iter().any(|change| change.before == "Observe") {
            notes.push(
                "it was Observe, and resume makes it Auto: to go back, set spec.scaling.mode to Observe".to_owned(),
            );
        }
        notes.extend(self.changes.iter().flat_map(|change| writers(before, change.field)));
        notes
    }
}

/// Others that wrote a field, as far as they are not a person's kubectl: a GitOps tool puts back what it holds.
fn writers(resource: &DynamicObject, field: &str) -> Vec<String> {
    let pointer: String = field.split('.').map(|part| format!("/f:{part}")).collect();
    let wrote = |fields: Option<&Value>| fields.is_some_and(|fields| fields.pointer(&pointer).is_some());
    let entries = resource.metadata.managed_fields.iter().flatten();
    entries
        .filter(|entry| wrote(entry.fields_v1.as_ref().map(|fields| &fields.0)))
        .filter_map(|entry| entry.manager.as_deref())
        .filter(|manager| *manager != names::FIELD_MANAGER && !manager.starts_with("kubectl"))
        .map(|manager| format!("{manager} writes {field} too, and may put it back: change it there as well"))
        .collect()
}

fn movements(switches: &[&Switch]) -> String {
    let words: Vec<&str> = switches.iter().map(|switch| switch.movement()).collect();
    words.join(" and ")
}

fn word(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::fixtures;

    /// A resource in `mode` whose last decision asks for six replicas.
    fn stored(mode: &str) -> DynamicObject {
        let resource = json!({
            "metadata": {"name": "shop", "namespace": "demo"},
            "spec": {"scaling": {"mode": mode}},
            "status": {"scaling": {"replicas": 6}},
        });
        serde_json::from_value(resource).unwrap()
    }

    fn resumed(mode: &str, floor: i32) -> String {
        let before = stored(mode);
        let changes = changes(&before, Verb::Resume, &[Switch::Mode]);
        let hpa = Replicas::of(&fixtures::hpa("shop", floor, [floor, floor], None));
        Outcome::new(&before, (Verb::Resume, &[Switch::Mode]), changes, Some(&hpa)).sentence
    }

    #[rstest]
    #[case::asks_for_more(
        "Paused",
        2,
        "scaling resumed (was Paused); the floor of 2 replicas follows the signals again, which ask for 6"
    )]
    // What stands is higher, and the result goes on from it.
    #[case::asks_for_fewer(
        "Paused",
        8,
        "scaling resumed (was Paused); the floor of 8 replicas follows the signals again"
    )]
    #[case::observe(
        "Observe",
        2,
        "scaling is not paused (mode is Observe), nothing changed; in Auto the floor would go from 2 to 6: for that, set \
         spec.scaling.mode to Auto"
    )]
    fn resume_says_where_the_floor_goes(#[case] mode: &str, #[case] floor: i32, #[case] expected: &str) {
        assert_eq!(resumed(mode, floor), expected);
    }

    #[test]
    fn the_patch_holds_the_version_and_the_fields_that_change() {
        let mut before = stored("Auto");
        before.metadata.resource_version = Some("7".into());
        let changes = changes(&before, Verb::Pause, &[Switch::Up, Switch::Down]);
        let expected = json!({
            "metadata": {"resourceVersion": "7"},
            "spec": {"scaling": {"scaleUp": {"paused": true}, "scaleDown": {"paused": true}}},
        });
        assert_eq!(patch(&before, &changes), expected);
    }
}
