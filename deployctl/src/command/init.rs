//! `init`: a model and a board to a manifest that builds and passes unedited. Needs no compiler: scratch sizes come from the
//! table.

use camino::{Utf8Path, Utf8PathBuf};

use super::boards::named;
use super::survey::{Question, Subject, Survey};
use super::{Done, Surroundings};
use crate::cli;
use crate::error::{Error, Kind};
use crate::library::version;
use crate::manifest::{self, Board, Catalog, Library, Policy, Ratio, RegionKind, Runner, grouped};
use crate::model;
use crate::stage::unreadable;
use crate::tool::{Invocation, SearchPath};
use crate::ui::Event;

/// The kernel library of a new manifest.
pub(super) const LIBRARY: &str = "cmsis-nn";
/// Headroom of a new manifest.
const HEADROOM: Ratio = Ratio(0.1);

pub(super) fn run(args: &cli::Init, around: &Surroundings) -> Result<Done, Error> {
    let model = around.path(&args.model);
    let root = around.root();
    let catalog = Catalog::open(&root).map_err(|errors| Error::new(Kind::Manifest, errors))?;
    let board = named(&args.board, &catalog)?;
    let name = name(args, &model)?;
    let file = root.join("manifests").join(format!("{name}.kdl"));
    if file.exists() {
        let help = "give another `--name`, or remove the file if it is not wanted any more";
        return Err(Error::plain(Kind::Usage, format!("`{file}` is there already"), help));
    }
    let read = read(&model)?;
    let subject = Subject::of(read);
    let owner = owner(args, around)?;
    let found = Found::of(&subject, &board, &library(LIBRARY, &catalog)?)?;
    let folder = root.join("manifests");
    let text = manifest::init(
        &subject.graph,
        &manifest::Init {
            name: &name,
            model: relative(&model, &folder).as_str(),
            board: &board.name,
            owner: &owner,
            budget: manifest::budget_for(found.peak, HEADROOM),
            headroom: HEADROOM,
            library: LIBRARY,
            policy: found.policy,
            max_mac_share: found.max_mac_share,
            uses: &found.uses,
        },
    );
    write(&file, &text)?;
    let shown = file.strip_prefix(&around.cwd).unwrap_or(&file);
    tell(around, &found, shown);
    for text in warnings(&board, &found) {
        around.ui.show(&Event::Note { text });
    }
    if !model.starts_with(&root) {
        let text = format!("`{model}` lies outside the project: a copy inside goes with it, to git and to others");
        around.ui.show(&Event::Note { text });
    }
    Ok(Done::Ok)
}

/// The model in a file.
pub(super) fn read(model: &Utf8Path) -> Result<model::Read, Error> {
    let bytes = std::fs::read(model).map_err(|error| {
        let help = "name the `.tflite` file that the converter wrote";
        Error::plain(Kind::Usage, format!("cannot read the model `{model}`: {error}"), help)
    })?;
    model::read(&bytes).map_err(|error| unreadable(model.as_str(), &error))
}

fn tell(around: &Surroundings, found: &Found, manifest: &Utf8Path) {
    let text = if found.unsupported.is_empty() {
        format!("wrote {manifest}: planned arena peak {} bytes\nnext: deployctl build", found.peak)
    } else {
        for refusal in &found.unsupported {
            around.ui.show(&Event::Note { text: refusal.clone() });
        }
        let count = found.unsupported.len();
        format!(
            "wrote {manifest}; operators without a kernel: {count}, so there is no firmware yet and the budget is a guess\n\
             next: change the model, or see with deployctl build what it lacks"
        )
    };
    let fields = serde_json::json!({ "manifest": manifest, "peak": found.peak, "unsupported": found.unsupported });
    around.ui.show(&Event::Line { fields, text });
}

/// What the first build will say against the board, in sentences.
fn warnings(board: &Board, found: &Found) -> Vec<String> {
    let mut warnings = Vec::new();
    if let Some(ram) = board.used(RegionKind::Ram).filter(|ram| found.peak > ram.size.0) {
        let (peak, size) = (grouped(found.peak), grouped(ram.size.0));
        warnings.push(format!(
            "this model does not fit on `{}`: its arena takes {peak} bytes, and `{}` has {size}; take a smaller model or a \
             larger board",
            board.name, ram.name
        ));
    }
    let name = &board.name;
    let emulator = "`target \"mps2-an386\"` has evidence from an emulator";
    if let Some(reason) = board.unmeasured() {
        warnings.push(format!("the verdict on `{name}` will be `unknown`: {reason}; {emulator}"));
    } else if let Runner::Probe { .. } = board.runner {
        warnings.push(format!(
            "`{name}` is behind a debug probe: the verdict will be `unknown` until `deployctl build --measure` has measured on it; {emulator}"
        ));
    }
    warnings
}

/// What a new manifest says of a model on a board.
struct Found {
    peak: u64,
    policy: Policy,
    max_mac_share: Ratio,
    /// One sentence an operator.
    unsupported: Vec<String>,
    /// Lines for kernels of the deployment's own that would run them.
    uses: Vec<String>,
}

impl Found {
    fn of(subject: &Subject, board: &Board, library: &Library) -> Result<Self, Error> {
        let library_runs = board.runner != Runner::Host;
        let survey = Survey::of(
            subject,
            &Question {
                library: LIBRARY,
                library_runs,
                features: board.features,
                revision: version(&library.versions),
                defects: &[],
            },
        )?;
        let off = survey.audit.share_off_library();
        Ok(Self {
            peak: survey.peak.unwrap_or(0),
            policy: if library_runs { Policy::Require } else { Policy::Prefer },
            max_mac_share: Ratio(if library_runs { (off * 100.0).ceil() / 100.0 } else { 0.0 }),
            uses: subject.uses(),
            unsupported: subject.lowered.iter().filter_map(|step| Some(step.as_ref().err()?.to_string())).collect(),
        })
    }
}

pub(super) fn library(name: &str, catalog: &Catalog) -> Result<Library, Error> {
    match Library::load(name, catalog) {
        Some(found) => found.map_err(|errors| Error::new(Kind::Manifest, errors)),
        None => Err(Error::plain(
            Kind::Usage,
            format!("there is no kernel library `{name}`"),
            format!(
                "{}; a project adds its own in `manifests/kernels/NAME.kdl`",
                manifest::suggest(name, catalog.libraries())
            ),
        )),
    }
}

/// `--name`, else one made from the model's file name.
fn name(args: &cli::Init, model: &Utf8Path) -> Result<String, Error> {
    match &args.name {
        Some(name) if manifest::is_deployment_name(name) => Ok(name.clone()),
        Some(name) => {
            let message = format!("`{name}` is no name for a deployment");
            Err(Error::plain(Kind::Usage, message, manifest::DEPLOYMENT_NAMES))
        }
        None => Ok(deployment_name(model)),
    }
}

/// The model's file name, in the letters that a deployment's name may have.
fn deployment_name(model: &Utf8Path) -> String {
    let stem = model.file_stem().unwrap_or("model").to_lowercase();
    let letter = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '-' };
    let name: String =
        stem.trim_matches(|end: char| !end.is_ascii_alphanumeric()).chars().take(64).map(letter).collect();
    let name = name.trim_matches('-').to_owned();
    if name.is_empty() { "model".to_owned() } else { name }
}

/// `--owner`, else the user of git's configuration.
fn owner(args: &cli::Init, around: &Surroundings) -> Result<String, Error> {
    let found = match &args.owner {
        Some(owner) => Some(owner.trim().to_owned()),
        None => ["user.email", "user.name"].into_iter().find_map(|setting| git_setting(setting, around)),
    };
    found.filter(|owner| !owner.is_empty()).ok_or_else(|| {
        Error::plain(
            Kind::Usage,
            "nobody owns this deployment yet",
            "say who with `--owner you@example.com`, or set git's `user.email`",
        )
    })
}

/// What git's configuration says; nothing where there is no git, or no such setting.
fn git_setting(setting: &str, around: &Surroundings) -> Option<String> {
    let path = SearchPath::new(around.env.get("PATH").map_or("", String::as_str));
    let mut ask = Invocation::new(path.find("git").ok()?).args(["config", "--get", setting]).cwd(around.cwd.clone());
    for name in ["HOME", "XDG_CONFIG_HOME", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"] {
        if let Some(value) = around.env.get(name) {
            ask = ask.env(name, value.clone());
        }
    }
    let answer = ask.run(&around.supervisor).ok()?.stdout.text().trim().to_owned();
    Some(answer).filter(|answer| !answer.is_empty())
}

/// `path` as seen from `folder`; both absolute.
fn relative(path: &Utf8Path, folder: &Utf8Path) -> Utf8PathBuf {
    let (mut path_parts, mut folder_parts) = (path.components().peekable(), folder.components().peekable());
    while path_parts.peek().is_some() && path_parts.peek() == folder_parts.peek() {
        path_parts.next();
        folder_parts.next();
    }
    folder_parts.map(|_| Utf8Path::new("..")).chain(path_parts.map(|part| Utf8Path::new(part.as_str()))).collect()
}

fn write(file: &Utf8Path, text: &str) -> Result<(), Error> {
    let write = || {
        file.parent().map_or(Ok(()), std::fs::create_dir_all)?;
        std::fs::write(file, text)
    };
    write().map_err(|error| Error::caused(Kind::Store, &error, format!("`{file}` could not be written")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_seen_from_a_folder() {
        let seen = |path: &str, folder: &str| relative(Utf8Path::new(path), Utf8Path::new(folder)).into_string();
        assert_eq!(seen("/p/x.tflite", "/p/manifests"), "../x.tflite");
        assert_eq!(seen("/p/manifests/models/x.tflite", "/p/manifests"), "models/x.tflite");
        assert_eq!(seen("/q/x.tflite", "/p/manifests"), "../../q/x.tflite");
    }

    #[test]
    fn names_have_the_letters_of_names() {
        assert_eq!(deployment_name(Utf8Path::new("a/pretrainedResnet_quant.tflite")), "pretrainedresnet-quant");
        assert_eq!(deployment_name(Utf8Path::new("___.tflite")), "model");
        let long = "_x".to_owned() + &"y".repeat(300);
        for stem in ["größe 2", "-7-", ".hidden", "...", "a", &long] {
            let name = deployment_name(Utf8Path::new(&format!("{stem}.tflite")));
            assert!(manifest::is_deployment_name(&name), "{stem}: {name}");
        }
    }
}
