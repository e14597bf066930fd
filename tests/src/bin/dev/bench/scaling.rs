//! `cargo dev bench scaling`: runs the bench and shows it as tables, as rows, or as the documentation.

use std::{
    io::{Write, stdout},
    time::Instant,
};

use pathfinder_scaling::sim::{
    bench::{Bench, Report},
    goals::{goals, goals_read_directly},
};

use crate::{
    args::{Output, ScalingOptions},
    bench::{document, progress::Shown, tables, traces},
};

pub(super) fn run(options: &ScalingOptions) -> anyhow::Result<()> {
    let traces = traces::wanted(options)?;
    let started = Instant::now();
    let shown = Shown::new();
    let report = Bench::of(traces).run(&|progress| shown.tell(progress))?;
    shown.end();
    eprintln!("{} rows in {:.0} s", report.rows.len(), started.elapsed().as_secs_f64());
    show(&report, options.output)?;
    if options.write_docs {
        document::write(&report)?;
    }
    Ok(())
}

fn show(report: &Report, output: Output) -> anyhow::Result<()> {
    let mut out = stdout().lock();
    match output {
        Output::Json => {
            serde_json::to_writer_pretty(&mut out, &report.rows)?;
            writeln!(out)?;
        }
        Output::Table => {
            let goals = goals(&report.rows, &report.calm);
            let directly = goals_read_directly(&report.rows);
            write!(
                out,
                "{}\n{}",
                tables::figures(&report.rows).text(),
                tables::goals(&goals).text()
            )?;
            writeln!(
                out,
                "\nwhere ours reads the pods itself (metrics.source: Pods):\n{}",
                tables::goals(&directly).text()
            )?;
            for goal in goals.iter().chain(&directly).filter(|goal| !goal.misses.is_empty()) {
                writeln!(out, "\n{} ({}):", goal.what, goal.wanted)?;
                for miss in &goal.misses {
                    writeln!(out, "  {miss}")?;
                }
            }
        }
    }
    Ok(())
}
