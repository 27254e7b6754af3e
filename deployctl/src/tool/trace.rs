//! What a command opens, starts, writes and contacts, as `strace` sees it: the tool, and its files to lists of paths.
//!
//! Knows system calls; does not know which paths are declared. Files that are only asked about (`stat`) and what goes through
//! descriptors from elsewhere is not seen.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::identity::first_line;
use super::{ToolError, Toolbox};
use crate::manifest::plain;

const CALLS: &str = "trace=open,openat,openat2,creat,execve,execveat,mkdir,mkdirat,rename,renameat,renameat2,unlink,unlinkat,\
                     rmdir,link,linkat,symlink,symlinkat,truncate,connect";

/// `strace`, where it is installed and may look at processes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Strace {
    /// The program; in no key.
    #[serde(skip)]
    pub program: Utf8PathBuf,
    /// First line of `-V`.
    pub version: String,
    /// Digest of the program.
    pub digest: String,
}

impl Strace {
    /// `strace`; an error also where it is there but the system does not let it look.
    pub fn find(tools: &Toolbox<'_>) -> Result<Self, ToolError> {
        let program = tools.path.find("strace")?;
        let version = first_line(&tools.ask(&program, &["-V"])?);
        let echo = tools.path.find("echo")?;
        let arguments = Self::arguments(Utf8Path::new("/dev/null"));
        let mut arguments: Vec<&str> = arguments.iter().map(String::as_str).filter(|word| *word != "-ff").collect();
        arguments.extend([echo.as_str(), "traced"]);
        tools.ask(&program, &arguments)?;
        let digest = tools.file_digest("strace", &program)?;
        Ok(Self { program, version, digest })
    }

    /// Its arguments before the command, for one file a thread beginning with `prefix`.
    pub fn arguments(prefix: &Utf8Path) -> Vec<String> {
        let words =
            ["-f", "-ff", "-qq", "-y", "--seccomp-bpf", "-e", CALLS, "-e", "signal=none", "-o", prefix.as_str(), "--"];
        words.map(str::to_owned).to_vec()
    }
}

/// What a command and all that it started did with the file system and the network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Files that were opened for reading or started, and folders that were listed.
    pub read: BTreeSet<Utf8PathBuf>,
    /// Files and folders that were opened for writing, made, moved or removed.
    pub written: BTreeSet<Utf8PathBuf>,
    /// Addresses that were connected to.
    pub contacted: BTreeSet<String>,
}

impl Seen {
    /// Reads the files below `folder` that strace wrote; the command started in `cwd`.
    pub fn read(folder: &Utf8Path, cwd: &Utf8Path) -> std::io::Result<Self> {
        let mut seen = Self::default();
        for entry in folder.read_dir_utf8()? {
            let text = std::fs::read(entry?.path())?;
            seen.add(&String::from_utf8_lossy(&text), cwd);
        }
        Ok(seen)
    }

    /// Adds what one thread did. Where a call does not say the folder that its path starts from, it is the last that was named.
    fn add(&mut self, text: &str, cwd: &Utf8Path) {
        let mut cwd = cwd.to_owned();
        for line in text.lines() {
            let Some((call, rest)) = line.split_once('(') else { continue };
            let Some((arguments, result)) = rest.rsplit_once(" = ").or_else(|| rest.rsplit_once(") = ")) else {
                continue;
            };
            if let Some(named) = rest.strip_prefix("AT_FDCWD<").and_then(|rest| Some(rest.split_once('>')?.0)) {
                cwd = Utf8PathBuf::from(unescaped(named));
            }
            if call == "connect" {
                let answered = !result.starts_with('-') || result.contains("EINPROGRESS");
                self.contacted.extend(address(arguments).filter(|_| answered));
                continue;
            }
            if result.starts_with('-') || result.starts_with('?') {
                continue;
            }
            match call {
                "open" | "openat" | "openat2" | "creat" => self.open(call, arguments, result, &cwd),
                "execve" | "execveat" => self.read.extend(paths(arguments, &cwd).into_iter().next()),
                // The first path of a symbolic link is a text.
                "symlink" | "symlinkat" => self.written.extend(paths(arguments, &cwd).into_iter().nth(1)),
                _ => self.written.extend(paths(arguments, &cwd)),
            }
        }
    }

    fn open(&mut self, call: &str, arguments: &str, result: &str, cwd: &Utf8Path) {
        let opened = result.split_once('<').and_then(|(_, rest)| Some(rest.rsplit_once('>')?.0)).map(unescaped);
        let opened = opened.filter(|path| path.starts_with('/')).map(Utf8PathBuf::from);
        let Some(path) = opened.or_else(|| paths(arguments, cwd).into_iter().next()) else { return };
        let writes = ["O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC"].iter().any(|flag| arguments.contains(flag));
        let set = if writes || call == "creat" { &mut self.written } else { &mut self.read };
        set.insert(path);
    }
}

/// The paths among a call's arguments, each relative to the folder that the argument before it names, else to `cwd`.
fn paths(arguments: &str, cwd: &Utf8Path) -> Vec<Utf8PathBuf> {
    let (mut paths, mut rest, mut base) = (Vec::new(), arguments, None);
    while let Some(at) = rest.find(['"', '<']) {
        let (is_path, inner) = (rest.as_bytes()[at] == b'"', &rest[at + 1..]);
        let close = if is_path { '"' } else { '>' };
        let Some(end) = end_of(inner, close) else { break };
        let text = unescaped(&inner[..end]);
        rest = &inner[end + 1..];
        if is_path {
            let base = base.take().unwrap_or_else(|| cwd.to_owned());
            paths.push(plain(&base.join(text)));
        } else {
            base = Some(Utf8PathBuf::from(text));
        }
    }
    paths
}

/// The first `close` that no backslash stands before.
fn end_of(text: &str, close: char) -> Option<usize> {
    let mut escaped = false;
    text.char_indices().find_map(|(at, sign)| {
        let found = sign == close && !escaped;
        escaped = sign == '\\' && !escaped;
        found.then_some(at)
    })
}

/// `10.1.2.3:443`, of a connection that leaves the machine or asks for a name.
fn address(arguments: &str) -> Option<String> {
    let between = |start: &str, end: char| Some(arguments.split_once(start)?.1.split_once(end)?.0);
    let port = between("htons(", ')')?;
    let host = if arguments.contains("sa_family=AF_INET6") {
        between("inet_pton(AF_INET6, \"", '"')?
    } else if arguments.contains("sa_family=AF_INET,") {
        between("inet_addr(\"", '"')?
    } else {
        return None;
    };
    // Port 0 asks the system for a route and sends nothing.
    let local = (host.starts_with("127.") || host == "::1") && port != "53";
    (!local && port != "0").then(|| format!("{host}:{port}"))
}

/// A text as strace writes it: with C's escapes.
fn unescaped(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((&first, behind)) = rest.split_first() {
        rest = behind;
        let (b'\\', Some((&sign, behind))) = (first, behind.split_first()) else {
            bytes.push(first);
            continue;
        };
        let digits = rest.iter().take(3).take_while(|digit| matches!(digit, b'0'..=b'7')).count();
        if digits > 0 {
            let value = rest[..digits].iter().fold(0_u32, |value, digit| value * 8 + u32::from(digit - b'0'));
            bytes.push(u8::try_from(value).unwrap_or(b'?'));
            rest = &rest[digits..];
            continue;
        }
        rest = behind;
        bytes.push(match sign {
            b'n' => b'\n',
            b't' => b'\t',
            b'r' => b'\r',
            b'v' => 0x0b,
            b'f' => 0x0c,
            other => other,
        });
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(text: &str) -> Seen {
        let mut seen = Seen::default();
        seen.add(text, Utf8Path::new("/start"));
        seen
    }

    #[test]
    fn opened_files_have_the_path_that_the_system_found() {
        let found = seen(concat!(
            "openat(AT_FDCWD</w>, \"a.npy\", O_RDONLY|O_CLOEXEC) = 3</home/u/a.npy>\n",
            "openat(AT_FDCWD</w>, \"none\", O_RDONLY) = -1 ENOENT (No such file or directory)\n",
            "openat(AT_FDCWD</w>, \"y \\303\\251.txt\", O_WRONLY|O_CREAT|O_TRUNC, 0666) = 4</w/y \\303\\251.txt>\n",
            "openat(3</data>, \"x\", O_RDONLY) = 5</data/x>\n",
            "openat(AT_FDCWD</w>, \"gone\", O_RDONLY) = 5</w/gone>(deleted)\n",
        ));
        let list = |set: &BTreeSet<Utf8PathBuf>| set.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(list(&found.read), ["/data/x", "/home/u/a.npy", "/w/gone"]);
        assert_eq!(list(&found.written), ["/w/y é.txt"]);
    }

    #[test]
    fn changes_of_folders_are_seen() {
        let found = seen(concat!(
            "mkdir(\"d\", 0777)                        = 0\n",
            "execve(\"../bin/tool\", [\"tool\", \"/etc/x\"], 0x5 /* 1 var */) = 0\n",
            "openat(AT_FDCWD</w/d>, \"/dev/null\", O_RDONLY) = 3</dev/null>\n",
            "rename(\"x\", \"/out/y\")                = 0\n",
            "unlinkat(5</e>, \"z\", 0)               = 0\n",
            "symlink(\"/target\", \"link\")          = 0\n",
            "rmdir(\"full\")                         = -1 ENOTEMPTY (Directory not empty)\n",
        ));
        let list = |set: &BTreeSet<Utf8PathBuf>| set.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(list(&found.written), ["/e/z", "/out/y", "/start/d", "/w/d/link", "/w/d/x"]);
        assert_eq!(list(&found.read), ["/bin/tool", "/dev/null"]);
    }

    #[test]
    fn connections_that_leave_the_machine_are_seen() {
        let found = seen(concat!(
            "connect(3<socket:[1]>, {sa_family=AF_INET, sin_port=htons(443), sin_addr=inet_addr(\"10.1.2.3\")}, 16) = -1 EINPROGRESS (Operation now in progress)\n",
            "connect(3<socket:[1]>, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr(\"127.0.0.1\")}, 16) = 0\n",
            "connect(3<socket:[1]>, {sa_family=AF_UNIX, sun_path=\"/run/nscd\"}, 110) = -1 ENOENT (No such file or directory)\n",
            "connect(3<socket:[1]>, {sa_family=AF_INET6, sin6_port=htons(53), sin6_flowinfo=htonl(0), inet_pton(AF_INET6, \"fe80::1\", &sin6_addr), sin6_scope_id=0}, 28) = 0\n",
            "connect(3<socket:[1]>, {sa_family=AF_INET, sin_port=htons(81), sin_addr=inet_addr(\"10.9.9.9\")}, 16) = -1 ENETUNREACH (Network is unreachable)\n",
        ));
        assert_eq!(found.contacted.into_iter().collect::<Vec<_>>(), ["10.1.2.3:443", "fe80::1:53"]);
    }

    #[test]
    fn no_line_stops_the_reader() {
        for line in
            ["", "(", "open(", "openat(AT_FDCWD<", "open(\"", "x = ", "open(\"\\", "open(\"a\\", "exit_group(0) = ?"]
        {
            seen(line);
            seen(&format!("{line} = 0"));
            seen(&format!("open({line}) = 3<"));
        }
    }
}
