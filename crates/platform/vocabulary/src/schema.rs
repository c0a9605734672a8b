//! The words as JSON Schema, for documents that describe interfaces. What
//! stands here is derived from the words themselves.

use crate::{
    AckErrorKind, AckStatus, Actor, AgentId, AgentPlace, Attempt, BatchId, BudgetDimension,
    Capability, Channel, ComponentName, ComponentStatus, ComponentType, Disposition, Domain,
    EnforcementLevel, Epoch, ErrorClass, ExpectationStatus, FallbackTrigger, Federation,
    HoldReason, Outcome, PlanId, PlanMode, PolicyScope, PolicyType, Profile, ReconciliationStatus,
    RunId, RunPhase, Seq, Severity, StepId, StepState, Timestamp, TrustLevel,
};
use alloc::borrow::Cow;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

macro_rules! schemas {
    ($($name:ident: $schema:expr;)+) => { $(
        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    )+ };
}

macro_rules! words {
    ($($name:ident)+) => {
        schemas! { $($name: json_schema!({ "type": "string", "enum": $name::WORDS });)+ }
    };
}

words! {
    AckErrorKind AckStatus AgentPlace BudgetDimension Channel ComponentStatus ComponentType
    Disposition EnforcementLevel ErrorClass ExpectationStatus FallbackTrigger Federation HoldReason
    Outcome PlanMode PolicyScope PolicyType Profile ReconciliationStatus RunPhase Severity StepState TrustLevel
}

schemas! {
    Domain: json_schema!({ "type": "string" });
    RunId: json_schema!({ "type": "string", "pattern": "^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$" });
    BatchId: json_schema!({ "type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,58}$" });
    AgentId: json_schema!({ "type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$" });
    Capability: json_schema!({ "type": "string", "pattern": "^[a-z0-9][a-z0-9._:-]{0,63}$" });
    PlanId: json_schema!({ "type": "string", "pattern": "^[a-z0-9][a-z0-9-]{0,63}$" });
    ComponentName: json_schema!({ "type": "string", "pattern": "^[a-z][a-z0-9_-]{0,63}$" });
    StepId: json_schema!({
        "type": "string",
        "pattern": "^[A-Za-z_][A-Za-z0-9_-]{0,127}(\\[(0|[1-9][0-9]{0,8})\\])?$",
    });
    Actor: json_schema!({
        "type": "string",
        "description": "runner, manual, user:NAME, agent:ID or schedule:NAME",
    });
    Timestamp: json_schema!({ "type": "string", "format": "date-time" });
    Epoch: json_schema!({ "type": "integer", "minimum": 0 });
    Attempt: json_schema!({ "type": "integer", "minimum": 0 });
    Seq: json_schema!({ "type": "integer", "minimum": 0 });
}
