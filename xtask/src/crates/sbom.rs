//! The list of contents of the program (SBOM), in CycloneDX: <https://cyclonedx.org/docs/1.5/json/>.
//! It has neither time nor serial number, so that the same sources give the same bytes.

use std::path::Path;
use std::process::Command;

use anyhow::Result;
use serde_json::{Value, json};

use super::{Crates, Package};
use crate::arch::Arch;
use crate::sidecar::{self, Sidecar, sha256};
use crate::{cross, shell, statics, workspace};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The document, as JSON.
pub(crate) fn sbom(crates: &Crates, program: &Path, arch: Arch) -> Result<Vec<u8>> {
    let own = |package: &&Package| package.name == "reapwatch";
    let linked = crates
        .linked()
        .filter(|it| !own(it))
        .map(|it| (it, "required"));
    let others = crates.at_build().map(|it| (it, "excluded"));
    let components = linked.chain(others);
    let mut components: Vec<_> = components.map(|(it, scope)| component(it, scope)).collect();
    components.push(c_library(arch)?);
    components.push(kernel_object()?);
    let edges = crates.edges().map(|(package, needed)| {
        let needed: Vec<_> = needed.into_iter().map(reference).collect();
        json!({"ref": reference(package), "dependsOn": needed})
    });
    let document = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": format!("pkg:cargo/reapwatch@{VERSION}"),
                "name": "reapwatch",
                "version": VERSION,
                "licenses": [{"expression": "(MIT OR Apache-2.0) AND (GPL-2.0-only OR MIT)"}],
                "hashes": [{"alg": "SHA-256", "content": sha256(&statics::read(program)?)}],
            },
        },
        "components": components,
        "dependencies": edges.collect::<Vec<_>>(),
    });
    let mut bytes = serde_json::to_vec_pretty(&document)?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn reference(package: &Package) -> String {
    format!("pkg:cargo/{}@{}", package.name, package.version)
}

/// Crates with the scope `excluded` run at build time only.
fn component(package: &Package, scope: &str) -> Value {
    let mut component = json!({
        "type": "library",
        "bom-ref": reference(package),
        "name": package.name,
        "version": package.version,
        "scope": scope,
        "purl": reference(package),
    });
    if let Some(licence) = &package.license {
        // The older form of an OR.
        let expression = licence.replace('/', " OR ");
        component["licenses"] = json!([{"expression": expression}]);
    }
    if let Some(checksum) = &package.checksum {
        component["hashes"] = json!([{"alg": "SHA-256", "content": checksum}]);
    }
    component
}

/// The C library, which is linked statically.
fn c_library(arch: Arch) -> Result<Value> {
    let version = if arch.is_own() {
        let version = shell::read(Command::new("getconf").arg("GNU_LIBC_VERSION"))?;
        version.trim().trim_start_matches("glibc ").to_owned()
    } else {
        // Debian's revision follows a dash.
        let version = cross::version(cross::C_LIBRARY)?;
        version.split('-').next().unwrap_or_default().to_owned()
    };
    Ok(json!({
        "type": "library",
        "bom-ref": "glibc",
        "name": "glibc",
        "version": version,
        "scope": "required",
        "licenses": [{"license": {"id": "LGPL-2.1-or-later"}}],
    }))
}

/// The kernel side, which is part of the program as compiled.
fn kernel_object() -> Result<Value> {
    let Sidecar { object_sha256, .. } = Sidecar::read(workspace::root())?;
    Ok(json!({
        "type": "file",
        "bom-ref": sidecar::OBJECT,
        "name": sidecar::OBJECT,
        "scope": "required",
        "licenses": [{"expression": "GPL-2.0-only OR MIT"}],
        "hashes": [{"alg": "SHA-256", "content": object_sha256}],
    }))
}
