<#
.SYNOPSIS
    Finds files whose SHA-256 is on a list.
.DESCRIPTION
    Prints one line of JSON: how many files were read, how many matched, and the path and hash of
    each match (the first 200). Changes nothing, follows no links. Windows PowerShell 5.1 and later.
.PARAMETER Request
    The base64url form of a JSON object:
    {"hashes":["<64 hexadecimal digits>",...],"folders":["C:\\Users",...],"max_mib":64}
#>
[CmdletBinding()]
param(
    [Parameter(Mandatory = $true, Position = 0)]
    [string] $Request
)

Set-StrictMode -Version 2.0
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'

$NamedMax = 200

function ConvertFrom-Token {
    param([string] $Token)
    $text = $Token.Replace('-', '+').Replace('_', '/')
    while ($text.Length % 4) { $text += '=' }
    [Text.Encoding]::UTF8.GetString([Convert]::FromBase64String($text)) | ConvertFrom-Json
}

# Get-ChildItem -Recurse of PowerShell 5.1 walks through junctions; this does not.
function Get-RealFile {
    param([string] $Folder)
    $waiting = New-Object 'System.Collections.Generic.Stack[string]'
    $waiting.Push($Folder)
    while ($waiting.Count -gt 0) {
        foreach ($item in Get-ChildItem -LiteralPath $waiting.Pop() -Force -ErrorAction SilentlyContinue) {
            if ($item.Attributes -band [IO.FileAttributes]::ReparsePoint) { continue }
            if ($item.PSIsContainer) { $waiting.Push($item.FullName) } else { $item }
        }
    }
}

try {
    $wanted = ConvertFrom-Token $Request
    $hashes = New-Object 'System.Collections.Generic.HashSet[string]' ([StringComparer]::OrdinalIgnoreCase)
    foreach ($hash in @($wanted.hashes)) { [void] $hashes.Add([string] $hash) }
    if ($hashes.Count -eq 0) { throw 'the list of hashes is empty' }
    $bytesMax = [long] $wanted.max_mib * 1MB

    $read = 0
    $matched = 0
    $named = @()
    foreach ($folder in @($wanted.folders)) {
        if (-not (Test-Path -LiteralPath $folder -PathType Container)) { continue }
        foreach ($file in Get-RealFile $folder) {
            if ($file.Length -gt $bytesMax) { continue }
            # A file that somebody keeps open exclusively can't be read; it is not counted.
            $sum = Get-FileHash -LiteralPath $file.FullName -Algorithm SHA256 -ErrorAction SilentlyContinue
            if ($null -eq $sum) { continue }
            $read++
            if (-not $hashes.Contains($sum.Hash)) { continue }
            $matched++
            if ($matched -le $NamedMax) {
                $named += [PSCustomObject] @{ path = $file.FullName; sha256 = $sum.Hash.ToLowerInvariant() }
            }
        }
    }
    [PSCustomObject] @{ files_read = $read; matched = $matched; matches = @($named) } |
        ConvertTo-Json -Compress -Depth 3
    exit 0
}
catch {
    Write-Output "FIND-BY-HASH-FAILED $($_.Exception.Message)"
    exit 1
}
