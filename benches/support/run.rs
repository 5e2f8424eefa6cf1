//! Runs one measurement for each CRM, in a clean process of its own.

use std::error::Error;
use std::process::Command;

use dealclock_sandbox::Crm;

use super::account::kind;
use super::machine;

const CRMS: [Crm; 2] = [Crm::HubSpot, Crm::Salesforce];
/// How a benchmark asks itself to do the work for a CRM in a clean process.
const WORK: &str = "--work-in-this-process-for";
/// How a person asks for fewer records than usual: `cargo bench --bench read -- --records 5000`.
const RECORDS: &str = "--records";

/// Measures both CRMs, one after the other; `usual` is how many records there are unless it is said otherwise.
pub fn for_each_crm<M>(what: &str, usual: usize, measure: M) -> Result<(), Box<dyn Error>>
where
    M: AsyncFnOnce(Crm, usize) -> Result<(), Box<dyn Error>>,
{
    let records = match argument(RECORDS) {
        Some(number) => number.parse()?,
        None => usual,
    };
    if let Some(asked) = argument(WORK) {
        let crm = CRMS.into_iter().find(|crm| kind(*crm) == asked).ok_or("there is no such CRM")?;
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        return runtime.block_on(measure(crm, records));
    }
    if !machine::is_asked_for() {
        return Ok(());
    }
    println!("{what}: {records} records over loopback from the sandbox in another process; {}", machine::describe());
    for crm in CRMS {
        println!("\n{}\n", crm.label());
        let number = records.to_string();
        let ended = Command::new(std::env::current_exe()?).args([WORK, kind(crm), RECORDS, &number]).status()?;
        if !ended.success() {
            return Err(format!("the measured process ended with {ended}").into());
        }
    }
    Ok(())
}

/// What follows a name on the command line.
fn argument(name: &str) -> Option<String> {
    std::env::args().skip_while(|argument| argument != name).nth(1)
}
