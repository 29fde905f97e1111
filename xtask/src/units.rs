//! `cargo xtask units`: unit files read as PID 1 reads them, without starting anything.

use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;
use unit::describe::{self, Sections};
use unit::graph::Graph;
use unit::load::LoadError;
use unit::model::Relation;
use unit::text::specifier::Host;
use unit::transaction::{self, JobKind};
use unit::{Unit, UnitName};
use unit_files::Catalog;

/// Where unit files are below a root, the first winning.
const FOLDERS: [&str; 4] =
    ["etc/systemd/system", "run/systemd/system", "usr/lib/systemd/system", "lib/systemd/system"];

/// Check unit files, show what they come to, and plan what starts
#[derive(Args)]
#[command(after_help = "Examples:\n  cargo xtask units verify --strict --root ./tree\n  \
                        cargo xtask units show nginx.service --root ./tree\n  \
                        cargo xtask units plan multi-user.target --root ./tree")]
pub struct Units {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Say what is wrong with units, or asks for what is not built
    Verify {
        #[command(flatten)]
        root: Root,
        /// A warning, too, is a failure
        #[arg(long)]
        strict: bool,
        /// The units; all that have a file where none is named
        names: Vec<String>,
    },
    /// Show a unit after drop-ins, specifiers and quoting, as JSON
    Show {
        /// The unit
        name: String,
        #[command(flatten)]
        root: Root,
    },
    /// Show the jobs that starting a unit comes to, and their order, as JSON
    Plan {
        /// The unit
        name: String,
        #[command(flatten)]
        root: Root,
    },
}

#[derive(Args)]
struct Root {
    /// A system's root, or a folder of unit files
    #[arg(long, value_name = "DIR")]
    root: PathBuf,
}

impl Root {
    fn catalog(&self) -> Result<Catalog> {
        if !self.root.is_dir() {
            bail!("{} is not a folder: name a system's root, or a folder of unit files", self.root.display());
        }
        let folders: Vec<PathBuf> =
            FOLDERS.iter().map(|folder| self.root.join(folder)).filter(|folder| folder.is_dir()).collect();
        let folders = if folders.is_empty() { vec![self.root.clone()] } else { folders };
        Ok(Catalog::list(&folders))
    }
}

impl Units {
    pub fn run(self) -> Result<ExitCode> {
        match self.command {
            Command::Verify { root, strict, names } => verify(&root, strict, &names),
            Command::Show { name, root } => show(&root, &name),
            Command::Plan { name, root } => plan(&root, &name),
        }
    }
}

/// What specifiers stand for where no machine runs.
fn host() -> Host {
    Host {
        machine_id: "0".repeat(32),
        boot_id: "0".repeat(32),
        hostname: "localhost".to_owned(),
        kernel_release: "0".to_owned(),
    }
}

fn parse(name: &str) -> Result<UnitName> {
    let whole = if name.contains('.') { name.to_owned() } else { format!("{name}.service") };
    Ok(UnitName::parse(&whole)?)
}

fn loaded<'a>(graph: &'a Graph, name: &UnitName) -> Result<&'a Unit> {
    match graph.get(name) {
        Some(unit) => Ok(unit),
        None => Err(graph.failure(name).cloned().unwrap_or_else(|| LoadError::NotFound(name.clone())).into()),
    }
}

fn verify(root: &Root, strict: bool, names: &[String]) -> Result<ExitCode> {
    let catalog = root.catalog()?;
    let names: BTreeSet<UnitName> = match names {
        [] => catalog.names().filter(|name| !name.is_template()).collect(),
        names => names.iter().map(|name| parse(name)).collect::<Result<_>>()?,
    };
    let (mut failures, mut warnings) = (0, 0);
    for name in &names {
        let mut graph = Graph::default();
        catalog.load_with_related(&mut graph, name, &host());
        match loaded(&graph, name) {
            Ok(unit) => {
                for warning in &unit.warnings {
                    println!("{warning}");
                }
                for refusal in &unit.refusals {
                    println!("{refusal} (the unit is refused)");
                }
                warnings += unit.warnings.len();
                failures += unit.refusals.len();
            }
            // Switched off is as good as well.
            Err(error) if matches!(error.downcast_ref(), Some(LoadError::Masked(_))) => {}
            Err(error) => {
                println!("{error}");
                failures += 1;
            }
        }
    }
    println!("{} units: {failures} failures, {warnings} warnings", names.len());
    let fine = failures == 0 && (warnings == 0 || !strict);
    Ok(if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[derive(Serialize)]
struct Shown {
    name: String,
    description: String,
    sources: Vec<String>,
    #[serde(flatten)]
    sections: Sections,
    relations: std::collections::BTreeMap<String, Vec<String>>,
    warnings: Vec<String>,
    refusals: Vec<String>,
}

fn show(root: &Root, name: &str) -> Result<ExitCode> {
    let (catalog, name) = (root.catalog()?, parse(name)?);
    let mut graph = Graph::default();
    catalog.load_with_related(&mut graph, &name, &host());
    let unit = loaded(&graph, &name)?;
    let files = catalog.files(&unit.name)?;
    let mut relations = std::collections::BTreeMap::<String, Vec<String>>::new();
    for (relation, other) in unit.relations.keys() {
        relations.entry(relation.name().to_owned()).or_default().push(other.to_string());
    }
    print(&Shown {
        name: unit.name.to_string(),
        description: unit.description.clone(),
        sources: unit.sources.iter().map(ToString::to_string).collect(),
        sections: describe::sections(&unit.name, unit, &files, &host()),
        relations,
        warnings: unit.warnings.iter().map(ToString::to_string).collect(),
        refusals: unit.refusals.iter().map(ToString::to_string).collect(),
    })
}

#[derive(Serialize)]
struct Planned {
    target: String,
    /// In an order in which they can run.
    jobs: Vec<PlannedJob>,
    cycles: Vec<PlannedCycle>,
    skipped: Vec<String>,
}

#[derive(Serialize)]
struct PlannedJob {
    unit: String,
    job: String,
    /// Units of the plan that it waits for.
    after: Vec<String>,
}

#[derive(Serialize)]
struct PlannedCycle {
    /// Each after the next, the last after the first.
    path: Vec<String>,
    /// The first does not wait for the second.
    given_up: [String; 2],
    text: String,
}

fn plan(root: &Root, name: &str) -> Result<ExitCode> {
    let (catalog, name) = (root.catalog()?, parse(name)?);
    let mut graph = Graph::default();
    catalog.load_with_related(&mut graph, &name, &host());
    let transaction = transaction::plan(&graph, &name, JobKind::Start, &|_| false)
        .with_context(|| format!("{name} cannot be planned"))?;
    let given_up: BTreeSet<_> = transaction.cycles.iter().map(|cycle| cycle.given_up.clone()).collect();
    let earlier = |unit: &UnitName| -> BTreeSet<UnitName> {
        graph
            .related(unit, Relation::After)
            .filter(|other| transaction.jobs.contains_key(*other))
            .filter(|other| !given_up.contains(&(unit.clone(), (*other).clone())))
            .cloned()
            .collect()
    };
    let mut left: BTreeSet<UnitName> = transaction.jobs.keys().cloned().collect();
    let mut jobs = Vec::new();
    while let Some(next) = left.iter().find(|unit| earlier(unit).is_disjoint(&left)).cloned() {
        left.remove(&next);
        jobs.push(PlannedJob {
            unit: next.to_string(),
            job: transaction.jobs[&next].to_string(),
            after: earlier(&next).iter().map(ToString::to_string).collect(),
        });
    }
    print(&Planned {
        target: name.to_string(),
        jobs,
        cycles: transaction
            .cycles
            .iter()
            .map(|cycle| PlannedCycle {
                path: cycle.path.iter().map(ToString::to_string).collect(),
                given_up: [cycle.given_up.0.to_string(), cycle.given_up.1.to_string()],
                text: cycle.to_string(),
            })
            .collect(),
        skipped: transaction.skipped.iter().map(ToString::to_string).collect(),
    })
}

fn print(value: &impl Serialize) -> Result<ExitCode> {
    println!("{}", serde_json::to_string_pretty(value).context("writing JSON")?);
    Ok(ExitCode::SUCCESS)
}
