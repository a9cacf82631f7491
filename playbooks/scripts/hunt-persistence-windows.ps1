<#
.SYNOPSIS
    Lists what starts on its own on a Windows device, and marks what is seldom honest.
.DESCRIPTION
    Looks at run keys, services, scheduled tasks, WMI event consumers, startup folders and debuggers
    set for other programs. Writes C:\ProgramData\svar-persistence\persistence.csv. An entry is
    marked when it starts from a folder that users may write to, or looks like an encoded or
    downloading command line. A mark is a hint for a person; an entry without one is still listed.
    The last line on stdout is JSON: how many entries, how many marked, and the first marked ones.
    Changes nothing but that folder, uses no network. Windows PowerShell 5.1 and later.
.PARAMETER Remove
    Removes the folder again, and does nothing else.
#>
[CmdletBinding()]
param(
    [switch] $Remove
)

Set-StrictMode -Version 2.0
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'

$Work = Join-Path $env:ProgramData 'svar-persistence'
$List = Join-Path $Work 'persistence.csv'
$EntriesMax = 5000
$ShownMax = 20

# A junction in the folder's place would lead SYSTEM's writes, and its deletions, elsewhere.
function Remove-Work {
    if (-not (Test-Path -LiteralPath $Work)) { return }
    $item = Get-Item -LiteralPath $Work -Force
    if ($item.Attributes -band [IO.FileAttributes]::ReparsePoint) {
        throw "$Work is a link"
    }
    Remove-Item -LiteralPath $Work -Recurse -Force
}

# Why an entry deserves a look, in one word, or nothing.
function Get-Mark {
    param([string] $Command)
    switch -Regex ($Command) {
        '(?i)-e(nc|ncodedcommand)?\s+[A-Za-z0-9+/=]{40,}' { return 'encoded-command' }
        '(?i)downloadstring|downloadfile|invoke-webrequest|bitsadmin|certutil.+-urlcache' { return 'downloads' }
        '(?i)\b(mshta|regsvr32|rundll32)(\.exe)?\b.+(https?:|javascript:|scrobj)' { return 'script-through-system-tool' }
        '(?i)\\(users\\public|windows\\temp|appdata\\local\\temp|perflogs|\$recycle\.bin)\\' { return 'writable-folder' }
    }
    return ''
}

function New-Entry {
    param([string] $Kind, [string] $Place, [string] $Command)
    [PSCustomObject] @{ Mark = (Get-Mark $Command); Kind = $Kind; Place = $Place; Command = $Command }
}

function Get-KeyEntry {
    param([string] $Kind, [string] $Path)
    if (-not (Test-Path -LiteralPath $Path)) { return }
    $key = Get-Item -LiteralPath $Path
    foreach ($name in $key.GetValueNames()) {
        New-Entry $Kind "$($key.Name)\$name" ([string] $key.GetValue($name))
    }
}

function Get-Persistence {
    $run = 'SOFTWARE\Microsoft\Windows\CurrentVersion\Run'
    foreach ($suffix in @('', 'Once')) {
        Get-KeyEntry 'run-key' "HKLM:\$run$suffix"
        Get-KeyEntry 'run-key' "HKLM:\SOFTWARE\WOW6432Node\Microsoft\Windows\CurrentVersion\Run$suffix"
        # The hives of users who are signed in; SYSTEM's own HKCU would say nothing about them.
        foreach ($hive in Get-ChildItem -LiteralPath 'Registry::HKEY_USERS') {
            Get-KeyEntry 'run-key' "Registry::$($hive.Name)\$run$suffix"
        }
    }

    $winlogon = Get-Item -LiteralPath 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon'
    foreach ($name in @('Shell', 'Userinit')) {
        New-Entry 'winlogon' "Winlogon\$name" ([string] $winlogon.GetValue($name))
    }

    $debuggers = 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Image File Execution Options'
    foreach ($key in Get-ChildItem -LiteralPath $debuggers) {
        $command = [string] $key.GetValue('Debugger')
        if ($command) { New-Entry 'debugger' $key.PSChildName $command }
    }

    foreach ($service in Get-CimInstance -ClassName Win32_Service -Filter "StartMode = 'Auto'") {
        New-Entry 'service' $service.Name ([string] $service.PathName)
    }

    foreach ($task in Get-ScheduledTask | Where-Object { $_.State -ne 'Disabled' }) {
        foreach ($action in $task.Actions) {
            # Not every kind of action has a command; strict mode would stop at a missing property.
            $execute = $action.PSObject.Properties['Execute']
            $arguments = $action.PSObject.Properties['Arguments']
            if (-not $execute) { continue }
            $command = [string] $execute.Value
            if ($arguments) { $command = "$command $($arguments.Value)" }
            New-Entry 'task' ($task.TaskPath + $task.TaskName) $command
        }
    }

    foreach ($consumer in Get-CimInstance -Namespace 'root\subscription' -ClassName CommandLineEventConsumer) {
        New-Entry 'wmi-consumer' $consumer.Name ([string] $consumer.CommandLineTemplate)
    }
    foreach ($consumer in Get-CimInstance -Namespace 'root\subscription' -ClassName ActiveScriptEventConsumer) {
        New-Entry 'wmi-consumer' $consumer.Name ([string] $consumer.ScriptText)
    }

    $startup = 'Microsoft\Windows\Start Menu\Programs\Startup'
    $folders = @(Join-Path $env:ProgramData $startup)
    foreach ($user in Get-ChildItem -LiteralPath (Join-Path $env:SystemDrive '\Users') -Directory -Force) {
        $folders += Join-Path $user.FullName "AppData\Roaming\$startup"
    }
    foreach ($folder in $folders) {
        foreach ($file in Get-ChildItem -LiteralPath $folder -File -Force -ErrorAction SilentlyContinue) {
            if ($file.Name -ne 'desktop.ini') { New-Entry 'startup-folder' $folder $file.FullName }
        }
    }
}

try {
    Remove-Work
    if ($Remove) {
        Write-Output '{"removed":true}'
        exit 0
    }
    New-Item -ItemType Directory -Path $Work | Out-Null

    $entries = @(Get-Persistence | Select-Object -First $EntriesMax)
    $entries | Export-Csv -LiteralPath $List -NoTypeInformation -Encoding UTF8

    $marked = @($entries | Where-Object { $_.Mark })
    $first = @($marked | Select-Object -First $ShownMax |
        ForEach-Object { [PSCustomObject] @{ mark = $_.Mark; kind = $_.Kind; place = $_.Place } })
    [PSCustomObject] @{ entries = $entries.Count; marked = $marked.Count; first = $first } |
        ConvertTo-Json -Compress -Depth 3
    exit 0
}
catch {
    Write-Output "PERSISTENCE-FAILED $($_.Exception.Message)"
    exit 1
}
