//! What a command works with: the store, the tools of this machine, the sources. Opened once a command; for one that only
//! looks, nothing is made and nothing is remembered.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use deployctl_cache::{Options, Store};

use super::Surroundings;
use crate::error::{Error, Kind};
use crate::fetch::{Fetcher, Home};
use crate::manifest::Manifest;
use crate::plan;
use crate::stage::Runtime;
use crate::tool::{Memo, SearchPath, Supervisor, Toolbox};
use crate::ui::{Event, Ui};

/// Longest that a target may take, where the user says nothing.
const TARGET_LIMIT: Duration = Duration::from_mins(10);

/// Store, tools, sources.
pub(crate) struct Workshop<'a> {
    pub(crate) around: &'a Surroundings<'a>,
    pub(crate) ui: &'a Ui,
    pub(crate) home: Home,
    pub(crate) store: Store,
    pub(crate) path: SearchPath,
    pub(crate) supervisor: Supervisor,
    memo: Memo,
}

impl<'a> Workshop<'a> {
    pub(crate) fn open(around: &'a Surroundings<'a>, store: Option<&Utf8Path>) -> Result<Self, Error> {
        let home = Home::from_env(&around.env)
            .map_err(|error| Error::caused(Kind::Store, &error, "`DEPLOYCTL_HOME=/some/folder deployctl …`"))?;
        let folder: Utf8PathBuf = store.map_or_else(|| home.root().to_owned(), |folder| around.path(folder));
        let open = if around.writes { Store::open } else { Store::look };
        let store = open(&folder).map_err(|error| store_error(&error))?;
        let search = around.env.get("PATH").map_or("", String::as_str);
        Ok(Self {
            around,
            ui: around.ui,
            memo: Memo::open(home.tool_memo()),
            store,
            path: SearchPath::new(search),
            supervisor: around.supervisor.clone(),
            home,
        })
    }

    /// How the engine works for these manifests; what a project's stages came to last is kept apart from other projects.
    pub(crate) fn options(&self, manifests: &[Manifest]) -> Options {
        Options { scope: plan::scope(manifests), cancel: self.around.engine_cancel.clone(), ..Options::default() }
    }

    /// What stages start tools with.
    pub(crate) fn runtime(&self) -> Runtime {
        Runtime {
            supervisor: self.supervisor.clone(),
            path: self.path.clone(),
            jobs: std::thread::available_parallelism().map_or(1, usize::from),
            target_limit: TARGET_LIMIT,
        }
    }

    /// Looks for tools.
    pub(crate) fn with_tools<T>(&self, act: impl FnOnce(Toolbox) -> T) -> T {
        let digest = |path: &Utf8Path| self.digest(path);
        act(Toolbox {
            path: &self.path,
            supervisor: &self.supervisor,
            memo: &self.memo,
            digest: &digest,
            env: &self.around.env,
        })
    }

    /// Looks for sources.
    pub(crate) fn with_sources<T>(&self, act: impl FnOnce(Fetcher) -> T) -> T {
        let digest = |path: &Utf8Path| self.digest(path);
        let progress = |line: &str| self.ui.show(&Event::Note { text: line.to_owned() });
        act(Fetcher {
            home: &self.home,
            path: &self.path,
            supervisor: &self.supervisor,
            env: &self.around.env,
            digest: &digest,
            progress: &progress,
        })
    }

    /// Writes what only saves time, if the command may. A failure costs time at the next start, and nothing else.
    pub(crate) fn remember(&self) {
        if !self.around.writes {
            return;
        }
        drop(self.memo.save());
        drop(self.store.save_memo());
    }

    fn digest(&self, path: &Utf8Path) -> std::io::Result<String> {
        self.store.digest_file(path).map(|(digest, _)| digest.to_string()).map_err(std::io::Error::other)
    }
}

/// A failure of the store, with what to do.
pub(crate) fn store_error(error: &deployctl_cache::Error) -> Error {
    Error::caused(Kind::Store, error, "nothing is half-written; mend the cause and run the command again")
}
