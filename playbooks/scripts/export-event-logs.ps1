<#
.SYNOPSIS
    Exports Windows event logs of the last days into one archive.
.DESCRIPTION
    Writes C:\ProgramData\svar-eventlogs\eventlogs.zip with one .evtx file for each log, and ends
    with one line of JSON that names the logs taken, the logs missing, and the archive's SHA-256.
    Changes nothing but that folder, clears no log, uses no network. Windows PowerShell 5.1 and later.
.PARAMETER Request
    The base64url form of a JSON object: {"logs":["Security",...],"days":7}. One token, because names
    of logs hold blanks and slashes.
.PARAMETER Remove
    Removes the folder again, and does nothing else.
#>
[CmdletBinding()]
param(
    [Parameter(Position = 0)]
    [string] $Request = '',

    [switch] $Remove
)

Set-StrictMode -Version 2.0
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'

$Work = Join-Path $env:ProgramData 'svar-eventlogs'
$Logs = Join-Path $Work 'logs'
$Archive = Join-Path $Work 'eventlogs.zip'

# A junction in the folder's place would lead SYSTEM's writes, and its deletions, elsewhere.
function Remove-Work {
    if (-not (Test-Path -LiteralPath $Work)) { return }
    $item = Get-Item -LiteralPath $Work -Force
    if ($item.Attributes -band [IO.FileAttributes]::ReparsePoint) {
        throw "$Work is a link"
    }
    Remove-Item -LiteralPath $Work -Recurse -Force
}

function ConvertFrom-Token {
    param([string] $Token)
    $text = $Token.Replace('-', '+').Replace('_', '/')
    while ($text.Length % 4) { $text += '=' }
    [Text.Encoding]::UTF8.GetString([Convert]::FromBase64String($text)) | ConvertFrom-Json
}

try {
    if ($Remove) {
        Remove-Work
        Write-Output '{"removed":true}'
        exit 0
    }
    $wanted = ConvertFrom-Token $Request
    $days = [int] $wanted.days
    if ($days -lt 1 -or $days -gt 90) { throw 'days must be from 1 to 90' }

    Remove-Work
    New-Item -ItemType Directory -Path $Logs | Out-Null

    # The time is compared inside the log service, in milliseconds before now.
    $query = '*[System[TimeCreated[timediff(@SystemTime) <= {0}]]]' -f ([long] $days * 86400000)
    $taken = @()
    $missing = @()
    foreach ($name in @($wanted.logs)) {
        $file = Join-Path $Logs (($name -replace '[^A-Za-z0-9.-]', '_') + '.evtx')
        # wevtutil says on stderr what it misses; only its exit code counts here.
        $ErrorActionPreference = 'Continue'
        & "$env:SystemRoot\System32\wevtutil.exe" export-log $name $file "/query:$query" 2>&1 | Out-Null
        $code = $LASTEXITCODE
        $ErrorActionPreference = 'Stop'
        if ($code -eq 0) { $taken += $name } else { $missing += $name }
    }
    if ($taken.Count -eq 0) { throw 'no log could be exported' }

    Compress-Archive -Path (Join-Path $Logs '*') -DestinationPath $Archive
    Remove-Item -LiteralPath $Logs -Recurse -Force

    [PSCustomObject] @{
        taken   = @($taken)
        missing = @($missing)
        bytes   = (Get-Item -LiteralPath $Archive).Length
        sha256  = (Get-FileHash -LiteralPath $Archive -Algorithm SHA256).Hash.ToLowerInvariant()
    } | ConvertTo-Json -Compress
    exit 0
}
catch {
    Write-Output "EXPORT-FAILED $($_.Exception.Message)"
    exit 1
}
