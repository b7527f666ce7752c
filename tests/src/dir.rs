//! A directory of a test's own.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// A directory that anybody may read, and that is gone with the value.
pub struct Dir(PathBuf);

impl Dir {
    /// A directory for what is called that in this process.
    pub fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("palisade-{name}-{}", std::process::id()));
        fs::create_dir_all(&dir).expect("a directory can be made");
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).expect("it is ours");
        Self(dir)
    }

    /// Where it is.
    pub fn as_path(&self) -> &Path {
        &self.0
    }

    /// The path of a file in it.
    pub fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("UTF-8").to_owned()
    }

    /// Writes a file; its path.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        fs::write(&path, content).expect("it can be written");
        path
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        // A directory that stays is no failure of the test.
        let _ = fs::remove_dir_all(&self.0);
    }
}
