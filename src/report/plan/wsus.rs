//! A script that approves the updates of a plan in WSUS, for a target group a wave. Nothing but numbers of
//! articles and names of waves is code in it; hosts are named in comments only.

use super::super::{Options, ReportError};
use super::{NOTE, PlanFile, PlanFormat, waves};
use crate::model::{KbId, Plan, RunSummary, Tool};
use std::collections::BTreeSet;
use std::fmt::Write as _;

#[derive(Debug)]
pub(super) struct Wsus;

const ABOUT: &str = "\
# It approves updates for the target groups underdesk-WAVE, which you make in WSUS and fill with the machines that
# are named below; computers install them when their own policy says. First look: add -WhatIf
#Requires -Modules UpdateServices
[CmdletBinding(SupportsShouldProcess = $true)]
param()
$ErrorActionPreference = 'Stop'
$wsus = Get-WsusServer
$plan = @(
";
const CODE: &str = "\
)
foreach ($entry in $plan) {
    $found = @($wsus.SearchUpdates($entry.KB) | Where-Object {
        -not $_.IsDeclined -and $_.KnowledgebaseArticles -contains $entry.KB
    })
    if ($found.Count -eq 0) {
        Write-Warning \"KB$($entry.KB) is not in this WSUS: import it, or let it synchronise\"
        continue
    }
    foreach ($update in $found) {
        if ($PSCmdlet.ShouldProcess(\"KB$($entry.KB) for $($entry.Group)\", 'Approve')) {
            Get-WsusUpdate -UpdateServer $wsus -UpdateId $update.Id.UpdateId |
                Approve-WsusUpdate -Action Install -TargetGroupName $entry.Group
        }
    }
}
";

impl PlanFormat for Wsus {
    fn format(&self) -> &'static str {
        "powershell-wsus"
    }

    fn write(
        &self,
        plan: &Plan,
        _run: &RunSummary,
        _options: &Options,
    ) -> Result<Vec<PlanFile>, ReportError> {
        let mut text = NOTE.to_owned();
        text.push_str(ABOUT);
        for (wave, machines) in waves(plan) {
            let windows = || {
                let all = machines.iter();
                all.filter(|one| one.tool == Some(Tool::WindowsUpdate))
            };
            let steps = || windows().flat_map(|one| one.work.steps.iter());
            let kbs: BTreeSet<KbId> = steps().filter_map(|step| step.kb).collect();
            if kbs.is_empty() {
                continue;
            }
            for machine in windows() {
                let _ = writeln!(text, "    # {wave}: {}", machine.place);
            }
            for KbId(number) in kbs {
                let _ = writeln!(
                    text,
                    "    @{{ Group = 'underdesk-{wave}'; KB = '{number}' }}"
                );
            }
        }
        text.push_str(CODE);
        // Windows PowerShell reads lines of either kind; its editors want these.
        Ok(vec![PlanFile {
            name: "plan-wsus.ps1".to_owned(),
            bytes: text.replace('\n', "\r\n").into_bytes(),
        }])
    }
}
