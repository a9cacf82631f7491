<#
.SYNOPSIS
    Collects the traces Windows keeps of programs that ran: Prefetch, Amcache, SRUM and others.
.DESCRIPTION
    Reads which files to take from cache-artefacts.txt, which a PutFile has placed in the working
    folder of live response. Writes C:\ProgramData\svar-cache\artefacts.zip, and ends with a line
    that begins with COLLECTED. Files that Windows keeps open are taken from a shadow copy, which
    is made for this and deleted again. Windows PowerShell 5.1 and later.
.PARAMETER Days
    Prefetch files and others of which there are many are taken when changed in the last so many days.
.PARAMETER Remove
    Removes what a run left, and does nothing else.
#>
[CmdletBinding()]
param(
    [ValidateRange(1, 30)]
    [int] $Days = 7,

    [switch] $Remove
)

Set-StrictMode -Version 2.0
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'

$Work = Join-Path $env:ProgramData 'svar-cache'
$Files = Join-Path $Work 'files'
$Shadow = Join-Path $Work 'shadow'
$ShadowId = Join-Path $Work 'shadow-id.txt'
$Archive = Join-Path $Work 'artefacts.zip'
$Downloads = Join-Path $env:ProgramData 'Microsoft\Windows Defender Advanced Threat Protection\Downloads'
# No single artefact may make the archive large.
$FileBytesMax = 256MB

# The link goes first, with a call that removes the link alone; then its shadow copy, then the folder.
function Remove-Work {
    if (-not (Test-Path -LiteralPath $Work)) { return }
    $item = Get-Item -LiteralPath $Work -Force
    if ($item.Attributes -band [IO.FileAttributes]::ReparsePoint) {
        throw "$Work is a link"
    }
    if (Test-Path -LiteralPath $Shadow) { [IO.Directory]::Delete($Shadow) }
    if (Test-Path -LiteralPath $ShadowId) {
        $id = ([string] (Get-Content -LiteralPath $ShadowId -TotalCount 1)).Trim()
        Get-CimInstance -ClassName Win32_ShadowCopy | Where-Object { $_.ID -eq $id } | Remove-CimInstance
    }
    Remove-Item -LiteralPath $Work -Recurse -Force
}

# Lines of `once <path>` and `recent <path>`; a path may end in a pattern, and may name one folder
# level as `*`. Comments begin with `#`.
function Get-Artefact {
    $list = @(
        (Join-Path $Downloads 'cache-artefacts.txt'),
        (Join-Path (Get-Location).Path 'cache-artefacts.txt')
    ) | Where-Object { Test-Path -LiteralPath $_ } | Select-Object -First 1
    if (-not $list) { throw 'cache-artefacts.txt is not in the working folder; put it there first' }
    foreach ($line in Get-Content -LiteralPath $list) {
        if ($line -match '^\s*(once|recent)\s+([A-Za-z]:\\.+?)\s*$') {
            [PSCustomObject] @{ Recent = ($Matches[1] -eq 'recent'); Path = $Matches[2] }
        }
    }
}

try {
    Remove-Work
    if ($Remove) {
        Write-Output 'REMOVED'
        exit 0
    }
    New-Item -ItemType Directory -Path $Files | Out-Null
    $artefacts = @(Get-Artefact)
    $since = (Get-Date).AddDays(-$Days)

    # Registry hives and databases are open while Windows runs; the shadow copy shows them at rest.
    # Its id is written down at once, so that cleanup finds it after a crash.
    $drive = "$env:SystemDrive\"
    $made = Invoke-CimMethod -ClassName Win32_ShadowCopy -MethodName Create -Arguments @{ Volume = $drive; Context = 'ClientAccessible' }
    if ($made.ReturnValue -ne 0) { throw "no shadow copy could be made: $($made.ReturnValue)" }
    Set-Content -LiteralPath $ShadowId -Value $made.ShadowID -Encoding ASCII
    $copy = Get-CimInstance -ClassName Win32_ShadowCopy | Where-Object { $_.ID -eq $made.ShadowID }
    & "$env:SystemRoot\System32\cmd.exe" /c mklink /d $Shadow "$($copy.DeviceObject)\" | Out-Null
    if ($LASTEXITCODE -ne 0) { throw 'the shadow copy could not be opened' }

    $taken = 0
    $skipped = 0
    foreach ($artefact in $artefacts) {
        # Only the system's drive has a shadow copy.
        if (-not $artefact.Path.StartsWith($drive, [StringComparison]::OrdinalIgnoreCase)) { $skipped++; continue }
        $there = Join-Path $Shadow $artefact.Path.Substring($drive.Length)
        foreach ($file in Get-ChildItem -Path $there -File -Force -ErrorAction SilentlyContinue) {
            if ($artefact.Recent -and $file.LastWriteTime -lt $since) { continue }
            if ($file.Length -gt $FileBytesMax) { $skipped++; continue }
            $to = Join-Path $Files $file.FullName.Substring($Shadow.Length)
            New-Item -ItemType Directory -Path (Split-Path -Parent $to) -Force | Out-Null
            Copy-Item -LiteralPath $file.FullName -Destination $to
            $taken++
        }
    }
    if ($taken -eq 0) { throw 'none of the artefacts is on this device' }

    Get-ChildItem -LiteralPath $Files -File -Recurse -Force |
        Get-FileHash -Algorithm SHA256 |
        Select-Object Hash, @{ Name = 'File'; Expression = { $_.Path.Substring($Files.Length) } } |
        Export-Csv -LiteralPath (Join-Path $Work 'manifest.csv') -NoTypeInformation -Encoding UTF8
    Move-Item -LiteralPath (Join-Path $Work 'manifest.csv') -Destination $Files
    Compress-Archive -Path (Join-Path $Files '*') -DestinationPath $Archive

    $sum = (Get-FileHash -LiteralPath $Archive -Algorithm SHA256).Hash.ToLowerInvariant()
    Write-Output "COLLECTED files=$taken skipped=$skipped bytes=$((Get-Item -LiteralPath $Archive).Length) sha256=$sum"
    exit 0
}
catch {
    Write-Output "COLLECT-FAILED $($_.Exception.Message)"
    exit 1
}
