//! A Kubernetes quantity as the resource carries it: text such as `250m`, `512Mi` or `10Gi`.
//!
//! The API server checks it with its own parser (CEL `isQuantity`), so no second grammar lives here.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// An amount of a resource in Kubernetes notation: `250m` (CPU cores), `512Mi`, `10Gi` (bytes).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Quantity(pub String);

impl From<&str> for Quantity {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl JsonSchema for Quantity {
    fn schema_name() -> Cow<'static, str> {
        "Quantity".into()
    }

    fn inline_schema() -> bool {
        true
    }

    // Strings only: one spelling per amount keeps "what we applied" comparable with "what is there".
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "minLength": 1,
            "maxLength": 32,
            "x-kubernetes-validations": [
                {
                    "rule": "isQuantity(self)",
                    "message": "is not a quantity: write a number with a Kubernetes suffix, for example 250m or 512Mi or 10Gi",
                },
                {
                    "rule": "!isQuantity(self) || quantity(self).isGreaterThan(quantity('0'))",
                    "message": "must be more than zero",
                },
            ],
        })
    }
}
