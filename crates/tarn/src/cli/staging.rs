//! Files on their way into a server's bucket, and objects on their way out of it.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use futures::TryStreamExt;
use indicatif::ProgressBar;
use jobs::{ObjectSummary, Objects, PutOptions, S3Uri};

/// The bucket of the server where the command line puts what it brings and what it fetches.
pub(crate) const BUCKET: &str = "tarn-command-line";

/// How much of a file is read at once, in bytes.
const READ_BYTES: usize = 4 << 20;

/// NDJSON files with their size.
pub(crate) struct Sources {
    files: Vec<PathBuf>,
    /// All their bytes.
    pub(crate) bytes: u64,
}

impl Sources {
    /// The file at `path`, or the `.ndjson` files in the folder there.
    pub(crate) fn find(path: &Path) -> Result<Sources> {
        let mut files = Vec::new();
        if path.is_dir() {
            for entry in std::fs::read_dir(path).with_context(|| format!("read {}", path.display()))? {
                files.push(entry?.path());
            }
            files.retain(|file| file.extension().is_some_and(|extension| extension == "ndjson"));
            files.sort();
            ensure!(!files.is_empty(), "{} holds no .ndjson files", path.display());
        } else {
            files.push(path.to_owned());
        }
        let mut bytes = 0;
        for file in &files {
            bytes += std::fs::metadata(file).with_context(|| format!("read {}", file.display()))?.len();
        }
        Ok(Sources { files, bytes })
    }

    /// Puts them below `prefix` of the server's bucket. Returns how many lines that hold something they have.
    pub(crate) async fn upload(&self, objects: &dyn Objects, prefix: &str, bar: &ProgressBar) -> Result<u64> {
        let mut lines = 0;
        for path in &self.files {
            let name = path.file_name().and_then(|name| name.to_str());
            let name = name.with_context(|| format!("{} has no plain name", path.display()))?;
            lines += upload(objects, path, &format!("{prefix}{name}"), bar).await?;
        }
        Ok(lines)
    }
}

async fn upload(objects: &dyn Objects, path: &Path, key: &str, bar: &ProgressBar) -> Result<u64> {
    let mut file = File::open(path).with_context(|| format!("read {}", path.display()))?;
    let mut writer = objects.put(BUCKET, key, PutOptions::default()).await?;
    let mut lines = Lines::default();
    loop {
        let mut chunk = vec![0; READ_BYTES];
        let read = file.read(&mut chunk).with_context(|| format!("read {}", path.display()))?;
        if read == 0 {
            break;
        }
        chunk.truncate(read);
        lines.see(&chunk);
        writer.write(Bytes::from(chunk)).await?;
        bar.inc(read as u64);
    }
    writer.finish().await?;
    Ok(lines.finish())
}

/// Counts lines that hold something.
#[derive(Default)]
struct Lines {
    count: u64,
    something: bool,
}

impl Lines {
    fn see(&mut self, bytes: &[u8]) {
        for byte in bytes {
            match byte {
                b'\n' => self.end(),
                b' ' | b'\t' | b'\r' => {}
                _ => self.something = true,
            }
        }
    }

    fn end(&mut self) {
        self.count += u64::from(self.something);
        self.something = false;
    }

    fn finish(mut self) -> u64 {
        self.end();
        self.count
    }
}

/// All objects below an `s3://` folder.
pub(crate) async fn list(objects: &dyn Objects, folder: &S3Uri) -> Result<Vec<ObjectSummary>> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = objects.list(folder.bucket(), folder.key(), after.as_deref()).await?;
        all.extend(page.objects);
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(all),
        }
    }
}

/// Writes everything below an `s3://` folder into `into`, with the same names. Returns how many files.
pub(crate) async fn download(
    objects: &Arc<dyn Objects>,
    folder: &S3Uri,
    into: &Path,
    bar: &ProgressBar,
) -> Result<usize> {
    let all = list(&**objects, folder).await?;
    bar.set_length(all.iter().map(|object| object.size).sum());
    for object in &all {
        let name = object.key.strip_prefix(folder.key()).unwrap_or(&object.key);
        let safe = name.split('/').all(|part| !part.is_empty() && part != "." && part != "..");
        ensure!(safe, "the server names an object that cannot be a file");
        let path = into.join(name);
        std::fs::create_dir_all(path.parent().context("a file lies in a folder")?)?;
        let mut file = File::create(&path).with_context(|| format!("write {}", path.display()))?;
        let mut content = objects.get(folder.bucket(), &object.key, None).await?;
        while let Some(chunk) = content.try_next().await? {
            std::io::Write::write_all(&mut file, &chunk)?;
            bar.inc(chunk.len() as u64);
        }
    }
    Ok(all.len())
}

/// Deletes everything below an `s3://` folder.
pub(crate) async fn remove(objects: &dyn Objects, folder: &S3Uri) -> Result<()> {
    for object in list(objects, folder).await? {
        objects.delete(folder.bucket(), &object.key).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Lines;

    #[test]
    fn lines_that_hold_nothing_do_not_count() {
        let mut lines = Lines::default();
        [&b"{}\n\n  \r\n{"[..], b"}"].iter().for_each(|bytes| lines.see(bytes));
        assert_eq!(lines.finish(), 2);
    }
}
