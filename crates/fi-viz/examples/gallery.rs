//! Writes every kind of picture at several sizes: `cargo run -p fi-viz --example gallery DIR`.

#[path = "../tests/gallery/mod.rs"]
mod gallery;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args_os().nth(1).ok_or("name the folder to write to")?;
    let folder = std::path::PathBuf::from(folder);
    std::fs::create_dir_all(&folder)?;
    for n in [1, 4, 20, 60] {
        for (name, figure) in gallery::figures(n)? {
            figure.save(folder.join(&name).with_extension("svg"))?;
            figure.save(folder.join(&name).with_extension("png"))?;
        }
    }
    Ok(())
}
