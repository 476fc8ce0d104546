//! JSON Schemas of the answers, in docs/schema: one file for each path of the API, and for each
//! document about a cluster. `REAPWATCH_BLESS=1` writes them.

use std::borrow::Cow;
use std::fs;
use std::path::Path;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::Value;

use crate::fleet::{Fleet, FleetCulprits, FleetDocument, FleetWorkload};
use crate::{
    CulpritsQuery, DoctorQuery, ExitLine, ExplainQuery, OrOther, Query, StuckQuery, Time, TopQuery,
    WorkloadQuery, ZombiesQuery,
};

impl<const DIGITS: usize> JsonSchema for Time<DIGITS> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Time".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time" })
    }
}

/// The names of this version, or any other text.
impl<T: JsonSchema> JsonSchema for OrOther<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("{}OrOther", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let known = generator.subschema_for::<T>();
        let other = "A name that was added in a later version.";
        json_schema!({ "anyOf": [known, { "type": "string", "description": other }] })
    }
}

/// The first segment of the query's path, and the schema of its answer.
fn answer<Q: Query<Answer: JsonSchema>>() -> (&'static str, Schema) {
    let mut segments = Q::ROUTE.split('/');
    let name = segments.nth(3).expect("a path below /api/v1");
    document::<Q::Answer>(name)
}

/// The schema of what is written, in which fields without a value are null and never absent.
fn document<T: JsonSchema>(name: &'static str) -> (&'static str, Schema) {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    schema.insert("title".to_owned(), name.into());
    (name, schema)
}

#[test]
fn the_schemas_are_up_to_date() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schema");
    let schemas = [
        answer::<ZombiesQuery>(),
        answer::<CulpritsQuery>(),
        answer::<TopQuery>(),
        answer::<ExplainQuery>(),
        answer::<StuckQuery>(),
        answer::<DoctorQuery>(),
        answer::<WorkloadQuery>(),
        document::<ExitLine>("exits"),
        document::<FleetDocument<Fleet>>("fleet-top"),
        document::<FleetDocument<FleetWorkload>>("fleet-zombies"),
        document::<FleetCulprits>("fleet-culprits"),
    ];
    for (name, schema) in schemas {
        let file = folder.join(name).with_extension("json");
        if std::env::var_os("REAPWATCH_BLESS").is_some() {
            fs::create_dir_all(&folder).expect("docs/ is writable");
            let text = serde_json::to_string_pretty(&schema).expect("JSON");
            fs::write(&file, text + "\n").expect("docs/schema is writable");
        }
        let written = fs::read(&file).unwrap_or_else(|error| panic!("{name}: {error}"));
        let written: Value = serde_json::from_slice(&written).expect("JSON");
        assert!(
            written == schema.to_value(),
            "docs/schema/{name}.json is out of date: run this test with REAPWATCH_BLESS=1"
        );
    }
}
