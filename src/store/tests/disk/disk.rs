//! A disk with a fault, under a child process.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::samples;

/// The compiled shim.
pub struct Shim {
    library: PathBuf,
    _directory: TempDir,
}

impl Shim {
    pub fn compile() -> Shim {
        let directory = TempDir::new().unwrap();
        let library = directory.path().join("disk.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/disk/shim.c");
        let status = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"])
            .args([&library, &source])
            .arg("-ldl")
            .status()
            .expect("this test needs a C compiler under the name cc");
        assert!(status.success(), "cc could not compile {}", source.display());
        Shim { library, _directory: directory }
    }
}

/// How the disk behaves.
pub enum Fault {
    /// It forgets what was not synced when the power goes.
    Forgets,
    /// The same, and `fdatasync` does nothing.
    ForgetsAndIsDeaf,
    /// It has room for so many bytes.
    Room(u64),
}

/// A store on a faulty disk.
pub struct Disk {
    directory: TempDir,
}

impl Disk {
    pub fn new() -> Disk {
        let directory = TempDir::new().unwrap();
        Disk { directory }
    }

    pub fn store(&self) -> PathBuf {
        self.directory.path().canonicalize().unwrap().join("store")
    }

    fn image(&self) -> PathBuf {
        self.directory.path().join("image")
    }

    /// Starts this program again as a writer on the disk.
    pub fn start_writer(&self, shim: &Shim, fault: &Fault, arguments: &[String]) -> Child {
        fs::create_dir_all(self.store()).unwrap();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg(self.store()).args(arguments);
        command.env("LD_PRELOAD", &shim.library).env("DISK_WATCH", self.store());
        match fault {
            Fault::Forgets | Fault::ForgetsAndIsDeaf => {
                self.keep_everything();
                command.env("DISK_IMAGE", self.image());
            }
            Fault::Room(bytes) => {
                command.env("DISK_ROOM", bytes.to_string());
            }
        }
        if let Fault::ForgetsAndIsDeaf = fault {
            command.env("DISK_DEAF", "1");
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Takes the power away: every file holds what it held at its last sync. Kind in one thing: names survive.
    pub fn lose_power(&self) {
        for file in files(&self.store()) {
            let kept = self.image().join(file.metadata().unwrap().ino().to_string());
            let bytes = fs::read(kept).unwrap_or_default();
            fs::write(&file, bytes).unwrap();
        }
    }

    /// What lay on the disk before the writer started is safe.
    fn keep_everything(&self) {
        let _ = fs::remove_dir_all(self.image());
        fs::create_dir_all(self.image()).unwrap();
        for file in files(&self.store()) {
            let inode = file.metadata().unwrap().ino();
            fs::copy(&file, self.image().join(inode.to_string())).unwrap();
        }
    }

    pub fn open(&self) -> Result<dealclock_store::Store, dealclock_store::StoreError> {
        dealclock_store::Store::open(&samples::small(self.store()))
    }
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}
