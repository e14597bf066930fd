//! Rebuilds the crate when a migration is added: the migrations are embedded by a macro, and the compiler only follows
//! the files that existed when the macro ran.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
