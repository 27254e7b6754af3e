//! Debug probes, by probe-rs.

use std::time::Duration;

use probe_rs::config::{Registry, RegistryError, TargetSelector};
use probe_rs::flashing::{DownloadOptions, FlashError, FlashProgress};
use probe_rs::probe::list::Accessibility;
pub use probe_rs::probe::list::Lister;
use probe_rs::probe::{DebugProbeInfo, Probe};
use probe_rs::{Core, Error, MemoryInterface, Permissions, Session};

use crate::{Failure, Image, Target};

/// How long a core may take to stand.
const HALT: Duration = Duration::from_secs(1);

/// The core that firmware runs on: of chips with several, the one that starts.
const CORE: usize = 0;

/// A probe that is plugged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// What `--probe` takes: its serial number, or USB's vendor and product where it has none.
    pub serial: String,
    /// What it calls itself.
    pub name: String,
    /// USB's vendor and product.
    pub usb: String,
    /// Whether this user may open it.
    pub is_accessible: bool,
}

fn serial(info: &DebugProbeInfo) -> String {
    let serial = info.serial_number.clone().filter(|serial| !serial.is_empty());
    serial.unwrap_or_else(|| format!("{:04x}:{:04x}", info.vendor_id, info.product_id))
}

/// All probes, in the order of their serial numbers.
pub fn list(lister: &Lister) -> Vec<Found> {
    let found = lister.list_all_with_access().into_iter().map(|item| Found {
        serial: serial(&item.info),
        name: item.info.identifier.clone(),
        usb: format!("{:04x}:{:04x}", item.info.vendor_id, item.info.product_id),
        is_accessible: item.accessibility == Accessibility::Accessible,
    });
    let mut found: Vec<Found> = found.collect();
    found.sort_by(|one, other| one.serial.cmp(&other.serial));
    found
}

/// The probe that is meant: the one with that serial number, or the only one.
pub fn choose(found: &[Found], wanted: Option<&str>) -> Result<Found, Failure> {
    let have = || found.iter().map(|probe| probe.serial.clone()).collect::<Vec<_>>();
    match (wanted, found) {
        (Some(wanted), _) => {
            let named = found.iter().find(|probe| probe.serial == wanted).cloned();
            named.ok_or_else(|| Failure::UnknownProbe { serial: wanted.to_owned(), have: have() })
        }
        (None, []) => Err(Failure::NoProbe),
        (None, [only]) => Ok(only.clone()),
        (None, _) => Err(Failure::SeveralProbes { have: have() }),
    }
}

/// A board behind a probe.
pub struct Board(Session);

impl Board {
    /// Connects to the probe with this serial number, and sees to it that `chip` is behind it. Erases nothing.
    pub fn attach(lister: &Lister, serial_number: &str, chip: &str) -> Result<Self, Failure> {
        let registry = Registry::from_builtin_families();
        let wanted = registry
            .get_target_by_name(chip)
            .map_err(|error| Failure::UnknownChip { chip: chip.to_owned(), problem: error.to_string() })?;
        if let Some(found) = Self::detect(lister, serial_number, &registry)?
            && stem(&found) != stem(&wanted.name)
        {
            return Err(Failure::WrongChip { wanted: wanted.name, found });
        }
        Self::connect(open(lister, serial_number)?, TargetSelector::Specified(wanted), &registry)
    }

    fn connect(probe: Probe, chip: TargetSelector, registry: &Registry) -> Result<Self, Failure> {
        let session = probe.attach_with_registry(chip, Permissions::new(), registry);
        Ok(Self(session.map_err(|error| Failure::NoAnswer { problem: chain(&error) })?))
    }

    /// What the chip says that it is, where its maker's chips can be asked.
    fn detect(lister: &Lister, serial_number: &str, registry: &Registry) -> Result<Option<String>, Failure> {
        let probe = open(lister, serial_number)?;
        match probe.attach_with_registry(TargetSelector::Auto, Permissions::new(), registry) {
            Ok(session) => Ok(Some(session.target().name.clone())),
            Err(Error::ChipNotFound(RegistryError::ChipAutodetectFailed)) => Ok(None),
            Err(error) => Err(Failure::NoAnswer { problem: chain(&error) }),
        }
    }

    fn core(&mut self, doing: &'static str) -> Result<Core<'_>, Failure> {
        self.0.core(CORE).map_err(lost(doing))
    }
}

fn open(lister: &Lister, serial_number: &str) -> Result<Probe, Failure> {
    let lost = |problem: String| Failure::Unplugged { doing: "opening it", problem };
    let all = lister.list_all();
    let info = all.iter().find(|info| serial(info) == serial_number).ok_or_else(|| lost("it is gone".to_owned()))?;
    lister.open(info).map_err(|error| lost(chain(&error)))
}

/// An error with all that caused it, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !words.contains(&more) {
            words = format!("{words}: {more}");
        }
        cause = error.source();
    }
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn lost(doing: &'static str) -> impl Fn(Error) -> Failure {
    move |error| Failure::Unplugged { doing, problem: chain(&error) }
}

/// What a chip's names for packages and temperatures have in common: letters, digits, letters, digits. What a maker's chips say of
/// themselves often goes no further.
fn stem(chip: &str) -> String {
    let lower = chip.to_ascii_lowercase();
    let mut rest = lower.as_str();
    for digits in [false, true, false, true] {
        let shorter =
            rest.trim_start_matches(
                |letter: char| {
                    if digits { letter.is_ascii_digit() } else { letter.is_ascii_alphabetic() }
                },
            );
        if digits || shorter.starts_with(|letter: char| letter.is_ascii_digit()) {
            rest = shorter;
        }
    }
    lower[..lower.len() - rest.len()].to_owned()
}

fn flash(error: &FlashError) -> Failure {
    match error {
        FlashError::Verify => Failure::Verify { place: "reading it back gives other bytes".to_owned() },
        other => Failure::Flash { problem: chain(other) },
    }
}

impl Target for Board {
    fn load(&mut self, image: &Image) -> Result<(), Failure> {
        let mut loader = self.0.target().flash_loader();
        for (address, bytes) in &image.segments {
            loader.add_data(u64::from(*address), bytes).map_err(|error| flash(&error))?;
        }
        // Flash wears: what is there already stays.
        match loader.verify(&mut self.0, &mut FlashProgress::empty()) {
            Ok(()) => return Ok(()),
            Err(FlashError::Verify) => {}
            Err(error) => return Err(flash(&error)),
        }
        let mut options = DownloadOptions::new();
        options.verify = true;
        loader.commit(&mut self.0, options).map_err(|error| flash(&error))
    }

    fn reset(&mut self) -> Result<(), Failure> {
        const DOING: &str = "resetting the core";
        self.core(DOING)?.reset_and_halt(HALT).map(drop).map_err(lost(DOING))
    }

    fn run(&mut self) -> Result<(), Failure> {
        const DOING: &str = "starting the core";
        self.core(DOING)?.run().map_err(lost(DOING))
    }

    fn read(&mut self, address: u32, bytes: &mut [u8]) -> Result<(), Failure> {
        const DOING: &str = "reading memory";
        self.core(DOING)?.read(u64::from(address), bytes).map_err(lost(DOING))
    }

    fn write(&mut self, address: u32, bytes: &[u8]) -> Result<(), Failure> {
        const DOING: &str = "writing memory";
        self.core(DOING)?.write(u64::from(address), bytes).map_err(lost(DOING))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(serial: &str) -> Found {
        Found { serial: serial.into(), name: "ST-Link".into(), usb: "0483:374b".into(), is_accessible: true }
    }

    #[test]
    fn the_probe_that_is_meant_is_chosen_or_asked_for() {
        let (one, two) = ([found("1")], [found("1"), found("2")]);
        assert_eq!(choose(&one, None), Ok(found("1")));
        assert_eq!(choose(&two, Some("2")), Ok(found("2")));
        assert_eq!(choose(&[], None).unwrap_err(), Failure::NoProbe);
        let have = || vec!["1".to_owned(), "2".to_owned()];
        assert_eq!(choose(&two, None).unwrap_err(), Failure::SeveralProbes { have: have() });
        assert_eq!(choose(&two, Some("3")).unwrap_err(), Failure::UnknownProbe { serial: "3".into(), have: have() });
    }

    #[test]
    fn packages_of_a_chip_are_one_chip() {
        assert_eq!(stem("STM32F446RETx"), "stm32f446");
        assert_eq!(stem("nRF52840_xxAA"), "nrf52840");
        assert_eq!(stem("RP2040"), "rp2040");
        assert_ne!(stem("STM32F446RETx"), stem("STM32F401RETx"));
        assert_ne!(stem("nRF52840_xxAA"), stem("nRF52832_xxAA"));
    }

    #[test]
    fn nothing_plugged_in_is_no_probe() {
        #[derive(Debug)]
        struct Empty;
        impl probe_rs::probe::list::ProbeLister for Empty {
            fn open(&self, _: &probe_rs::probe::DebugProbeSelector) -> Result<Probe, probe_rs::probe::DebugProbeError> {
                Err(probe_rs::probe::DebugProbeError::Timeout)
            }
            fn list_with_access(
                &self,
                _: Option<&probe_rs::probe::DebugProbeSelector>,
            ) -> Vec<probe_rs::probe::list::ProbeListItem> {
                Vec::new()
            }
        }
        let lister = Lister::with_lister(Box::new(Empty));
        assert_eq!(list(&lister), []);
        let failure = |chip: &str| Board::attach(&lister, "1", chip).err().unwrap();
        assert_eq!(failure("STM32F446RETx").code(), "unplugged");
        assert_eq!(failure("STM32F9999").code(), "unknown-chip");
    }

    #[cfg(feature = "fake-probe")]
    #[test]
    fn a_fake_probes_memory_is_read_like_a_boards() {
        use probe_rs::probe::fake_probe::FakeProbe;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("harness.elf");
        std::fs::write(&path, crate::image::tests::elf("_SEGGER_RTT")).unwrap();
        let probe = Probe::from_specific_probe(Box::new(FakeProbe::with_mocked_core_and_binary(&path)));
        let registry = Registry::from_builtin_families();
        let mut board = Board::connect(probe, "nrf51822_xxAC".into(), &registry).unwrap();
        let mut bytes = [0; 12];
        board.read(0, &mut bytes).unwrap();
        assert_eq!(bytes, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
        // There is no console in it, and that is an answer.
        let image = Image::open(&path).unwrap();
        assert_eq!(crate::rtt::Console::find(&mut board, image.console), Ok(None));
    }

    #[test]
    fn every_board_of_ours_has_a_chip_that_probe_rs_knows() {
        let boards = concat!(env!("CARGO_MANIFEST_DIR"), "/../../manifests/boards");
        let registry = Registry::from_builtin_families();
        let mut known = 0;
        for entry in std::fs::read_dir(boards).unwrap() {
            let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
            if let Some((_, rest)) = text.split_once("runner \"probe\" chip=\"") {
                let chip = rest.split('"').next().unwrap();
                assert!(registry.get_target_by_name(chip).is_ok(), "{chip}");
                known += 1;
            }
        }
        assert!(known > 5, "{known}");
    }
}
