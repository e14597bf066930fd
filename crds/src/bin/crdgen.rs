//! Writes the generated files of this crate: the CRD's YAML, the chart's copy of it, and the field table of the docs.
//!
//! Without arguments it prints the CRD. With `--write` it writes all of them, from any folder of the workspace.
#![allow(clippy::print_stdout, reason = "printing is what this program is for")]

use std::{error::Error, fs};

use pathfinder_crds::generated;

fn main() -> Result<(), Box<dyn Error>> {
    if std::env::args().any(|argument| argument == "--write") {
        for file in generated::files()? {
            fs::create_dir_all(file.path.parent().unwrap_or(&file.path))?;
            fs::write(&file.path, &file.text)?;
            println!("wrote {}", file.path.display());
        }
    } else {
        print!("{}", generated::crd_yaml()?);
    }
    Ok(())
}
