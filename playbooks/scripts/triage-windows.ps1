<#
.SYNOPSIS
    Collects what a responder asks for first on a Windows device into one archive.
.DESCRIPTION
    Processes, services, scheduled tasks, run keys, network connections, accounts, Defender's
    detections and recent changes in folders that malware likes. Writes
    C:\ProgramData\svar-triage\triage.zip, and ends with a line that begins with TRIAGE-COMPLETE and
    carries the archive's SHA-256. Changes nothing but that folder, uses no network. Windows
    PowerShell 5.1 and later.
.PARAMETER Days
    How far back file changes and detections are listed.
.PARAMETER Remove
    Removes the folder again, and does nothing else.
#>
[CmdletBinding()]
param(
    [ValidateRange(1, 90)]
    [int] $Days = 7,

    [switch] $Remove
)

Set-StrictMode -Version 2.0
$ErrorActionPreference = 'Stop'
# Progress bars of cmdlets end up as noise in the transcript.
$ProgressPreference = 'SilentlyContinue'

$Work = Join-Path $env:ProgramData 'svar-triage'
$Facts = Join-Path $Work 'facts'
$Archive = Join-Path $Work 'triage.zip'
$RowsMax = 5000

# The folder belongs to this script alone. A junction in its place would lead SYSTEM's writes, and
# its deletions, elsewhere.
function Remove-Work {
    if (-not (Test-Path -LiteralPath $Work)) { return }
    $item = Get-Item -LiteralPath $Work -Force
    if ($item.Attributes -band [IO.FileAttributes]::ReparsePoint) {
        throw "$Work is a link"
    }
    Remove-Item -LiteralPath $Work -Recurse -Force
}

# Writes what a block returns as CSV. A source that fails is named in notes.txt: a gap must not look
# like an empty answer.
function Save-Facts {
    param([string] $Name, [scriptblock] $Source)
    try {
        $rows = @(& $Source | Select-Object -First $RowsMax)
        $rows | Export-Csv -LiteralPath (Join-Path $Facts "$Name.csv") -NoTypeInformation -Encoding UTF8
    }
    catch {
        Add-Content -LiteralPath (Join-Path $Facts 'notes.txt') -Encoding UTF8 -Value "${Name}: $($_.Exception.Message)"
    }
}

function Get-RunKey {
    $places = @(
        'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Run',
        'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\RunOnce',
        'HKLM:\SOFTWARE\WOW6432Node\Microsoft\Windows\CurrentVersion\Run',
        'HKLM:\SOFTWARE\WOW6432Node\Microsoft\Windows\CurrentVersion\RunOnce'
    )
    # The hives of users who are signed in; SYSTEM's own HKCU would say nothing about them.
    foreach ($hive in Get-ChildItem -LiteralPath 'Registry::HKEY_USERS') {
        $places += "Registry::$($hive.Name)\SOFTWARE\Microsoft\Windows\CurrentVersion\Run"
        $places += "Registry::$($hive.Name)\SOFTWARE\Microsoft\Windows\CurrentVersion\RunOnce"
    }
    foreach ($place in $places) {
        if (-not (Test-Path -LiteralPath $place)) { continue }
        $key = Get-Item -LiteralPath $place
        foreach ($name in $key.GetValueNames()) {
            [PSCustomObject] @{ Key = $key.Name; Name = $name; Command = [string] $key.GetValue($name) }
        }
    }
}

function Get-FreshFile {
    $since = (Get-Date).AddDays(-$Days)
    $places = @(
        (Join-Path $env:SystemRoot 'Temp'),
        (Join-Path $env:SystemRoot 'Tasks'),
        $env:ProgramData,
        (Join-Path $env:SystemDrive 'Users\Public')
    )
    foreach ($place in $places) {
        Get-ChildItem -LiteralPath $place -File -Force -Recurse -Depth 3 -ErrorAction SilentlyContinue |
            Where-Object { $_.LastWriteTime -ge $since -and -not $_.FullName.StartsWith($Work) } |
            Select-Object @{ Name = 'ChangedUtc'; Expression = { $_.LastWriteTimeUtc.ToString('o') } }, Length, FullName
    }
}

try {
    Remove-Work
    if ($Remove) {
        Write-Output 'TRIAGE-REMOVED'
        exit 0
    }
    New-Item -ItemType Directory -Path $Facts | Out-Null

    Save-Facts 'host' {
        $system = Get-CimInstance -ClassName Win32_OperatingSystem
        [PSCustomObject] @{
            Name         = $env:COMPUTERNAME
            System       = $system.Caption
            Build        = $system.BuildNumber
            LastBootUtc  = $system.LastBootUpTime.ToUniversalTime().ToString('o')
            CollectedUtc = (Get-Date).ToUniversalTime().ToString('o')
        }
    }
    Save-Facts 'processes' {
        Get-CimInstance -ClassName Win32_Process |
            Select-Object ProcessId, ParentProcessId, Name, ExecutablePath, CommandLine, CreationDate
    }
    Save-Facts 'services' {
        Get-CimInstance -ClassName Win32_Service |
            Select-Object Name, State, StartMode, StartName, ProcessId, PathName
    }
    Save-Facts 'tasks' {
        Get-ScheduledTask | ForEach-Object {
            $task = $_
            foreach ($action in $task.Actions) {
                # Not every kind of action has a command; strict mode would stop at a missing property.
                $execute = $action.PSObject.Properties['Execute']
                $arguments = $action.PSObject.Properties['Arguments']
                [PSCustomObject] @{
                    Task      = $task.TaskPath + $task.TaskName
                    State     = $task.State
                    User      = $task.Principal.UserId
                    Command   = if ($execute) { $execute.Value } else { $action.CimClass.CimClassName }
                    Arguments = if ($arguments) { $arguments.Value } else { '' }
                }
            }
        }
    }
    Save-Facts 'run-keys' { Get-RunKey }
    Save-Facts 'connections' {
        Get-NetTCPConnection |
            Select-Object State, LocalAddress, LocalPort, RemoteAddress, RemotePort, OwningProcess
    }
    Save-Facts 'accounts' {
        Get-CimInstance -ClassName Win32_UserAccount -Filter 'LocalAccount = TRUE' |
            Select-Object Name, SID, Disabled, Lockout, PasswordRequired
    }
    Save-Facts 'administrators' {
        # By its SID, because the group's name depends on the language of the system.
        Get-CimInstance -ClassName Win32_Group -Filter "SID = 'S-1-5-32-544'" |
            Get-CimAssociatedInstance -Association Win32_GroupUser |
            Select-Object Name, Domain, SID
    }
    Save-Facts 'detections' {
        Get-MpThreatDetection |
            Where-Object { $_.InitialDetectionTime -ge (Get-Date).AddDays(-$Days) } |
            Select-Object InitialDetectionTime, ThreatID, ProcessName, ActionSuccess,
                @{ Name = 'Resources'; Expression = { $_.Resources -join '; ' } }
    }
    Save-Facts 'fresh-files' { Get-FreshFile }

    Get-ChildItem -LiteralPath $Facts -File |
        Get-FileHash -Algorithm SHA256 |
        Select-Object Hash, @{ Name = 'File'; Expression = { Split-Path -Leaf $_.Path } } |
        Export-Csv -LiteralPath (Join-Path $Work 'manifest.csv') -NoTypeInformation -Encoding UTF8
    Move-Item -LiteralPath (Join-Path $Work 'manifest.csv') -Destination $Facts

    Compress-Archive -Path (Join-Path $Facts '*') -DestinationPath $Archive
    Remove-Item -LiteralPath $Facts -Recurse -Force

    $sum = (Get-FileHash -LiteralPath $Archive -Algorithm SHA256).Hash.ToLowerInvariant()
    Write-Output "TRIAGE-COMPLETE bytes=$((Get-Item -LiteralPath $Archive).Length) sha256=$sum"
    exit 0
}
catch {
    Write-Output "TRIAGE-FAILED $($_.Exception.Message)"
    exit 1
}
